"""Lines, frames and boxes of indices."""

from functools import lru_cache

from interpreter.primitives.bounds import bounds, indices_of
from interpreter.primitives.indices import indices_in_box, indices_on_line
from interpreter.values.meter import charge, reserve
from interpreter.values.order import Value
from interpreter.values.weight import reserve_copies

_FRONTIER = 30  # the largest grid side of the tasks
SHOT = 42
_ORDINARY = 100  # longer segments are not kept


def vfrontier(location: Value) -> Value:
    """Return rows 0 to 29 of the location's column."""
    column = location[1]
    reserve_copies(column, _FRONTIER)
    if type(column) is int:
        return segment(0, column, _FRONTIER - 1, column)
    return frozenset([(i, column) for i in range(_FRONTIER)])


def hfrontier(location: Value) -> Value:
    """Return columns 0 to 29 of the location's row."""
    row = location[0]
    reserve_copies(row, _FRONTIER)
    if type(row) is int:
        return segment(row, 0, row, _FRONTIER - 1)
    return frozenset([(row, j) for j in range(_FRONTIER)])


def connect(a: Value, b: Value) -> Value:
    """Return the straight segment between two indices, empty if it is neither axis-parallel nor diagonal."""
    return _connection(a[0], a[1], b[0], b[1])


def shoot(start: Value, direction: Value) -> Value:
    """Return the segment from the start to 42 times the direction away."""
    row, column = start[0], start[1]
    return _connection(row, column, row + SHOT * direction[0], column + SHOT * direction[1])


def _connection(row_a: Value, column_a: Value, row_b: Value, column_b: Value) -> frozenset[Value]:
    down, right = abs(row_b - row_a), abs(column_b - column_a)
    if down and right and down != right:
        return frozenset()
    reserve(max(down, right) + 1)
    return segment(row_a, column_a, row_b, column_b)


def segment(row_a: int, column_a: int, row_b: int, column_b: int) -> frozenset[Value]:
    """Return a segment that is horizontal, vertical or diagonal."""
    if abs(row_b - row_a) < _ORDINARY > abs(column_b - column_a):
        return _kept_segment(row_a, column_a, row_b, column_b)
    return _new_segment(row_a, column_a, row_b, column_b)


def _new_segment(row_a: int, column_a: int, row_b: int, column_b: int) -> frozenset[Value]:
    if (row_a, column_a) > (row_b, column_b):
        row_a, column_a, row_b, column_b = row_b, column_b, row_a, column_a
    return frozenset(indices_on_line(row_a, column_a, row_b, column_b))


_kept_segment = lru_cache(maxsize=4096)(_new_segment)


def _rectangle(top: int, left: int, bottom: int, right: int) -> frozenset[Value]:
    """Return all indices of a box."""
    reserve((bottom - top + 1) * (right - left + 1))
    return frozenset(indices_in_box(top, left, bottom, right))


def _outline(top: int, left: int, bottom: int, right: int) -> frozenset[Value]:
    """Return the indices on the four sides; crossed bounds are swapped."""
    top, bottom = min(top, bottom), max(top, bottom)
    left, right = min(left, right), max(left, right)
    reserve(2 * (bottom - top + 1) + 2 * (right - left + 1))
    sides = [(i, j) for i in range(top, bottom + 1) for j in (left, right)]
    sides += [(i, j) for i in (top, bottom) for j in range(left, right + 1)]
    return frozenset(sides)


def backdrop(patch: Value) -> Value:
    """Return all indices of the bounding box; empty for an empty patch."""
    if not len(patch):
        return frozenset()
    charge(len(patch))
    return _rectangle(*bounds(patch))


def delta(patch: Value) -> Value:
    """Return the indices of the bounding box that the patch leaves free."""
    if not len(patch):
        return frozenset()
    charge(len(patch))
    return _rectangle(*bounds(patch)).difference(indices_of(patch))


def box(patch: Value) -> Value:
    """Return the outline of the bounding box; an empty patch is returned as it is."""
    if not len(patch):
        return patch
    charge(len(patch))
    return _outline(*bounds(patch))


def inbox(patch: Value) -> Value:
    """Return the outline one step inside the bounding box; empty fails."""
    charge(len(patch))
    top, left, bottom, right = bounds(patch)
    return _outline(top + 1, left + 1, bottom - 1, right - 1)


def outbox(patch: Value) -> Value:
    """Return the outline one step outside the bounding box; empty fails."""
    charge(len(patch))
    top, left, bottom, right = bounds(patch)
    return _outline(top - 1, left - 1, bottom + 1, right + 1)
