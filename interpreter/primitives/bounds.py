"""Reading patches: which kind they are, their indices, their bounding box."""

from collections.abc import Callable

from interpreter.values import Value, first_of, in_order

Box = tuple[int, int, int, int]


def holds_cells(patch: Value) -> bool:
    """Tell whether a non-empty patch counts as an object: the second component of its first element is a tuple."""
    if type(patch) is tuple:
        return type(patch[0][1]) is tuple
    try:
        kinds = {type(element[1]) for element in patch}
    except (TypeError, IndexError):
        return type(first_of(patch)[1]) is tuple
    return tuple in kinds and (len(kinds) == 1 or type(first_of(patch)[1]) is tuple)


def indices_of(patch: Value) -> Value:
    """Return the indices of an object, and anything else as it is; no elements give the empty set."""
    if not len(patch):
        return frozenset()
    if holds_cells(patch):
        return frozenset([index for _, index in patch])
    return patch


def bounds(patch: Value) -> Box:
    """Return the first row, first column, last row and last column of a patch.

    Raises:
        ValueError: the patch is empty.
    """
    if not len(patch):
        raise ValueError("the patch is empty")
    try:
        return plain_bounds(patch)
    except (TypeError, ValueError, IndexError):
        return (
            extreme(patch, 0, min),
            extreme(patch, 1, min),
            extreme(patch, 0, max),
            extreme(patch, 1, max),
        )


def plain_bounds(patch: Value) -> Box:
    """Bound a patch of cells or indices in one pass; anything else, mixed kinds included, is a TypeError or ValueError."""
    second = next(iter(patch))[1]
    indices = [index for _, index in patch] if type(second) is tuple else patch
    rows, columns = zip(*indices, strict=True)
    top, left = min(rows), min(columns)
    if type(top) is not int or type(left) is not int:
        raise TypeError("coordinates that are not integers")
    return top, left, max(rows), max(columns)


def extreme(patch: Value, axis: int, choose: Callable[..., Value]) -> Value:
    """Return the smallest or largest row (axis 0) or column (axis 1)."""
    coordinates = []
    for i, j in in_order(indices_of(patch)):
        coordinates.append(j if axis else i)
    return choose(coordinates)
