"""Grids: looking up, cutting, turning and mirroring; mirrors also work on patches."""

from functools import lru_cache
from itertools import chain
from operator import itemgetter

from interpreter.primitives.bounds import bounds, components_of, holds_cells, side
from interpreter.primitives.colors import count_cells
from interpreter.primitives.measurements import shape, ulcorner
from interpreter.primitives.raster import (
    MAX_CELLS,
    index_table,
    is_color,
    is_regular,
    padded_index_table,
    raster_of,
    rows_of,
)
from interpreter.values.meter import charge, reserve
from interpreter.values.order import Value, in_order
from interpreter.values.weight import charge_tree_size, reserve_copies

_TUPLE = {tuple}
_reversed = itemgetter(slice(None, None, -1))


def asindices(grid: Value) -> Value:
    """Return all indices of a grid."""
    if not len(grid):
        return frozenset()
    height, width = len(grid), len(grid[0])
    reserve(height * width)
    if height * width <= MAX_CELLS:
        return _all_indices(height, width)
    return frozenset([(i, j) for i in range(height) for j in range(width)])


@lru_cache(maxsize=128)
def _all_indices(height: int, width: int) -> Value:
    return frozenset(index_table(height, width))


def asobject(grid: Value) -> Value:
    """Return all cells of a grid as an object."""
    reserve(count_cells(grid))
    raster = raster_of(grid)
    if raster is not None:
        known = raster.kept.get("object")
        if known is None:
            cells = chain.from_iterable(grid)
            known = raster.keep("object", frozenset(zip(cells, index_table(raster.height, raster.width), strict=True)))
        return known
    if is_regular(grid) and len(grid) * len(grid[0]) <= MAX_CELLS:
        return frozenset(zip(chain.from_iterable(grid), index_table(len(grid), len(grid[0])), strict=True))
    return frozenset([(value, (i, j)) for i, row in enumerate(in_order(grid)) for j, value in enumerate(in_order(row))])


def ofcolor(grid: Value, value: Value) -> Value:
    """Return the indices of the cells of one color."""
    raster = raster_of(grid) if is_color(value) else None
    if raster is not None:
        charge(raster.height * raster.width)
        known = raster.kept.get(value)
        if known is None:
            indices = raster.select(value, padded_index_table(raster.height, raster.width))
            known = raster.keep(value, frozenset(indices))
        return known
    charge(count_cells(grid))
    if type(grid) is tuple and set(map(type, grid)) <= {tuple}:
        return frozenset(
            [(i, j) for i, row in enumerate(grid) if value in row for j, cell in enumerate(row) if cell == value]
        )
    return frozenset(
        [(i, j) for i, row in enumerate(in_order(grid)) for j, cell in enumerate(in_order(row)) if cell == value]
    )


def index(grid: Value, loc: Value) -> Value:
    """Return the color at a location, or none outside the grid."""
    i, j = components_of(loc)
    height, width = len(grid), len(grid[0])
    return grid[i][j] if 0 <= i < height and 0 <= j < width else None


def canvas(value: Value, dimensions: Value) -> Value:
    """Return a grid of one color."""
    rows = dimensions[0]
    if not isinstance(rows, int):
        raise TypeError("canvas needs integer dimensions")
    if rows <= 0:
        return ()
    columns = dimensions[1]
    if not isinstance(columns, int):
        raise TypeError("canvas needs integer dimensions")
    reserve(rows * max(columns, 1))
    reserve_copies(value, rows * max(columns, 0))
    return ((value,) * columns,) * rows


def crop(grid: Value, start: Value, dims: Value) -> Value:
    """Cut out a rectangle, by slices: negative bounds count from the far end."""
    rows = grid[start[0] : start[0] + dims[0]]
    if not rows:
        return ()
    left, right = start[1], start[1] + dims[1]
    charge(len(rows) * len(rows[0]))
    return tuple([row[left:right] for row in rows])


def subgrid(patch: Value, grid: Value) -> Value:
    """Cut out the patch's bounding box; empty fails."""
    charge(len(patch))
    if type(patch) is tuple:
        return crop(grid, ulcorner(patch), shape(patch))
    top, left, bottom, right = bounds(patch)
    return crop(grid, (top, left), (bottom - top + 1, right - left + 1))


def rot90(grid: Value) -> Value:
    """Turn clockwise."""
    charge(count_cells(grid))
    return _transposed(grid[::-1])


def rot180(grid: Value) -> Value:
    """Turn by half."""
    charge(count_cells(grid))
    return tuple([row[::-1] if type(row) is tuple else tuple(in_order(row))[::-1] for row in grid[::-1]])


def rot270(grid: Value) -> Value:
    """Turn anticlockwise; a set of rows fails, as it has no last one."""
    charge(count_cells(grid))
    if type(grid) is not tuple:
        raise TypeError("rot270 needs rows in order")
    return _transposed(grid)[::-1]


def _transposed(grid: Value) -> Value:
    """Return the columns as tuples; sets are taken in canonical order."""
    rows = grid
    if type(grid) is not tuple or not _TUPLE.issuperset(map(type, grid)):
        rows = [in_order(row) for row in in_order(grid)]
    return tuple(zip(*rows))  # noqa: B905 - the keyword would take as long as three rows


def hmirror(piece: Value) -> Value:
    """Flip top and bottom."""
    if type(piece) is tuple:
        charge(len(piece))
        return piece[::-1]
    charge(len(piece))
    total = side(piece, 0) + side(piece, 2)
    if holds_cells(piece):
        return frozenset([(value, (total - i, j)) for value, (i, j) in piece])
    return frozenset([(total - i, j) for i, j in piece])


def vmirror(piece: Value) -> Value:
    """Flip left and right."""
    if type(piece) is tuple:
        charge(count_cells(piece))
        return tuple(map(_reversed, piece))
    charge(len(piece))
    total = side(piece, 1) + side(piece, 3)
    if holds_cells(piece):
        return frozenset([(value, (i, total - j)) for value, (i, j) in piece])
    return frozenset([(i, total - j) for i, j in piece])


def dmirror(piece: Value) -> Value:
    """Transpose, a patch about the diagonal through its upper left corner."""
    if type(piece) is tuple:
        charge(count_cells(piece))
        return _transposed(piece)
    charge(len(piece))
    top, left, _, _ = bounds(piece)
    down = top - left
    if holds_cells(piece):
        return frozenset([(value, (j + down, i - down)) for value, (i, j) in piece])
    return frozenset([(j + down, i - down) for i, j in piece])


def cmirror(piece: Value) -> Value:
    """Reflect in the other diagonal; the upper left corner of a patch's box stays."""
    if type(piece) is tuple:
        charge(count_cells(piece))
        return _transposed(tuple(map(_reversed, piece[::-1])))
    return vmirror(dmirror(vmirror(piece)))


def tophalf(grid: Value) -> Value:
    """Return the upper half of the rows, without the middle one."""
    charge(len(grid))
    return grid[: len(grid) // 2]


def bottomhalf(grid: Value) -> Value:
    """Return the lower half of the rows, without the middle one."""
    charge(len(grid))
    return grid[len(grid) - len(grid) // 2 :]


def lefthalf(grid: Value) -> Value:
    """Return the left half of the columns, without the middle one."""
    if is_regular(grid):
        charge(count_cells(grid))
        half = len(grid[0]) // 2
        return tuple([row[:half] for row in grid]) if half else ()
    return rot270(tophalf(rot90(grid)))


def righthalf(grid: Value) -> Value:
    """Return the right half of the columns, without the middle one."""
    if is_regular(grid):
        charge(count_cells(grid))
        width = len(grid[0])
        return tuple([row[width - width // 2 :] for row in grid]) if width > 1 else ()
    return rot270(bottomhalf(rot90(grid)))


def trim(grid: Value) -> Value:
    """Drop the outermost rows and columns."""
    rows = grid[1:-1]
    charge(len(rows) * len(rows[0]) if rows else 1)
    return tuple([row[1:-1] for row in rows])


def cellwise(a: Value, b: Value, fallback: Value) -> Value:
    """Keep the cells where two grids agree and put the fallback elsewhere; a smaller b fails."""
    height, width = len(a), len(a[0])
    reserve(height * width)
    if type(fallback) is not int:
        charge_tree_size((fallback,), copies=height * width)
    if width and len(a) <= len(b) and type(a) is type(b) is tuple and is_regular(a + b):
        pairs = zip(chain.from_iterable(a), chain.from_iterable(b), strict=False)
        return rows_of([x if x == y else fallback for x, y in pairs], width)
    return tuple([tuple([a[i][j] if a[i][j] == b[i][j] else fallback for j in range(width)]) for i in range(height)])
