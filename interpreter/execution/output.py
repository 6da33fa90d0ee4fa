"""What the last line gave: a valid output grid, or not."""

from functools import lru_cache
from typing import Any

from interpreter.language.limits import Mode
from interpreter.language.outcome import Grid, Outcome, Status

_COLORS = bytes(range(10))
_TUPLE = frozenset({tuple})
_MAX_ROWS = 30
_OK = Status.OK  # looking it up in its class takes as long as a line
_new = tuple.__new__  # and so does the constructor of a named tuple


def finish(value: Any, work: int, mode: Mode) -> Outcome:
    """Return the outcome of a program whose last line gave `value`."""
    grid = as_grid(value, mode)
    if grid is None:
        return Outcome(Status.INVALID, None, "the result is no valid grid", work)
    return _new(Outcome, (_OK, grid, "", work))


def as_grid(value: Any, mode: Mode) -> Grid | None:
    """Return `value` with plain integer cells if it is a valid output grid, else None.

    A valid grid is a tuple of equally long tuples of integers 0-9, in mode "native" of 1 to 30 rows and columns. `()`
    is valid in mode "codeit" only.
    """
    return _checked(value, mode) if type(value) is tuple else None


# Samples for one task often give the same grid; to hash one takes a tenth of the time of checking it.
@lru_cache(maxsize=256)
def _checked(value: tuple[Any, ...], mode: Mode) -> Grid | None:
    if not _TUPLE.issuperset(map(type, value)):
        return None
    if mode == "native" and not (1 <= len(value) <= _MAX_ROWS and 1 <= len(value[0]) <= _MAX_ROWS):
        return None
    try:
        rows = list(map(bytes, value))
    except (TypeError, ValueError):
        return None
    if len(set(map(len, rows))) > 1 or b"".join(rows).translate(None, _COLORS):
        return None
    # Booleans among the cells equal integers and would go unnoticed: bytes give plain integers again, which takes less
    # time than to look for them.
    return tuple(map(tuple, rows))
