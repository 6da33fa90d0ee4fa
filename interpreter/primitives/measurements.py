"""Extent, corners, centres and periods of pieces, and how two patches lie to each other."""

from collections.abc import Callable

from interpreter.primitives.bounds import bounds, extreme, indices_of, plain_bounds
from interpreter.primitives.patches import normalize, shift
from interpreter.values import Value
from interpreter.work import charge


def height(piece: Value) -> Value:
    """Count the rows of a grid or of a patch's bounding box."""
    if type(piece) is tuple or not len(piece):
        return len(piece)
    return lowermost(piece) - uppermost(piece) + 1


def width(piece: Value) -> Value:
    """Count the columns of a grid or of a patch's bounding box."""
    if not len(piece):
        return 0
    if type(piece) is tuple:
        return len(piece[0])
    return rightmost(piece) - leftmost(piece) + 1


def shape(piece: Value) -> Value:
    """Return height and width."""
    if type(piece) is tuple or not len(piece):
        return (height(piece), width(piece))
    charge(len(piece))
    top, left, bottom, right = bounds(piece)
    return (bottom - top + 1, right - left + 1)


def portrait(piece: Value) -> Value:
    """Tell whether it is higher than wide."""
    rows, columns = shape(piece)
    return rows > columns


def square(piece: Value) -> Value:
    """Tell whether a grid is square, or a patch a completely filled square."""
    if type(piece) is tuple:
        return len(piece) == len(piece[0])
    rows, columns = shape(piece)
    return rows == columns and rows * columns == len(piece)


def vline(patch: Value) -> Value:
    """Tell whether the patch is one unbroken column."""
    rows, columns = shape(patch)
    return rows == len(patch) and columns == 1


def hline(patch: Value) -> Value:
    """Tell whether the patch is one unbroken row."""
    rows, columns = shape(patch)
    return columns == len(patch) and rows == 1


def _side(patch: Value, number: int, choose: Callable[..., Value]) -> Value:
    """Return one side of the bounding box; only its own axis is looked at where coordinates are odd."""
    charge(len(patch))
    try:
        return plain_bounds(patch)[number]
    except (TypeError, ValueError, IndexError, StopIteration):
        return extreme(patch, number % 2, choose)


def uppermost(patch: Value) -> Value:
    """Return the first row; empty fails."""
    return _side(patch, 0, min)


def lowermost(patch: Value) -> Value:
    """Return the last row; empty fails."""
    return _side(patch, 2, max)


def leftmost(patch: Value) -> Value:
    """Return the first column; empty fails."""
    return _side(patch, 1, min)


def rightmost(patch: Value) -> Value:
    """Return the last column; empty fails."""
    return _side(patch, 3, max)


def _corner(patch: Value, row: int, column: int) -> Value:
    """Return a corner of the bounding box, given by the numbers of its sides; () for an empty patch."""
    if not len(patch):
        return ()
    charge(len(patch))
    sides = bounds(patch)
    return (sides[row], sides[column])


def ulcorner(patch: Value) -> Value:
    """Return the upper left corner of the bounding box; () for an empty patch."""
    return _corner(patch, 0, 1)


def urcorner(patch: Value) -> Value:
    """Return the upper right corner of the bounding box; () for an empty patch."""
    return _corner(patch, 0, 3)


def llcorner(patch: Value) -> Value:
    """Return the lower left corner of the bounding box; () for an empty patch."""
    return _corner(patch, 2, 1)


def lrcorner(patch: Value) -> Value:
    """Return the lower right corner of the bounding box; () for an empty patch."""
    return _corner(patch, 2, 3)


def corners(patch: Value) -> Value:
    """Return the four corners; the set of () for an empty patch."""
    if not len(patch):
        return frozenset(((),))
    charge(len(patch))
    top, left, bottom, right = bounds(patch)
    return frozenset(((top, left), (top, right), (bottom, left), (bottom, right)))


def center(patch: Value) -> Value:
    """Return the middle of the bounding box, the lower right of two; empty fails."""
    if type(patch) is tuple:
        return (uppermost(patch) + height(patch) // 2, leftmost(patch) + width(patch) // 2)
    charge(len(patch))
    top, left, bottom, right = bounds(patch)
    return (top + (bottom - top + 1) // 2, left + (right - left + 1) // 2)


def centerofmass(patch: Value) -> Value:
    """Return the mean index, rounded down; () for an empty patch."""
    charge(len(patch))
    number = len(patch)
    return tuple([sum(coordinates) // number for coordinates in zip(*indices_of(patch), strict=False)])


def _shared(a: Value, b: Value, axis: int) -> bool:
    charge(len(a) + len(b))
    found = [frozenset([(i, j)[axis] for i, j in indices_of(patch)]) for patch in (a, b)]
    return not found[0].isdisjoint(found[1])


def hmatching(a: Value, b: Value) -> Value:
    """Tell whether two patches share a row."""
    return _shared(a, b, 0)


def vmatching(a: Value, b: Value) -> Value:
    """Tell whether two patches share a column."""
    return _shared(a, b, 1)


def bordering(patch: Value, grid: Value) -> Value:
    """Tell whether the bounding box touches the edge of the grid; empty fails."""
    charge(len(patch))
    top, left, bottom, right = bounds(patch)
    return top == 0 or left == 0 or bottom == len(grid) - 1 or right == len(grid[0]) - 1


def position(a: Value, b: Value) -> Value:
    """Return the direction from a's centre to b's; (0, -1) where they coincide."""
    row_a, column_a = center(indices_of(a))
    row_b, column_b = center(indices_of(b))
    if row_a == row_b:
        return (0, 1 if column_a < column_b else -1)
    down = 1 if row_a < row_b else -1
    if column_a == column_b:
        return (down, 0)
    return (down, 1 if column_a < column_b else -1)


def hperiod(obj: Value) -> Value:
    """Return the smallest shift to the left that maps the object into itself, or its width; wide indices fail."""
    normalized = normalize(obj)
    extent = width(normalized)
    for period in range(1, extent):
        shifted = shift(normalized, (0, -period))
        if frozenset([(value, (i, j)) for value, (i, j) in shifted if j >= 0]) <= normalized:
            return period
    return extent


def vperiod(obj: Value) -> Value:
    """Return the smallest shift upwards that maps the object into itself, or its height; high indices fail."""
    normalized = normalize(obj)
    extent = height(normalized)
    for period in range(1, extent):
        shifted = shift(normalized, (-period, 0))
        if frozenset([(value, (i, j)) for value, (i, j) in shifted if i >= 0]) <= normalized:
            return period
    return extent
