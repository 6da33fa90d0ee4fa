"""What a call gives within a budget."""

from interpreter.values.meter import METER


def outcome(call, budget, max_items):
    """Return the value or the kind of failure, and the work taken."""
    before = METER.left, METER.max_items
    METER.left, METER.max_items = budget, max_items
    try:
        value = call()
    except Exception as error:
        return type(error), str(error)
    else:
        return value, budget - METER.left
    finally:
        METER.left, METER.max_items = before
        assert METER.depth == METER.compounding == 0
