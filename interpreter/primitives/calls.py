"""What every higher-order primitive needs: bounded nesting of calls, and a verdict that does not depend on hash order."""

from interpreter.values import Value, ordered
from interpreter.work import METER, SizeExceeded

_FRAMES = 3  # of a higher-order primitive itself


class Entered:
    """Count the frames of a function called by a primitive: self-application must end before the host's stack does.

    Raises:
        SizeExceeded: functions call one another too deeply.
    """

    __slots__ = ("frames",)

    def __init__(self, function: Value) -> None:
        self.frames: int = _FRAMES + getattr(function, "height", 0)

    def __enter__(self) -> None:
        METER.depth += self.frames
        if METER.depth > METER.max_depth:
            METER.depth -= self.frames
            raise SizeExceeded("functions nested too deeply")

    def __exit__(self, *failure: object) -> None:
        METER.depth -= self.frames


class _Walk:
    """How sets are walked: canonically while a failure is being reproduced."""

    canonical = False


def call_each(function: Value, container: Value) -> list[Value]:
    """Call the function on every element, and list the results in the order in which Python iterates the container.

    Sets are walked in hash order as long as nothing can tell. A failure can: which element fails first, and with how much work,
    is the verdict. So after one the calls are made again in canonical order; calls inside then start with that order, so that
    nested failures do not multiply the repetitions.
    """
    frames = _FRAMES + getattr(function, "height", 0)
    METER.depth += frames
    try:
        if METER.depth > METER.max_depth:
            raise SizeExceeded("functions nested too deeply")
        if type(container) is not frozenset or len(container) < 2:
            return [function(value) for value in container]
        return _call_on_set(function, container)
    finally:
        METER.depth -= frames


def _call_on_set(function: Value, values: frozenset[Value]) -> list[Value]:
    if _Walk.canonical:
        result_of = {value: function(value) for value in ordered(values)}
        return [result_of[value] for value in values]
    left = METER.left
    try:
        return [function(value) for value in values]
    except MemoryError:
        raise
    except Exception:
        METER.left = left
        _Walk.canonical = True
        try:
            for value in ordered(values):
                function(value)
        finally:
            _Walk.canonical = False
        raise
