"""How close an output is to the wanted one: what guided mutation draws its parents by.

Most of the closeness of a grid of the wanted shape are the changes that it gets right. Besides, what is one call away
from the wanted grid is close, however few of its cells agree: turned or mirrored, in other colors, with more around it,
or a part of it.
"""

import numpy as np
import numpy.typing as npt

from codeit_jax.arc import NUM_COLORS, Example, Grid

_Cells = npt.NDArray[np.uint8]

SHAPE = 0.1
"""Closeness of a grid of the wanted shape with nothing else right in it."""

ALMOST = 0.9
"""Bound of the closeness of what isn't exact."""

TURNED, RECOLORED, MERGED_COLORS, CONTAINING = 0.8, 0.6, 0.5, 0.4
"""Closeness, at least, of a grid that is the wanted one turned or mirrored; with its colors exchanged; with more
colors, each of which stands for one of the wanted; with more around it."""

PART, ONE_SIDE = (0.15, 0.4), 0.05
"""Closeness of a part of the wanted grid, from the smallest to nearly all of it; and of a grid of which only the number
of rows or that of columns is right."""

_EQUAL_CELLS = 0.2  # what all cells that agree weigh, beside the changes


class Closeness:
    """Closeness to the output of one demonstration, from 0 to 1; only 1 is exact."""

    def __init__(self, example: Example) -> None:
        self._wanted_grid = example.output
        self._wanted = _cells(example.output)
        self._turned = {_key(cells) for cells in _symmetries(self._wanted)}
        given = _cells(example.input)
        # What counts as untouched: the input, or where the shapes differ, the output's most common color everywhere.
        blank = np.full_like(self._wanted, np.bincount(self._wanted.ravel()).argmax())
        self._untouched = given if given.shape == self._wanted.shape else blank
        self._changes = self._wanted != self._untouched
        self._known: dict[Grid, float] = {}

    def __call__(self, grid: Grid | None) -> float:
        """Return the closeness of an output; 0 for None."""
        if grid is None:
            return 0.0
        if grid == self._wanted_grid:
            return 1.0
        # Most children give an output that another has given.
        if grid not in self._known:
            self._known[grid] = self._measured(_cells(grid))
        return self._known[grid]

    def _measured(self, cells: _Cells) -> float:
        if _key(cells) in self._turned:
            return TURNED
        if cells.shape == self._wanted.shape:
            return max(self._changed_right(cells), self._recolored(cells))
        return self._of_another_shape(cells)

    def _changed_right(self, cells: _Cells) -> float:
        # Dice's coefficient of the changes wanted and the changes made: leaving all as it is is no merit.
        made = cells != self._untouched
        equal = cells == self._wanted
        right = int((made & self._changes & equal).sum())
        all_changes = int(made.sum() + self._changes.sum())
        changes = 2 * right / all_changes if all_changes else 0.0
        return SHAPE + (ALMOST - SHAPE) * ((1 - _EQUAL_CELLS) * changes + _EQUAL_CELLS * float(equal.mean()))

    def _recolored(self, cells: _Cells) -> float:
        """Return the closeness of a grid whose colors, each replaced by one, give the wanted grid; 0 for others."""
        pairs = np.unique(cells.astype(np.int64) * NUM_COLORS + self._wanted)
        num_colors, num_wanted = len(np.unique(cells)), len(np.unique(self._wanted))
        # With one color only, on either side, any grid would do.
        if min(num_colors, num_wanted) < 2 or len(pairs) != num_colors:
            return 0.0
        return RECOLORED if num_colors == num_wanted else MERGED_COLORS

    def _of_another_shape(self, cells: _Cells) -> float:
        (rows, columns), (wanted_rows, wanted_columns) = cells.shape, self._wanted.shape
        closeness = ONE_SIDE if (rows == wanted_rows) != (columns == wanted_columns) else 0.0
        if rows >= wanted_rows and columns >= wanted_columns and _contains(cells, self._wanted):
            return CONTAINING
        if rows <= wanted_rows and columns <= wanted_columns and _contains(self._wanted, cells):
            least, most = PART
            closeness = least + (most - least) * cells.size / self._wanted.size
        return closeness


def _contains(large: _Cells, small: _Cells) -> bool:
    """Return whether one grid is somewhere in another; one of a single color, which is anywhere, doesn't count."""
    if (small == small[0, 0]).all():
        return False
    windows = np.lib.stride_tricks.sliding_window_view(large, small.shape)
    return bool((windows == small).all(axis=(2, 3)).any())


def _symmetries(cells: _Cells) -> list[_Cells]:
    turned = [np.rot90(cells, quarter) for quarter in range(4)]
    return [*turned, *(one.T for one in turned)]


def _key(cells: _Cells) -> tuple[int, bytes]:
    return cells.shape[0], cells.tobytes()


def _cells(grid: Grid) -> _Cells:
    # By way of bytes: from nested tuples it takes ten times as long.
    return np.frombuffer(b"".join(map(bytes, grid)), np.uint8).reshape(len(grid), -1)
