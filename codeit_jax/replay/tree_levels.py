"""Storage of the sum tree: one flat array per level, eight contiguous children per node, lazy recomputation."""

import itertools
import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FANOUT = 8
SHIFT = 3
NODE_BYTES = 8 * FANOUT
_SUM_CHUNK = 32_768
_GATHER_ROWS = 4096
_DEDUPLICATE_FROM = 512

unpack_node = struct.Struct(f"{FANOUT}d").unpack_from
"""(view, byte) -> the eight children there as floats: for a single node, 2x faster than anything NumPy has."""


def aligned_zeros(count: int) -> FloatArray:
    """Return `count` zeros that start on a 64-byte boundary, so that a node of eight children is one cache line."""
    buffer = np.zeros(count + FANOUT - 1)
    address: int = buffer.__array_interface__["data"][0]
    offset = (-address // 8) % FANOUT
    return buffer[offset : offset + count]


def distinct(ascending: IntArray) -> IntArray:
    """Return the distinct values of an ascending array, which may be empty; `np.unique` would hash, 10x slower."""
    first = np.ones(len(ascending), bool)
    np.not_equal(ascending[1:], ascending[:-1], out=first[1:])
    return ascending[first]


class _RowSums:
    """Sums of eight consecutive values, in a fixed order: ((0+1)+(2+3))+((4+5)+(6+7)).

    A node then depends on its children alone and never on which batch recomputed it. A matrix product would not do:
    its rounding depends on the position of the row. Scratch memory is kept because fresh pages cost 3x the arithmetic.
    """

    def __init__(self) -> None:
        self._pairs = np.empty(_SUM_CHUNK // 2)
        self._quads = np.empty(_SUM_CHUNK // 4)

    def __call__(self, values: FloatArray, out: FloatArray) -> None:
        """Write the sum of every eight consecutive values into `out`."""
        for left, right, total in self.additions(values, out):
            np.add(left, right, out=total)

    def additions(self, values: FloatArray, out: FloatArray) -> Iterator[tuple[FloatArray, FloatArray, FloatArray]]:
        """Yield the additions (left, right, total) that a call makes: views, which stay good while the arrays do."""
        for start in range(0, len(values), _SUM_CHUNK):
            chunk = values[start : start + _SUM_CHUNK]
            pairs = self._pairs[: len(chunk) // 2]
            quads = self._quads[: len(chunk) // 4]
            yield chunk[0::2], chunk[1::2], pairs
            yield pairs[0::2], pairs[1::2], quads
            yield quads[0::2], quads[1::2], out[start >> SHIFT : (start + len(chunk)) >> SHIFT]


class TreeLevels:
    """Leaves and their sums, level by level; `flat[0]` are the leaves, `flat[-1]` the eight children of the root.

    Writes to the leaves are remembered and flushed together. Every inner node is recomputed from its children, never
    changed by a difference, so the tree is bitwise equal to one built afresh from the same leaves.
    """

    def __init__(self, num_leaves: int) -> None:
        self.flat: list[FloatArray] = []
        self.rows: list[npt.NDArray[np.float64]] = []
        self.version = 0  # changes whenever an inner node may have changed: tables derived from them watch it
        num_nodes = num_leaves
        while True:
            num_nodes = -(-num_nodes // FANOUT)
            level = aligned_zeros(num_nodes * FANOUT)
            self.flat.append(level)
            self.rows.append(level.reshape(num_nodes, FANOUT))
            if num_nodes == 1:
                break
        self.views: list[memoryview[float]] = [level.data.cast("B").cast("d") for level in self.flat]
        self._sum_rows = _RowSums()
        # Made once: on the small upper levels, slicing would cost more than the additions.
        self._additions = [
            list(self._sum_rows.additions(lower, upper[: len(lower) >> SHIFT]))
            for lower, upper in itertools.pairwise(self.flat)
        ]
        self._children = np.empty((_GATHER_ROWS, FANOUT))
        self._pending: list[IntArray] = []
        self._num_pending = 0
        self._all_pending = False
        self._total = 0.0

    def write(self, leaves: IntArray, values: FloatArray) -> None:
        """Set leaves (valid indices, valid values); of equal indices the last one wins."""
        if len(leaves) == 1:
            self._write_one(int(leaves[0]), float(values[0]))
            return
        self.flat[0][leaves] = values
        if self._all_pending:
            return
        self._pending.append(leaves >> SHIFT)  # a new array: the caller may go on to change its own
        self._num_pending += len(leaves)
        if 2 * self._num_pending >= len(self.rows[0]):
            self.invalidate()

    def invalidate(self) -> None:
        """Have every inner node recomputed at the next flush."""
        self._all_pending = True
        self._pending.clear()
        self._num_pending = 0

    def flush(self) -> None:
        """Bring the inner nodes up to date with the leaves."""
        if self._all_pending:
            self._recompute_all(0)
        elif self._num_pending:
            self._recompute_pending()
        else:
            return
        self._settle()

    def total(self) -> float:
        """Return the sum of all leaves."""
        self.flush()
        return self._total

    def last_positive_before(self, leaf: int) -> int:
        """Return the last leaf below `leaf` that is positive, or -1; needs a flushed tree."""
        node, level = leaf, 0
        while True:
            first = node & ~(FANOUT - 1)
            positive = np.flatnonzero(self.flat[level][first:node] > 0.0)
            if positive.size:
                node = first + int(positive[-1])
                break
            level += 1
            if level == len(self.flat):
                return -1
            node >>= SHIFT
        while level:
            level -= 1
            first = node << SHIFT
            node = first + int(np.flatnonzero(self.flat[level][first : first + FANOUT] > 0.0)[-1])
        return node

    def _write_one(self, leaf: int, value: float) -> None:
        """Set one leaf and its ancestors at once: plain floats beat array calls for a single path."""
        children = self.views[0]
        children[leaf] = value
        if self._all_pending:
            return
        for parents in self.views[1:]:
            leaf >>= SHIFT
            a, b, c, d, e, f, g, h = unpack_node(children, leaf * NODE_BYTES)
            parents[leaf] = ((a + b) + (c + d)) + ((e + f) + (g + h))
            children = parents
        self._finish_root()

    def _settle(self) -> None:
        """Take note that the inner nodes are up to date."""
        self._all_pending = False
        self._pending.clear()
        self._num_pending = 0
        self._finish_root()

    def _finish_root(self) -> None:
        a, b, c, d, e, f, g, h = unpack_node(self.views[-1], 0)
        self._total = ((a + b) + (c + d)) + ((e + f) + (g + h))
        self.version += 1

    def _recompute_all(self, first_level: int) -> None:
        for left, right, total in itertools.chain.from_iterable(self._additions[first_level:]):
            np.add(left, right, out=total)

    def _recompute_pending(self) -> None:
        nodes = self._pending[0] if len(self._pending) == 1 else np.concatenate(self._pending)
        if len(nodes) > _DEDUPLICATE_FROM // 2:
            nodes.sort()
        for level in range(len(self.flat) - 1):
            num_nodes = len(self.rows[level])
            if 2 * len(nodes) >= num_nodes or num_nodes <= 64:
                self._recompute_all(level)
                return
            if len(nodes) > _DEDUPLICATE_FROM:
                nodes = distinct(nodes)
            for start in range(0, len(nodes), _GATHER_ROWS):
                self._recompute_nodes(level, nodes[start : start + _GATHER_ROWS])
            nodes = nodes >> SHIFT

    def _recompute_nodes(self, level: int, nodes: IntArray) -> None:
        children = self._children[: len(nodes)]
        self.rows[level].take(nodes, 0, children, "clip")  # with "clip" and `out`, 4x faster than indexing
        sums = np.empty(len(nodes))
        self._sum_rows(children.reshape(-1), sums)
        self.flat[level + 1][nodes] = sums
