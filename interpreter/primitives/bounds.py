"""Reading patches: which kind they are, their indices, their bounding box."""

from collections.abc import Collection
from functools import lru_cache
from itertools import chain
from operator import itemgetter

from interpreter.values.meter import charge
from interpreter.values.order import Value, first_of, in_order

Box = tuple[int, int, int, int]

_TUPLE = {tuple}
_PAIR = {2}
_INTEGER = {int}
_second = itemgetter(1)


def holds_cells(patch: Value) -> bool:
    """Return whether a non-empty patch counts as an object: the second component of its first element is a tuple."""
    if type(patch) is tuple:
        return type(patch[0][1]) is tuple
    try:
        if type(next(iter(patch))[1]) is not tuple:
            sum(map(_second, patch))
            return False  # nothing but numbers can be added to a number
    except (TypeError, IndexError):
        pass
    try:
        kinds = set(map(type, map(_second, patch)))
    except (TypeError, IndexError):
        return type(first_of(patch)[1]) is tuple
    return tuple in kinds and (len(kinds) == 1 or type(first_of(patch)[1]) is tuple)


def indices_of(patch: Value) -> Value:
    """Return the indices of an object, and anything else as it is; no elements give the empty set."""
    indices = listed_indices(patch)
    return frozenset(indices) if type(indices) is list else indices


def listed_indices(patch: Value) -> Value:
    """Return the indices as `indices_of` does, but an object's in a list, in which some may occur twice."""
    if not len(patch):
        return frozenset()
    try:
        if type(next(iter(patch))[1]) is tuple:
            indices = [index for _, index in patch]
            if _TUPLE.issuperset(map(type, indices)):
                return indices
    except (TypeError, ValueError, IndexError):
        pass  # mixed kinds, of which Python's first is not the canonically first
    return [index for _, index in patch] if holds_cells(patch) else patch


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


def bounds(patch: Value) -> Box:
    """Return the first row, first column, last row and last column of a patch.

    Raises:
        ValueError: the patch is empty.
    """
    if not len(patch):
        raise ValueError("the patch is empty")
    try:
        return _known_bounds(patch) if type(patch) is frozenset else _plain_bounds(patch)
    except (TypeError, ValueError, IndexError):
        return side(patch, 0), side(patch, 1), side(patch, 2), side(patch, 3)


def side(patch: Value, number: int) -> Value:
    """Return one of the bounds, given by its place among them; the other coordinate may be anything. Empty fails."""
    try:
        return (_known_bounds if type(patch) is frozenset else _plain_bounds)(patch)[number]
    except (TypeError, ValueError, IndexError, StopIteration):
        pass
    charge(4 * len(patch))  # it may be sorted
    extreme = min if number < 2 else max
    return extreme([(i, j)[number % 2] for i, j in in_order(indices_of(patch))])


def _plain_bounds(patch: Value) -> Box:
    """Bound a patch of only cells or only indices in two passes; TypeError or ValueError for anything else."""
    if type(next(iter(patch))[1]) is tuple:
        rows, columns = {i for _, (i, _) in patch}, {j for _, (_, j) in patch}
    else:
        rows, columns = {i for i, _ in patch}, {j for _, j in patch}
    top, left = min(rows), min(columns)
    if not isinstance(top, int) or not isinstance(left, int):
        raise TypeError("coordinates that are not integers")
    return top, left, max(rows), max(columns)


# A program measures the same patch in several ways one after the other; a set keeps its hash, so that asking is cheap.
_known_bounds = lru_cache(maxsize=64)(_plain_bounds)


def integer_pairs(values: Collection[Value]) -> list[tuple[int, int]] | None:
    """List values that are all pairs of plain integers; None if some are not."""
    if not (_TUPLE.issuperset(map(type, values)) and _PAIR.issuperset(map(len, values))):
        return None
    return list(values) if _INTEGER.issuperset(map(type, chain.from_iterable(values))) else None


def components_of(vector: Value) -> tuple[Value, Value]:
    """Return the two components of a pair; those of a set in canonical order."""
    first, second = vector if type(vector) is tuple else in_order(vector)
    return first, second
