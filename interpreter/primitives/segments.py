"""All segments from each of many indices to, or in the direction of, each of many others.

Of three hundred by three hundred indices few pairs are aligned. They are found by row, column and diagonals, without a
call for every pair. What the calls would charge follows from the distances; where one could fail, nothing is answered.
"""

from collections.abc import Callable, Iterable
from itertools import chain

from interpreter.primitives.bounded_calls import enter, leave
from interpreter.primitives.bounds import integer_pairs
from interpreter.primitives.indices import Index
from interpreter.primitives.lines import SHOT, segment
from interpreter.values.meter import METER, charge
from interpreter.values.order import Value
from interpreter.values.weight import nesting_compounds

FEW_PAIRS = 256

_Segment = tuple[int, int, int, int]  # its ends, of which the upper or else left one comes first

# The four ways to be aligned: what two indices have in common and what they differ in, and the index of both.
_ALIGNMENTS: tuple[tuple[Callable[[int, int], int], Callable[[int, int], int], Callable[[int, int], Index]], ...] = (
    (lambda i, j: i, lambda i, j: j, lambda row, j: (row, j)),
    (lambda i, j: j, lambda i, j: i, lambda column, i: (i, column)),
    (lambda i, j: i - j, lambda i, j: i, lambda difference, i: (i, i - difference)),
    (lambda i, j: i + j, lambda i, j: i, lambda total, i: (i, total - i)),
)


def all_segments(function: Value, a: Value, b: Value) -> frozenset[Value] | None:
    """Return what `connect` or `shoot` gives for all pairs; None for other functions and where it must be called.

    Raises:
        WorkExceeded, SizeExceeded: as the calls would.
    """
    find = _FINDERS.get(getattr(function, "builder", ""))
    if find is None or len(a) * len(b) < FEW_PAIRS or nesting_compounds():
        return None
    if type(a) is not frozenset or type(b) is not frozenset:
        return None
    starts, others = integer_pairs(a), integer_pairs(b)
    if starts is None or others is None or 2 * SHOT * _span(starts, others) > METER.max_items:
        return None
    leave(enter(function))
    ends, num_aligned, work = find(starts, others)
    charge(work)
    segments = {segment(*both) for both in ends}
    if num_aligned < len(starts) * len(others):
        segments.add(frozenset())
    return frozenset(segments)


def _span(a: Iterable[Index], b: Iterable[Index]) -> int:
    return max(map(abs, chain.from_iterable(chain(a, b)))) + 1


def _connections(starts: list[Index], stops: list[Index]) -> tuple[set[_Segment], int, int]:
    """Return the ends of the segments, the number of aligned pairs, and the cells of all pairs."""
    common = set(starts).intersection(stops)
    ends = {index + index for index in common}
    num_aligned = work = len(common)
    for common_of, varying_of, index_of in _ALIGNMENTS:
        stops_by = _grouped(stops, common_of, varying_of)
        for value, first in _grouped(starts, common_of, varying_of).items():
            second = stops_by.get(value)
            if second is None:
                continue
            pairs = [(m, n) if m < n else (n, m) for m in first for n in second if m != n]
            num_aligned += len(pairs)
            work += sum([n - m for m, n in pairs]) + len(pairs)
            ends.update([index_of(value, m) + index_of(value, n) for m, n in set(pairs)])
    return ends, num_aligned, work


def _grouped(
    indices: list[Index], key_of: Callable[[int, int], int], value_of: Callable[[int, int], int]
) -> dict[int, list[int]]:
    groups: dict[int, list[int]] = {}
    for i, j in indices:
        groups.setdefault(key_of(i, j), []).append(value_of(i, j))
    return groups


def _shots(starts: list[Index], directions: list[Index]) -> tuple[set[_Segment], int, int]:
    aligned = [(down, right) for down, right in directions if not down or not right or abs(down) == abs(right)]
    work = sum([SHOT * max(abs(down), abs(right)) + 1 for down, right in aligned])
    ends = set()
    for down, right in aligned:
        rows, columns = SHOT * down, SHOT * right
        if (rows, columns) < (0, 0):
            ends.update([(i + rows, j + columns, i, j) for i, j in starts])
        else:
            ends.update([(i, j, i + rows, j + columns) for i, j in starts])
    return ends, len(starts) * len(aligned), len(starts) * work


_FINDERS = {"connect": _connections, "shoot": _shots}
