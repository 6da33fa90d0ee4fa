"""Extent, corners, centers and periods of pieces, and how two patches lie to each other."""

from collections.abc import Callable

from interpreter.primitives.bounds import along, bounds, indices_of, side
from interpreter.primitives.patches import normalize
from interpreter.values.meter import charge
from interpreter.values.order import Value
from interpreter.values.weight import walking_units


def height(piece: Value) -> Value:
    """Count the rows of a grid or of a patch's bounding box."""
    if type(piece) is tuple or not len(piece):
        return len(piece)
    charge(len(piece))
    return side(piece, 2) - side(piece, 0) + 1


def width(piece: Value) -> Value:
    """Count the columns of a grid or of a patch's bounding box."""
    if not len(piece):
        return 0
    if type(piece) is tuple:
        return len(piece[0])
    charge(len(piece))
    return side(piece, 3) - side(piece, 1) + 1


def shape(piece: Value) -> Value:
    """Return height and width."""
    if type(piece) is tuple or not len(piece):
        return (height(piece), width(piece))
    charge(len(piece))
    top, left, bottom, right = bounds(piece)
    return (bottom - top + 1, right - left + 1)


def portrait(piece: Value) -> Value:
    """Return whether it is higher than wide."""
    rows, columns = shape(piece)
    return rows > columns


def square(piece: Value) -> Value:
    """Return whether a grid is square, or a patch a completely filled square."""
    if type(piece) is tuple:
        return len(piece) == len(piece[0])
    rows, columns = shape(piece)
    return rows == columns and rows * columns == len(piece)


def vline(patch: Value) -> Value:
    """Return whether the patch is one unbroken column."""
    rows, columns = shape(patch)
    return rows == len(patch) and columns == 1


def hline(patch: Value) -> Value:
    """Return whether the patch is one unbroken row."""
    rows, columns = shape(patch)
    return columns == len(patch) and rows == 1


def _side(number: int) -> Callable[[Value], Value]:
    """Return the function that gives one of a patch's `bounds`; empty fails."""

    def side_of(patch: Value) -> Value:
        charge(len(patch))
        return side(patch, number)

    return side_of


def _corner(row: int, column: int) -> Callable[[Value], Value]:
    """Return the function that gives two of a patch's `bounds`, or () for an empty patch."""

    def corner_of(patch: Value) -> Value:
        if not len(patch):
            return ()
        charge(len(patch))
        sides = bounds(patch)
        return (sides[row], sides[column])

    return corner_of


# In the order of `bounds`: upper, left, lower, right.
uppermost, leftmost, lowermost, rightmost = map(_side, range(4))
ulcorner, urcorner, llcorner, lrcorner = _corner(0, 1), _corner(0, 3), _corner(2, 1), _corner(2, 3)


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
    try:
        return not set(along(a, axis)).isdisjoint(along(b, axis))
    except (TypeError, ValueError, IndexError, StopIteration):
        found = [{(i, j)[axis] for i, j in indices_of(patch)} for patch in (a, b)]
        return not found[0].isdisjoint(found[1])


def hmatching(a: Value, b: Value) -> Value:
    """Return whether two patches share a row."""
    return _shared(a, b, 0)


def vmatching(a: Value, b: Value) -> Value:
    """Return whether two patches share a column."""
    return _shared(a, b, 1)


def bordering(patch: Value, grid: Value) -> Value:
    """Return whether the bounding box touches the edge of the grid; empty fails."""
    charge(len(patch))
    top, left, bottom, right = bounds(patch)
    return top == 0 or left == 0 or bottom == len(grid) - 1 or right == len(grid[0]) - 1


def position(a: Value, b: Value) -> Value:
    """Return the direction from a's center to b's; (0, -1) where they coincide."""
    row_a, column_a = center(indices_of(a))
    row_b, column_b = center(indices_of(b))
    if row_a == row_b:
        return (0, 1 if column_a < column_b else -1)
    down = 1 if row_a < row_b else -1
    if column_a == column_b:
        return (down, 0)
    return (down, 1 if column_a < column_b else -1)


def _repeats(obj: Value, down: int, right: int, units: int) -> bool:
    """Return whether every cell that has room for it is found again so far up and to the left, at so many units."""
    charge(units)
    return all((value, (i - down, j - right)) in obj for value, (i, j) in obj if i >= down and j >= right)


def hperiod(obj: Value) -> Value:
    """Return the smallest shift to the left that maps the object into itself, or its width; wide indices fail."""
    normalized = normalize(obj)
    extent = width(normalized)
    units = len(obj) + walking_units(normalized)
    for period in range(1, extent):
        if _repeats(normalized, 0, period, units):
            return period
    return extent


def vperiod(obj: Value) -> Value:
    """Return the smallest shift upwards that maps the object into itself, or its height; high indices fail."""
    normalized = normalize(obj)
    extent = height(normalized)
    units = len(obj) + walking_units(normalized)
    for period in range(1, extent):
        if _repeats(normalized, period, 0, units):
            return period
    return extent
