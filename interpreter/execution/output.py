"""What the last line gave: a valid output grid, or not."""

import marshal
from enum import IntEnum
from typing import Any

from interpreter.language.limits import Mode
from interpreter.language.outcome import Grid, Outcome, Status

_COLORS = bytes(range(10))
_TUPLE = frozenset({tuple})
_MOST_ROWS = 30


class Unsure(IntEnum):
    """What has to be looked for in an output, as far as the program doesn't tell (`execution.plan`)."""

    SIZE = 0
    """It is a tuple of equally long tuples of colours, or no tuple."""
    COLORS = 1
    """It may be anything but for booleans."""
    BOOLEANS = 2
    """It may be anything."""


# Each would take as long as a line if it were looked up in its class, or called by it.
_OK, _SIZE, _BOOLEANS = Status.OK, Unsure.SIZE, Unsure.BOOLEANS
_new = tuple.__new__


def finish(value: Any, work: int, mode: Mode, unsure: Unsure = Unsure.BOOLEANS) -> Outcome:
    """Return the outcome of a program whose last line gave `value`."""
    grid = as_grid(value, mode, unsure)
    if grid is None:
        return Outcome(Status.INVALID, None, "the result is no valid grid", work)
    return _new(Outcome, (_OK, grid, "", work))


def as_grid(value: Any, mode: Mode, unsure: Unsure = Unsure.BOOLEANS) -> Grid | None:
    """Return `value` with plain integer cells if it is a valid output grid, else None.

    A valid grid is a tuple of equally long tuples of integers 0-9, in mode "native" of 1 to 30 rows and columns. `()`
    is valid in mode "codeit" only.
    """
    if type(value) is not tuple:
        return None
    if unsure is _SIZE and mode == "native":
        return value if 1 <= len(value) <= _MOST_ROWS and 1 <= len(value[0]) <= _MOST_ROWS else None
    if not _TUPLE.issuperset(map(type, value)):
        return None
    widths = set(map(len, value))
    if mode == "native":
        if not (len(widths) == 1 and 1 <= len(value) <= _MOST_ROWS and 1 <= min(widths) <= _MOST_ROWS):
            return None
    elif len(widths) > 1:
        return None
    try:
        cells = b"".join(map(bytes, value))
    except (TypeError, ValueError):
        return None
    if cells.translate(None, _COLORS):
        return None
    return _with_plain_cells(value) if unsure is _BOOLEANS else value


def _with_plain_cells(grid: Grid) -> Grid:
    """Replace booleans among the cells by integers."""
    # In marshal's format T and F stand for booleans (or are part of a large size), and asking it takes half the time of
    # looking at every cell's type.
    data = marshal.dumps(grid, 2)
    return tuple([tuple(map(int, row)) for row in grid]) if b"T" in data or b"F" in data else grid
