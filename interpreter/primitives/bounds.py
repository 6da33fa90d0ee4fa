"""Reading patches: which kind they are, their indices, their bounding box."""

from collections.abc import Callable
from operator import itemgetter

from interpreter.values import Value, first_of, in_order

Box = tuple[int, int, int, int]

_TUPLE = {tuple}
_second = itemgetter(1)


def holds_cells(patch: Value) -> bool:
    """Tell whether a non-empty patch counts as an object: the second component of its first element is a tuple."""
    if type(patch) is tuple:
        return type(patch[0][1]) is tuple
    try:
        kinds = set(map(type, map(_second, patch)))
    except (TypeError, IndexError):
        return type(first_of(patch)[1]) is tuple
    return tuple in kinds and (len(kinds) == 1 or type(first_of(patch)[1]) is tuple)


def indices_of(patch: Value) -> Value:
    """Return the indices of an object, and anything else as it is; no elements give the empty set."""
    if not len(patch):
        return frozenset()
    try:
        if type(next(iter(patch))[1]) is tuple:
            indices = frozenset([index for _, index in patch])
            if _TUPLE.issuperset(map(type, indices)):
                return indices
    except (TypeError, ValueError, IndexError):
        pass  # mixed kinds, of which Python's first is not the canonically first
    if holds_cells(patch):
        return frozenset([index for _, index in patch])
    return patch


def along(patch: Value, axis: int) -> list[int]:
    """List the rows (axis 0) or columns (axis 1) of a non-empty patch of only cells or only indices.

    Raises:
        TypeError, ValueError, IndexError: the patch is anything else.
    """
    if type(next(iter(patch))[1]) is tuple:
        return [j for _, (_, j) in patch] if axis else [i for _, (i, _) in patch]
    found = [j if axis else i for i, j in patch if type(j) is not tuple]
    if len(found) != len(patch):
        raise TypeError("cells among indices")
    return found


def side(patch: Value, axis: int, choose: Callable[..., Value]) -> Value:
    """Return the extreme row (axis 0) or column (axis 1); the other coordinate may be anything. Empty fails."""
    try:
        found = choose(along(patch, axis))
        if type(found) is int:  # so they all are: nothing else compares with an integer
            return found
    except (TypeError, ValueError, IndexError, StopIteration):
        pass
    return choose([(i, j)[axis] for i, j in in_order(indices_of(patch))])


def bounds(patch: Value) -> Box:
    """Return the first row, first column, last row and last column of a patch.

    Raises:
        ValueError: the patch is empty.
    """
    if not len(patch):
        raise ValueError("the patch is empty")
    try:
        rows, columns = zip(
            *([index for _, index in patch] if type(next(iter(patch))[1]) is tuple else patch), strict=True
        )
        top, left = min(rows), min(columns)
        if type(top) is int and type(left) is int:
            return top, left, max(rows), max(columns)
    except (TypeError, ValueError, IndexError):
        pass
    return side(patch, 0, min), side(patch, 1, min), side(patch, 0, max), side(patch, 1, max)


def components_of(vector: Value) -> tuple[Value, Value]:
    """Return the two components of a pair; those of a set in canonical order."""
    first, second = vector if type(vector) is tuple else in_order(vector)
    return first, second
