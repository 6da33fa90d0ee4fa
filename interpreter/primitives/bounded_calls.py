"""Calling functions from primitives: bounded nesting of calls, and a verdict that does not depend on hash order."""

from collections.abc import Callable
from types import FunctionType

from interpreter.values.meter import METER, SizeExceeded
from interpreter.values.order import Value, in_order, ordered

_FRAMES = 3  # of a higher-order primitive itself


class _Walk:
    """How sets are walked: canonically while a failure is being reproduced."""

    canonical = False


def made_by(function: Value, builder: str) -> bool:
    """Return whether a value is what this primitive makes (see `closures`), or is the primitive itself."""
    return type(function) is FunctionType and function.__dict__.get("builder") == builder


def enter(function: Value) -> int:
    """Count the frames of a function that a primitive is about to call, and return their number, for `leave`.

    Raises:
        SizeExceeded: functions call one another too deeply. Self-application must end before the host's stack does.
    """
    frames: int = _FRAMES + getattr(function, "height", 0)
    if METER.depth + frames > METER.max_depth:
        raise SizeExceeded("functions nested too deeply")
    METER.depth += frames
    return frames


def leave(frames: int) -> None:
    """Take back what `enter` counted."""
    METER.depth -= frames


def call_each(function: Value, container: Value) -> list[Value]:
    """Call the function on every element, and list the results in the order in which Python iterates the container.

    Sets are walked in hash order as long as nothing can tell. A failure can: which element fails first, and with
    how much work, is the verdict. So after one the calls are made again in canonical order; calls inside then start
    with that order, so that nested failures do not multiply the repetitions.
    """
    frames = enter(function)
    left = METER.left  # what the repetition starts from
    try:
        if _Walk.canonical and type(container) is frozenset:
            result_of = {value: function(value) for value in ordered(container)}
            return [result_of[value] for value in container]
        return [function(value) for value in container]
    # No property of the program: to repeat the calls would only run out of memory again.
    except MemoryError:
        raise
    except Exception:
        if not _Walk.canonical and type(container) is frozenset and len(container) > 1:
            _reproduce(left, lambda: [function(value) for value in ordered(container)])
        raise
    finally:
        METER.depth -= frames


def call_combinations(function: Value, a: Value, b: Value) -> list[Value]:
    """Call the function on every pair of an element of a and an element of b, walking sets as `call_each` does."""
    frames = enter(function)
    try:
        if _Walk.canonical:
            return [function(x, y) for x in in_order(a) for y in in_order(b)]
        left = METER.left
        try:
            return [function(x, y) for x in a for y in b]
        except MemoryError:
            raise
        except Exception:
            _reproduce(left, lambda: [function(x, y) for x in in_order(a) for y in in_order(b)])
            raise
    finally:
        leave(frames)


def _reproduce(left: float, walk: Callable[[], object]) -> None:
    """Fail again, in canonical order, with the work that was left before."""
    METER.left = left
    _Walk.canonical = True
    try:
        walk()
    finally:
        _Walk.canonical = False
