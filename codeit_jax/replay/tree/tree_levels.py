"""Storage of the sum tree: one flat array per level, eight contiguous children per node, lazy recomputation."""

import functools
import itertools
import struct

import numpy as np
import numpy.typing as npt

from codeit_jax.replay.tree.arrays import IN_RANGE, FloatArray, IntArray, check_priorities

FANOUT = 8
SHIFT = 3
NODE_BYTES = 8 * FANOUT
_CHUNK = 4096  # nodes added up at a time: their children and the partial sums stay in the cache
_FULL_SHARE = 2  # all nodes of a level are recomputed once 1 in so many has to be
_SMALL_LEVEL = 512  # or if it has no more nodes than this

_Couples = npt.NDArray[np.complex128]
_Addition = tuple[npt.NDArray[np.inexact], npt.NDArray[np.inexact], npt.NDArray[np.inexact]]
"""Two arrays and where their sum goes."""

unpack_node = struct.Struct(f"{FANOUT}d").unpack_from
"""(view, byte) -> the eight children there as floats: for a single node, 2x faster than anything NumPy has."""


class TreeLevels:
    """Leaves and their sums: `flat[0]` the leaves, `flat[k + 1]` the sums of eight of `flat[k]`, `flat[-1]` the root.

    Writes to the leaves are remembered and flushed together. A node is recomputed from its children, never changed by
    a difference: that would drift, and one huge priority would leave its rounding behind for good. So the levels are
    bitwise equal to those of a fresh tree with the same leaves.
    """

    def __init__(self, num_leaves: int) -> None:
        """Make levels of zeros."""
        sizes = [num_leaves]
        while len(sizes) < 2 or sizes[-1] > FANOUT:
            sizes.append(-(-sizes[-1] // FANOUT))
        self.flat: list[FloatArray] = [*map(_aligned_zeros, sizes), np.zeros(1)]
        self.rows: list[npt.NDArray[np.float64]] = [level.reshape(-1, FANOUT) for level in self.flat[:-1]]  # [nodes, 8]
        self.views: list[memoryview[float]] = [level.data.cast("B").cast("d") for level in self.flat]
        self.version = 0  # changes whenever a sum may have changed: tables derived from the sums watch it
        self._pending: list[IntArray] | None = []  # nodes whose leaves were written; None: all
        self._num_pending = 0
        # Kept, as are the views of it: fresh pages would cost 3x the additions, and on small levels slicing more.
        self._scratch = np.empty(3 * min(_CHUNK, len(self.rows[0])), np.complex128)
        self._picked_nodes = functools.lru_cache(maxsize=4)(functools.partial(_pick, self._scratch))
        self._additions = [_plan(self._scratch, *pair) for pair in itertools.pairwise(self.flat)]

    def fill(self, values: FloatArray) -> None:
        """Set all leaves; raises ValueError and sets none if a value is negative or not finite.

        The sums are made on the way through the check, chunk by chunk, while a chunk is in the cache.
        """
        self._pending = None  # in case the check fails when sums are overwritten already
        num_whole = len(values) >> SHIFT
        for first in range(0, num_whole + 1, _CHUNK):
            chunk = values[first << SHIFT : (first + _CHUNK) << SHIFT]
            check_priorities(chunk)
            whole = chunk[: len(chunk) >> SHIFT << SHIFT]
            with np.errstate(over="ignore"):
                _add(_plan(self._scratch, whole, self.flat[1][first:]))
        self.flat[0][: len(values)] = values
        if num_whole < len(self.rows[0]):
            self._recompute(0, np.array([num_whole]))
        self._recompute_all(1)

    def write(self, leaves: IntArray, values: FloatArray) -> None:
        """Set leaves (int64 [n], valid) to values (float64 [n], valid); of equal indices the last one wins."""
        if len(leaves) == 1:
            self.write_one(int(leaves[0]), float(values[0]))
            return
        self.flat[0][leaves] = values
        if self._pending is None:
            return
        self._pending.append(leaves >> SHIFT)  # a new array: the caller may change its own before the flush
        self._num_pending += len(leaves)
        if _FULL_SHARE * self._num_pending >= len(self.rows[0]):
            self._pending = None

    def load(self, values: FloatArray) -> None:
        """Set the first leaves of fresh levels to valid values."""
        self.flat[0][: len(values)] = values
        self._pending = None

    def total(self) -> float:
        """Bring the sums up to date with the leaves; return the sum of all leaves."""
        if self._pending is None:
            self._recompute_all(0)
        elif self._pending:
            self._recompute_pending(self._pending[0] if len(self._pending) == 1 else np.concatenate(self._pending))
        return self.views[-1][0]

    def write_one(self, leaf: int, value: float) -> None:
        """Set one leaf and its ancestors at once: plain floats beat array calls for a single path."""
        children = self.views[0]
        children[leaf] = value
        if self._pending is None:
            return
        for parents in self.views[1:]:
            leaf >>= SHIFT
            a, b, c, d, e, f, g, h = unpack_node(children, leaf * NODE_BYTES)
            parents[leaf] = ((a + c) + (e + g)) + ((b + d) + (f + h))  # in the order of `_plan`
            children = parents
        self.version += 1

    def _recompute_all(self, first_level: int) -> None:
        """Recompute the sums of a level and of all above it; they are up to date then."""
        for additions in self._additions[first_level:]:
            _add(additions)
        self._pending, self._num_pending = [], 0
        self.version += 1

    def _recompute_pending(self, nodes: IntArray) -> None:
        """Recompute the ancestors of what was written; common ones more than once, as to find them would cost more."""
        for level, rows in enumerate(self.rows):
            if len(rows) <= max(_SMALL_LEVEL, _FULL_SHARE * len(nodes)):
                self._recompute_all(level)
                return
            for start in range(0, len(nodes), _CHUNK):
                self._recompute(level, nodes[start : start + _CHUNK])
            nodes = nodes >> SHIFT

    def _recompute(self, level: int, nodes: IntArray) -> None:
        children, sums, additions = self._picked_nodes(len(nodes))
        self.rows[level].take(nodes, 0, children, IN_RANGE)
        _add(additions)
        self.flat[level + 1][nodes] = sums


def _pick(scratch: _Couples, count: int) -> tuple[FloatArray, FloatArray, list[_Addition]]:
    """Return room for the children of some nodes ([count, 8]) and their sums, and how to add them up."""
    children, sums = np.empty((count, FANOUT)), np.empty(count)
    return children, sums, _plan(scratch, children.reshape(-1), sums)


def _plan(scratch: _Couples, children: FloatArray, sums: FloatArray) -> list[_Addition]:
    """Return the additions that make sums ([n] or more) of children a to h ([8 n]), as ((a+c)+(e+g)) + ((b+d)+(f+h)).

    Always in this order, so that a node depends on its children alone and never on which batch recomputed it; the
    rounding of a matrix product depends on the position of the row. NumPy adds strided numbers one by one, so they
    are added in couples, as complex numbers.
    """
    couples = children.view(np.complex128)  # [4 n]: (a, b), (c, d), (e, f), (g, h)
    additions: list[_Addition] = []
    for start in range(0, len(couples) // 4, _CHUNK):
        part = couples[4 * start : 4 * (start + _CHUNK)]
        count = len(part) // 4
        halves, wholes = scratch[: 2 * count], scratch[2 * count : 3 * count]
        additions.append((part[0::2], part[1::2], halves))
        additions.append((halves[0::2], halves[1::2], wholes))
        additions.append((wholes.real, wholes.imag, sums[start : start + count]))
    return additions


def _add(additions: list[_Addition]) -> None:
    for first, second, out in additions:
        np.add(first, second, out)


def _aligned_zeros(count: int) -> FloatArray:
    """Return zeros for `count` numbers, filled up to whole nodes, each of which is one 64-byte cache line."""
    size = -(-count // FANOUT) * FANOUT
    buffer = np.zeros(size + FANOUT - 1)
    address: int = buffer.__array_interface__["data"][0]
    offset = (-address // 8) % FANOUT
    return buffer[offset : offset + size]
