"""Grids as tokens of the native vocabulary: a list of cells or runs along the rows, whichever is shorter.

    <role>:cells  height  width  background  (color  cell cell ...) ...    colors ascending, cells row-major
    <role>:runs   height  width  (run run ... | same_row) ...               row by row; a row's runs fill its width

`role` says whether the grid is a demonstration's input or its output, so the first token of a grid is at once its
separator and the flag of its form.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from codeit_jax.arc import MAX_SIDE, NUM_COLORS, Grid

Role = Literal["input", "output"]


class GridTokens:
    """The grid part of a vocabulary, and the encoder that uses it.

    Attributes:
        names: the name of each grid token; the id of `names[i]` is `first_id + i`.
    """

    def __init__(self, first_id: int) -> None:
        self._first_id = first_id
        self.names: list[str] = []
        self._cells = {role: self._add([f"{role}:cells"]) for role in ("input", "output")}
        self._runs = {role: self._add([f"{role}:runs"]) for role in ("input", "output")}
        self._height = self._add([f"height:{side}" for side in range(1, MAX_SIDE + 1)])
        self._width = self._add([f"width:{side}" for side in range(1, MAX_SIDE + 1)])
        self._background = self._add([f"background:{color}" for color in range(NUM_COLORS)])
        self._color = self._add([f"color:{color}" for color in range(NUM_COLORS)])
        # A cell's token is its absolute place, whatever the grid's width: it means the same in every grid.
        self._cell = self._add([f"cell:{row},{column}" for row in range(MAX_SIDE) for column in range(MAX_SIDE)])
        self._run = self._add([f"run:{color}*{n}" for color in range(NUM_COLORS) for n in range(1, MAX_SIDE + 1)])
        self._same_row = self._add(["same_row"])

    def _add(self, names: list[str]) -> int:
        """Append tokens and return the id of the first."""
        first = self._first_id + len(self.names)
        self.names.extend(names)
        return first

    def encode(self, grid: Grid, role: Role) -> NDArray[np.int32]:
        """Return the grid's tokens, int32 [L], in the shorter form (cells if both are equally long).

        Raises:
            ValueError: not a rectangle of 1 to 30 rows and columns of colors 0 to 9.
        """
        colors = _as_array(grid)
        height, width = colors.shape
        size = [self._height + height - 1, self._width + width - 1]
        cells = [self._cells[role], *size, *self._cell_list(colors)]
        runs = [self._runs[role], *size, *self._run_list(colors)]
        return np.array(cells if len(cells) <= len(runs) else runs, np.int32)

    def _cell_list(self, colors: NDArray[np.int64]) -> list[int]:
        counts = np.bincount(colors.ravel(), minlength=NUM_COLORS)
        background = int(counts.argmax())  # the first maximum: the smallest of several most common colors
        tokens = [self._background + background]
        # Cells of the background go without saying, which makes this form the shorter one for sparse grids.
        for color in np.flatnonzero(counts):
            if color != background:
                rows, columns = np.nonzero(colors == color)
                tokens.append(self._color + int(color))
                tokens.extend((self._cell + rows * MAX_SIDE + columns).tolist())
        return tokens

    def _run_list(self, colors: NDArray[np.int64]) -> list[int]:
        # A run begins where the color changes along a row; a row that repeats the one above is one token.
        is_same = np.zeros(len(colors), bool)
        is_same[1:] = (colors[1:] == colors[:-1]).all(axis=1)
        starts = np.ones(colors.shape, bool)
        starts[:, 1:] = (colors[:, 1:] != colors[:, :-1]) & ~is_same[:, None]
        # Every row begins a run, a repeated row too, so no difference of flat places spans two rows.
        places = np.flatnonzero(starts)
        lengths = np.diff(places, append=colors.size)
        tokens = self._run + colors.ravel()[places] * MAX_SIDE + lengths - 1
        tokens[is_same[places // colors.shape[1]]] = self._same_row
        ids: list[int] = tokens.tolist()
        return ids


def _as_array(grid: Grid) -> NDArray[np.int64]:
    try:
        colors = np.asarray(grid, np.int64)
    except ValueError:
        raise ValueError("a grid with rows of different lengths, expected a rectangle") from None
    if colors.ndim != 2 or not all(1 <= side <= MAX_SIDE for side in colors.shape):
        raise ValueError(f"a grid of shape {colors.shape}, expected 1 to {MAX_SIDE} rows and columns")
    if colors.min() < 0 or colors.max() >= NUM_COLORS:
        raise ValueError(f"a grid with colors {colors.min()} to {colors.max()}, expected 0 to {NUM_COLORS - 1}")
    return colors
