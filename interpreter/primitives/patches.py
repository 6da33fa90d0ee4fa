"""Building and moving patches."""

from itertools import repeat

from interpreter.primitives.bounds import bounds, components_of, holds_cells, indices_of, listed_indices
from interpreter.values.meter import charge
from interpreter.values.order import Value
from interpreter.values.weight import charge_tree_size


def toindices(patch: Value) -> Value:
    """Return the indices of an object; indices stay as they are."""
    charge(len(patch))
    return indices_of(patch)


def recolor(value: Value, patch: Value) -> Value:
    """Return the object with the patch's indices in one color."""
    charge(len(patch))
    if type(value) is not int:
        charge_tree_size((value,), copies=len(patch))
    return frozenset(zip(repeat(value), listed_indices(patch), strict=False))


def toobject(patch: Value, grid: Value) -> Value:
    """Return the object with the grid's colors at the patch's indices, as far as they are inside."""
    charge(len(patch))
    rows, columns = len(grid), len(grid[0])
    return frozenset([(grid[i][j], (i, j)) for i, j in listed_indices(patch) if 0 <= i < rows and 0 <= j < columns])


def shift(patch: Value, directions: Value) -> Value:
    """Translate by rows and columns; an empty patch is returned as it is."""
    if not len(patch):
        return patch
    charge(len(patch))
    down, right = components_of(directions)
    if type(down) is not int or type(right) is not int:
        charge_tree_size((down, right), copies=len(patch))
        return _shifted(patch, down, right)
    try:
        if type(next(iter(patch))[1]) is tuple:
            return frozenset([(value, (i + down, j + right)) for value, (i, j) in patch])
        return frozenset([(i + down, j + right) for i, j in patch])
    except (TypeError, ValueError, IndexError):
        return _shifted(patch, down, right)  # perhaps mixed kinds, of which Python's first is not the canonically first


def _shifted(patch: Value, down: Value, right: Value) -> Value:
    if holds_cells(patch):
        return frozenset([(value, (i + down, j + right)) for value, (i, j) in patch])
    return frozenset([(i + down, j + right) for i, j in patch])


def normalize(patch: Value) -> Value:
    """Translate to the origin; an empty patch is returned as it is."""
    if not len(patch):
        return patch
    top, left, _, _ = bounds(patch)
    return shift(patch, (-top, -left))


def dneighbors(loc: Value) -> Value:
    """Return the four side neighbors."""
    i, j = loc[0], loc[1]
    return frozenset(((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)))


def ineighbors(loc: Value) -> Value:
    """Return the four diagonal neighbors."""
    i, j = loc[0], loc[1]
    return frozenset(((i - 1, j - 1), (i - 1, j + 1), (i + 1, j - 1), (i + 1, j + 1)))


def neighbors(loc: Value) -> Value:
    """Return all eight neighbors."""
    i, j = loc[0], loc[1]
    up, down, left, right = i - 1, i + 1, j - 1, j + 1
    return frozenset(((up, left), (up, j), (up, right), (i, left), (i, right), (down, left), (down, j), (down, right)))
