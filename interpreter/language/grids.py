"""Grids as callers give them: one rule for every way to run a program."""

from collections.abc import Sequence
from typing import Any

from interpreter.language.outcome import Grid

MAX_CELL = 255
"""Cells are integers from 0 to this; a color of ARC is at most 9, an output that is valid has no other."""

_MAX_KNOWN = 1024


def plain_grid(given: Any) -> Grid:
    """Return a grid as tuples of plain integers, the form that primitives work on.

    Args:
        given: rows of equal length, of integers: tuples or lists, in any mixture, or an array (anything with `tolist`).

    Raises:
        ValueError: it is something else; the message is one line.
    """
    known = _KNOWN.get(id(given))
    if known is not None and known[0] is given:
        return known[1]
    rows = _as_list(given)
    if rows is None:
        raise ValueError(f"a grid is of type {type(given).__name__}, expected rows of integers")
    grid = tuple([_plain_row(row, number) for number, row in enumerate(rows)])
    if len(set(map(len, grid))) > 1:
        number = next(k for k, row in enumerate(grid) if len(row) != len(grid[0]))
        raise ValueError(
            f"a grid is ragged: row {number} has {len(grid[number])} cells, expected {len(grid[0])} as in row 0"
        )
    # Only what nobody can change afterwards.
    if type(given) is tuple and all(type(row) is tuple for row in given):
        if len(_KNOWN) >= _MAX_KNOWN:
            _KNOWN.clear()
        _KNOWN[id(given)] = given, grid
    return grid


# By identity: programs by the thousand run on one grid, and to look at its cells takes as long as a program of some
# lines. The given grid is kept with it, so that no other one can get its number.
_KNOWN: dict[int, tuple[Any, Grid]] = {}


def _as_list(given: Any) -> Sequence[Any] | None:
    """Return the items of a list, tuple or array; None for anything else."""
    if isinstance(given, tuple | list):
        return given
    # `bytes` of an array would be its memory, not its numbers.
    items = given.tolist() if hasattr(given, "tolist") else None
    return items if isinstance(items, list) else None


def _plain_row(given: Any, number: int) -> tuple[int, ...]:
    row = _as_list(given)
    if row is None:
        raise ValueError(f"row {number} of a grid is of type {type(given).__name__}, expected integers")
    try:
        return tuple(bytes(row))  # in C: by `__index__`, which integers of every kind have, and no other number
    except (TypeError, ValueError):
        wrong = next(cell for cell in row if not _is_cell(cell))
        raise ValueError(
            f"row {number} of a grid has the cell {repr(wrong)[:40]}, expected an integer from 0 to {MAX_CELL}"
        ) from None


def _is_cell(cell: Any) -> bool:
    try:
        return len(bytes([cell])) == 1
    except (TypeError, ValueError):
        return False
