"""Regular grids of small colors seen as bytes and as integer bit masks, where one operation treats many cells.

Cells are row-major with one guard column at the right of the grid (after every row but the last). A mask has one bit a
cell, bit 0 the upper left one, and no bit in the guard column, so that a shift by one never carries a cell into the
next row.
"""

from collections.abc import Hashable, Iterable, Sequence
from functools import cache, lru_cache
from itertools import chain, compress

from interpreter.primitives.indices import Index, indices_in_box
from interpreter.values.order import Value

GUARD = 255  # fills the guard column; no grid with a color this high takes the fast path
MAX_CELLS = 4096  # beyond, masks lose to cell-by-cell code and index tables to memory

_SIDE = 32  # tables of grids up to this size share their cells
MAX_RECENT = 64
MAX_KEPT_CELLS = 200_000  # of all grids with an answer that is kept, once for each
_SELECTORS = [bytes(color) + b"\1" + bytes(GUARD - color) for color in range(GUARD)]
_DIGITS = [b"0" * color + b"1" + b"0" * (GUARD - color) for color in range(GUARD)]
_GUARDS = bytes([GUARD]) * MAX_CELLS
_GUARD = _GUARDS[:1]
_TUPLE = frozenset({tuple})
_BITS = _SELECTORS[ord("1")]


class Raster:
    """A grid with the guard column.

    Attributes:
        grid: the grid.
        cells: its colors, 0 to 254, and `GUARD`.
        height: number of rows.
        width: number of columns, without the guard.
        kept: what was found out about the grid, by the question; `keep` adds to it.
    """

    __slots__ = ("_counts", "cells", "grid", "height", "kept", "width")

    def __init__(self, grid: Value, cells: bytes) -> None:
        self.grid, self.cells, self.height, self.width = grid, cells, len(grid), len(grid[0])
        self._counts: list[int] | None = None
        self.kept: dict[Hashable, Value] = {}

    def keep(self, question: Hashable, answer: Value) -> Value:
        """Keep a set of cells or indices, or of sets of them in which no cell is twice, and return it."""
        global _cells_kept
        _cells_kept += len(self.cells)
        if _cells_kept > MAX_KEPT_CELLS:
            _forget()
        self.kept[question] = answer
        return answer

    @property
    def counts(self) -> list[int] | None:
        """The number of cells of each color 0 to 9; None if there are other colors."""
        if self._counts is None:
            counts = list(map(self.cells.count, range(10)))
            if sum(counts) != self.height * self.width:
                return None
            self._counts = counts
        return self._counts

    def with_cells(self, cells: bytes) -> Value:
        """Return a grid of the same shape with other colors, given with the guards, and keep its raster."""
        grid = tuple([tuple(row) for row in cells.split(_GUARD)])
        _keep(Raster(grid, cells))
        return grid

    def mask(self, color: int) -> int:
        """Return the mask of the cells of one color (0 to 254)."""
        return int(self.cells[::-1].translate(_DIGITS[color]), 2)

    def pick(self, mask: int) -> Iterable[Value]:
        """Iterate over the cells, as colors with indices, at the bits of a non-empty mask."""
        return zip(pick(self.cells, mask), pick(padded_index_table(self.height, self.width), mask), strict=True)

    def select(self, color: int, table: tuple[Value, ...]) -> Iterable[Value]:
        """Iterate over the entries of a padded table whose cell has the color (0 to 254)."""
        return compress(table, self.cells.translate(_SELECTORS[color]))


# By identity; an entry keeps its grid, so that no other can get its id.
recent: dict[int, Raster] = {}
_cells_kept = 0


def _forget() -> None:
    global _cells_kept
    recent.clear()
    _cells_kept = 0


def raster_of(grid: Value) -> Raster | None:
    """Return the raster; None unless the grid is regular, of ordinary size, and of colors 0 to 254."""
    # Grids are immutable, so the same object is the same grid; to hash it would take as long as many a primitive.
    known = recent.get(id(grid))
    if known is not None:
        return known
    if type(grid) is not tuple or not grid or not _TUPLE.issuperset(map(type, grid)):
        return None
    height, width = len(grid), len(grid[0])
    if not 0 < height * width <= MAX_CELLS:
        return None
    try:
        cells = _GUARD.join(map(bytes, grid))
    except (TypeError, ValueError):
        return None
    # Rows of other lengths would have the guard elsewhere.
    guards = _GUARDS[: height - 1]
    if (
        cells[width :: width + 1] != guards
        or len(cells) != height * (width + 1) - 1
        or cells.count(GUARD) != height - 1
    ):
        return None
    raster = Raster(grid, cells)
    _keep(raster)
    return raster


def _keep(raster: Raster) -> None:
    if len(recent) == MAX_RECENT:
        _forget()
    recent[id(raster.grid)] = raster


def known_raster_of(grid: Value) -> Raster | None:
    """Return the raster if there is one already: what reads every cell once is not worth a new one."""
    return recent.get(id(grid))


def is_color(value: Value) -> bool:
    """Return whether rasters can have the color."""
    return type(value) is int and 0 <= value < GUARD


def rows_of(cells: Iterable[Value], width: int) -> Value:
    """Return the regular grid of cells of any values, given row-major; the width is at least one."""
    return tuple(zip(*[iter(cells)] * width))  # noqa: B905 - the keyword would take as long as three rows


def is_regular(grid: Value) -> bool:
    """Return whether the value is a tuple of equally long tuples, at least one."""
    return type(grid) is tuple and _TUPLE.issuperset(map(type, grid)) and len(set(map(len, grid))) == 1


def index_table(height: int, width: int) -> tuple[Index, ...]:
    """List the indices of a grid row-major."""
    return indices_in_box(0, 0, height - 1, width - 1)


@lru_cache(maxsize=512)
def padded_index_table(height: int, width: int) -> tuple[Index, ...]:
    """List the indices row-major with those of the guard column, which is never selected."""
    return index_table(height, width + 1)[:-1]


@lru_cache(maxsize=1024)
def padded_cell_table(color: int, height: int, width: int) -> tuple[tuple[int, Index], ...]:
    """List the cells of one color row-major with those of the guard column."""
    if height > _SIDE or width >= _SIDE:
        return tuple([(color, index) for index in padded_index_table(height, width)])
    return tuple(chain.from_iterable([row[: width + 1] for row in _cells(color)[:height]]))


@cache
def _cells(color: int) -> tuple[tuple[tuple[int, Index], ...], ...]:
    rows = [index_table(_SIDE, _SIDE)[start : start + _SIDE] for start in range(0, _SIDE * _SIDE, _SIDE)]
    return tuple([tuple([(color, index) for index in row]) for row in rows])


def corner_region(rows: int, columns: int, stride: int) -> int:
    """Return the mask of the first rows and columns, given the width with the guard column."""
    return ((1 << columns) - 1) * (((1 << stride * rows) - 1) // ((1 << stride) - 1))


def pick(table: Sequence[Value], mask: int) -> Iterable[Value]:
    """Iterate over the entries of a padded table at the bits of a non-empty mask."""
    low = (mask & -mask).bit_length() - 1
    selected = selectors(mask >> low)
    return compress(table[low : low + len(selected)], selected)


def selectors(mask: int) -> bytes:
    """Return one byte a bit, 0 or 1, lowest bit first."""
    return bin(mask)[:1:-1].encode().translate(_BITS)
