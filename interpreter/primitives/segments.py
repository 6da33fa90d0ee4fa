"""All segments from each of many indices to, or in the direction of, each of many others.

Of three hundred by three hundred indices few pairs are aligned. They are found by row, column and diagonals, without a
call for every pair. What the calls would charge follows from the distances; where one could fail, nothing is answered.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from interpreter.primitives.bounds import integer_pairs
from interpreter.primitives.calls import enter, leave
from interpreter.primitives.lines import SHOT, segment
from interpreter.values import Value
from interpreter.weight import nesting_compounds
from interpreter.work import METER, charge

_FEW_PAIRS = 256

_Index = tuple[int, int]
_Segment = tuple[int, int, int, int]

# The four ways to be aligned: what two indices have in common and what they differ in, and the index of both.
_ALIGNMENTS: tuple[tuple[Callable[[int, int], int], Callable[[int, int], int], Callable[[int, int], _Index]], ...] = (
    (lambda i, j: i, lambda i, j: j, lambda row, j: (row, j)),
    (lambda i, j: j, lambda i, j: i, lambda column, i: (i, column)),
    (lambda i, j: i - j, lambda i, j: i, lambda difference, i: (i, i - difference)),
    (lambda i, j: i + j, lambda i, j: i, lambda total, i: (i, total - i)),
)


def all_segments(function: Value, a: Value, b: Value) -> frozenset[frozenset[_Index]] | None:
    """Return what `connect` or `shoot` gives for all pairs; None for other functions and where it must be called.

    Raises:
        WorkExceeded, SizeExceeded: as the calls would.
    """
    find = _FINDERS.get(getattr(function, "builder", ""))
    if find is None or len(a) * len(b) < _FEW_PAIRS or nesting_compounds():
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


def _span(a: Iterable[_Index], b: Iterable[_Index]) -> int:
    return max(map(abs, chain.from_iterable(chain(a, b)))) + 1


def _connections(starts: list[_Index], stops: list[_Index]) -> tuple[Iterable[_Segment], int, int]:
    """Return the ends of the segments, each once or more, the number of aligned pairs, and the cells of all pairs."""
    common = set(starts).intersection(stops)
    ends = [index + index for index in common]
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
            ends += [index_of(value, m) + index_of(value, n) for m, n in set(pairs)]
    return ends, num_aligned, work


def _grouped(
    indices: list[_Index], key_of: Callable[[int, int], int], value_of: Callable[[int, int], int]
) -> dict[int, list[int]]:
    groups: dict[int, list[int]] = {}
    for i, j in indices:
        groups.setdefault(key_of(i, j), []).append(value_of(i, j))
    return groups


def _shots(starts: list[_Index], directions: list[_Index]) -> tuple[Iterable[_Segment], int, int]:
    aligned = [(down, right) for down, right in directions if not down or not right or abs(down) == abs(right)]
    work = sum([SHOT * max(abs(down), abs(right)) + 1 for down, right in aligned])
    return _all_shots(starts, aligned), len(starts) * len(aligned), len(starts) * work


def _all_shots(starts: list[_Index], directions: list[_Index]) -> Iterator[_Segment]:
    for down, right in directions:
        for i, j in starts:
            yield i, j, i + SHOT * down, j + SHOT * right


_FINDERS = {"connect": _connections, "shoot": _shots}
