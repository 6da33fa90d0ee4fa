"""Indices that values share.

A pair that was made once is compared by identity, takes no memory again and is not freed with every set that it is in.
"""

from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import chain

from interpreter.values.order import Value

Index = tuple[int, int]

_LOW, _HIGH = -64, 96  # coordinates from and below which indices are shared
_SIDE = _HIGH - _LOW
_KEPT = 4096  # indices of a box; the lists of larger ones take too much memory


@cache
def _shared() -> tuple[Index, ...]:
    """List all shared indices row-major: lines are slices of it."""
    return tuple([(i, j) for i in range(_LOW, _HIGH) for j in range(_LOW, _HIGH)])


def indices_in_box(top: int, left: int, bottom: int, right: int) -> tuple[Index, ...]:
    """List the indices of a box row-major, given its first and last row and column; none if they are crossed."""
    if _LOW <= top <= bottom < _HIGH and _LOW <= left <= right < _HIGH:
        small = (bottom - top + 1) * (right - left + 1) <= _KEPT
        return (_kept_shared_box if small else _shared_box)(top, left, bottom, right)
    return tuple([(i, j) for i in range(top, bottom + 1) for j in range(left, right + 1)])


def _shared_box(top: int, left: int, bottom: int, right: int) -> tuple[Index, ...]:
    table, starts = _shared(), range((top - _LOW) * _SIDE - _LOW, (bottom + 1 - _LOW) * _SIDE - _LOW, _SIDE)
    return tuple(chain.from_iterable([table[start + left : start + right + 1] for start in starts]))


_kept_shared_box = lru_cache(maxsize=1024)(_shared_box)


def indices_on_line(top: int, first: int, bottom: int, last: int) -> tuple[Index, ...]:
    """List the indices of a line that is horizontal, vertical or diagonal.

    Args:
        top, first: its upper end, or left one if it is horizontal.
        bottom, last: its other end.
    """
    down, right = bottom > top, (last > first) - (last < first)
    if top >= _LOW and bottom < _HIGH and min(first, last) >= _LOW and max(first, last) < _HIGH:
        start, stop = (top - _LOW) * _SIDE + first - _LOW, (bottom - _LOW) * _SIDE + last - _LOW
        return _shared()[start : stop + 1 : down * _SIDE + right or 1]
    length = max(bottom - top, abs(last - first)) + 1
    return tuple([(top + down * k, first + right * k) for k in range(length)])


def fill_indices(grid: Value, value: Value, indices: Iterable[Value]) -> Value:
    """Return the grid with some indices in one color; those outside are ignored."""
    height, width = len(grid), len(grid[0])
    rows: list[Value] = list(grid)
    for i, j in indices:
        if 0 <= i < height and 0 <= j < width:
            row = rows[i]
            if type(row) is not list:
                row = rows[i] = list(row)
            row[j] = value
    return tuple([row if type(row) is tuple else tuple(row) for row in rows])
