"""Painting on grids. The result keeps the grid's shape, indices outside are ignored, and the empty grid fails."""

from collections.abc import Iterable
from operator import itemgetter

from interpreter.primitives.bounds import components_of, listed_indices
from interpreter.primitives.colors import count_cells, mostcolor
from interpreter.primitives.indices import fill_indices
from interpreter.primitives.lazy_cells import LazyCells
from interpreter.primitives.patches import shift
from interpreter.values.meter import charge
from interpreter.values.order import Value, in_order
from interpreter.values.weight import charge_tree_size

_TUPLE = {tuple}


def _painted(grid: Value, cells: Iterable[tuple[Value, Value]]) -> Value:
    height, width = len(grid), len(grid[0])
    rows: list[Value] = list(grid)
    for value, (i, j) in cells:
        if 0 <= i < height and 0 <= j < width:
            row = rows[i]
            if type(row) is not list:
                row = rows[i] = list(row)
            row[j] = value
    return tuple([row if type(row) is tuple else tuple(row) for row in rows])


def _charge_painting(grid: Value, value: Value, patch: Value) -> None:
    charge(count_cells(grid) + len(patch))
    if type(value) is not int:
        charge_tree_size((value,), copies=len(patch))


def fill(grid: Value, value: Value, patch: Value) -> Value:
    """Set the patch's indices to one color."""
    _charge_painting(grid, value, patch)
    if isinstance(patch, LazyCells):
        filled = patch.filled(grid, value)
        if filled is not None:
            return filled
        patch = patch.built()
    return fill_indices(grid, value, listed_indices(patch))


def _without_conflicts(obj: Value) -> Value:
    """Return the cells so that the winner of a conflict comes last: in any order if no index occurs twice."""
    indices = {index for _, index in obj}
    if _TUPLE.issuperset(map(type, indices)):
        if len(indices) == len(obj):
            return obj
        if type(obj) is frozenset and _TUPLE.issuperset(map(type, obj)) and {type(cell[0]) for cell in obj} == {int}:
            return sorted(obj, key=itemgetter(0))  # cells of one index differ in their colors only
    cells = [components_of(cell) for cell in in_order(obj)]
    return [(value, components_of(index)) for value, index in cells]


def paint(grid: Value, obj: Value) -> Value:
    """Set the object's cells; the last of conflicting cells stays."""
    charge(count_cells(grid) + len(obj))
    if isinstance(obj, LazyCells):
        painted = obj.painted(grid)
        if painted is not None:
            return painted
        obj = obj.built()
    return _painted(grid, _without_conflicts(obj))


def underfill(grid: Value, value: Value, patch: Value) -> Value:
    """Set the patch's indices to one color where the grid shows its background."""
    _charge_painting(grid, value, patch)
    background = mostcolor(grid)
    if isinstance(patch, LazyCells):
        filled = patch.filled(grid, value, background)
        if filled is not None:
            return filled
        patch = patch.built()
    height, width = len(grid), len(grid[0])
    free = [(i, j) for i, j in listed_indices(patch) if 0 <= i < height and 0 <= j < width and grid[i][j] == background]
    return fill_indices(grid, value, free)


def underpaint(grid: Value, obj: Value) -> Value:
    """Set the object's cells where the grid shows its background; the first other color of conflicting cells stays."""
    charge(count_cells(grid) + len(obj))
    background = mostcolor(grid)
    if isinstance(obj, LazyCells):
        painted = obj.underpainted(grid, background)
        if painted is not None:
            return painted
        obj = obj.built()
    height, width = len(grid), len(grid[0])
    rows = [list(in_order(row)) for row in grid]
    for value, (i, j) in _without_conflicts(obj):
        if 0 <= i < height and 0 <= j < width and rows[i][j] == background:
            rows[i][j] = value
    return tuple(map(tuple, rows))


def cover(grid: Value, patch: Value) -> Value:
    """Fill the patch's indices with the background color."""
    charge(count_cells(grid) + len(patch))
    return fill_indices(grid, mostcolor(grid), listed_indices(patch))


def move(grid: Value, obj: Value, offset: Value) -> Value:
    """Cover the object and paint it shifted."""
    return paint(cover(grid, obj), shift(obj, offset))
