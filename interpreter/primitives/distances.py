"""Distances between patches, on bit masks of their joint bounding box where that is of ordinary size."""

from interpreter.primitives.bounds import bounds, indices_of
from interpreter.primitives.measurements import center, vmatching
from interpreter.primitives.raster import corner_region
from interpreter.values.meter import charge, reserve
from interpreter.values.order import Value

_MAX_AREA = 1 << 14  # of the joint bounding box, in bits
_FEW_PAIRS = 32
_MOST_STEPS = 42

Indices = frozenset[tuple[int, int]]


def _joint_box(a: Value, b: Value) -> tuple[int, int, int, int]:
    top_a, left_a, bottom_a, right_a = bounds(a)
    top_b, left_b, bottom_b, right_b = bounds(b)
    return min(top_a, top_b), min(left_a, left_b), max(bottom_a, bottom_b), max(right_a, right_b)


def _mask(indices: Value, top: int, left: int, stride: int) -> int:
    """Return the mask with one bit an index, row-major from the corner (top, left)."""
    origin = top * stride + left
    mask = 0
    for i, j in indices:
        mask |= 1 << (i * stride + j - origin)
    return mask


def _by_pairs(a: Value, b: Value) -> Value:
    reserve(len(a) * len(b))
    return min([abs(i - k) + abs(j - m) for i, j in a for k, m in b])


def manhattan(a: Value, b: Value) -> Value:
    """Return the smallest distance between two patches, in rows plus columns; empty fails."""
    charge(len(a) + len(b))
    a, b = indices_of(a), indices_of(b)
    if len(a) * len(b) <= _FEW_PAIRS:
        return _by_pairs(a, b)
    top, left, bottom, right = _joint_box(a, b)
    rows, columns = bottom - top + 1, right - left + 1
    stride = columns + 1
    if rows * stride > _MAX_AREA:
        return _by_pairs(a, b)
    reserve(rows * stride)
    inside = corner_region(rows, columns, stride)
    grown, target = _mask(a, top, left, stride), _mask(b, top, left, stride)
    distance = 0
    while not grown & target:
        grown = (grown | grown << 1 | grown >> 1 | grown << stride | grown >> stride) & inside
        distance += 1
    return distance


def adjacent(a: Value, b: Value) -> Value:
    """Return whether the distance of two patches is exactly one; empty fails."""
    charge(len(a) + len(b))
    a, b = indices_of(a), indices_of(b)
    if len(a) * len(b) <= _FEW_PAIRS:
        return _by_pairs(a, b) == 1
    if len(a) > len(b):
        a, b = b, a
    if type(a) is not frozenset or type(b) is not frozenset:
        return manhattan(a, b) == 1
    if not a.isdisjoint(b):
        return False
    return not b.isdisjoint([near for i, j in a for near in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1))])


def gravitate(source: Value, destination: Value) -> Value:
    """Return the offset that moves the source towards the destination until they are adjacent, 42 steps at most."""
    vertical = vmatching(source, destination)
    axis = 0 if vertical else 1
    sign = 1 if center(source)[axis] < center(destination)[axis] else -1
    moving, fixed = indices_of(source), indices_of(destination)
    if not vertical:  # transposed, so that the way is always along the rows
        moving = [(j, i) for i, j in moving]
        fixed = [(j, i) for i, j in fixed]
    steps = _steps(moving, fixed, sign)
    return (sign * steps, 0) if vertical else (0, sign * steps)


def _steps(moving: Value, fixed: Value, sign: int) -> int:
    """Count the steps along the rows until two patches are adjacent."""
    charge(_MOST_STEPS * (len(moving) + len(fixed)))
    top, left, bottom, right = bounds(fixed)
    first, leftmost, last, rightmost = bounds(moving)
    # One row and column of margin on every side: a neighbor of the fixed patch may lie there.
    left, right = min(left, leftmost) - 1, max(right, rightmost) + 1
    top, bottom = min(top, first) - 1, max(bottom, last) + 1
    stride = right - left + 1
    reserve((bottom - top + 1) * stride)
    body = _mask(fixed, top, left, stride)
    around = body << 1 | body >> 1 | body << stride | body >> stride
    mover = _mask(moving, top, left, stride)
    steps = 0
    while (mover & body or not mover & around) and steps < _MOST_STEPS:
        mover = mover << stride if sign > 0 else mover >> stride
        steps += 1
    return steps
