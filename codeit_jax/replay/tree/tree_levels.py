"""Storage of the sum tree: one flat array per level, eight contiguous children per node, lazy recomputation."""

import functools
import itertools
import struct

import numpy as np
import numpy.typing as npt

from codeit_jax.replay.tree.arrays import IN_RANGE, FloatArray, IntArray, aligned_zeros
from codeit_jax.replay.tree.checks import check_priorities
from codeit_jax.replay.tree.node_sums import CHUNK_NODES, FANOUT, Chunk, NodeSums, PickedNodes, chunks

SHIFT = 3
NODE_BYTES = 8 * FANOUT
_CHUNK = CHUNK_NODES * FANOUT
_PICK_AT_ONCE = 4096
_FULL_SHARE = 2  # all nodes of a level are recomputed once 1 in so many has to be
_SMALL_LEVEL = 512  # or if it has no more nodes than this

unpack_node = struct.Struct(f"{FANOUT}d").unpack_from
"""(view, byte) -> the eight children there as floats: for a single node, 2x faster than anything NumPy has."""


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
        while len(self.flat) < 2 or num_nodes > 1:
            num_nodes = -(-num_nodes // FANOUT)
            level = aligned_zeros(num_nodes * FANOUT)
            self.flat.append(level)
            self.rows.append(level.reshape(num_nodes, FANOUT))
        self.views: list[memoryview[float]] = [level.data.cast("B").cast("d") for level in self.flat]
        # Made once: on the small upper levels, slicing would cost more than the additions.
        self._chunks: list[list[Chunk]] = [
            list(chunks(lower, upper[: len(lower) >> SHIFT])) for lower, upper in itertools.pairwise(self.flat)
        ]
        self._node_sums = functools.lru_cache(maxsize=16)(NodeSums)
        self._picked_nodes = functools.lru_cache(maxsize=4)(PickedNodes)
        self._pending: list[IntArray] = []
        self._num_pending = 0
        self._all_pending = False
        self._total = 0.0

    def fill(self, values: FloatArray) -> None:
        """Set every leaf; raises ValueError and sets none if a value is negative or not finite.

        The sums are made on the way through the check, chunk by chunk, while a chunk is in the cache.
        """
        self.invalidate()  # for the case that the check fails when sums are overwritten already
        num_whole = len(values) >> SHIFT
        starts = range(0, len(values), _CHUNK)
        with np.errstate(over="ignore", invalid="ignore"):
            sums = chunks(values[: num_whole << SHIFT], self.flat[1][:num_whole])
            for start, chunk in itertools.zip_longest(starts, sums):
                if chunk is not None:
                    self._add_up(chunk)
                check_priorities(values[start : start + _CHUNK])
        self.flat[0][: len(values)] = values
        if num_whole < len(self.rows[0]):
            self._recompute_nodes(0, np.array([num_whole]))
        self._recompute_all(1)
        self._settle()

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
        if _FULL_SHARE * self._num_pending >= len(self.rows[0]):
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
            parents[leaf] = ((a + c) + (e + g)) + ((b + d) + (f + h))
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
        self._total = ((a + c) + (e + g)) + ((b + d) + (f + h))
        self.version += 1

    def _add_up(self, chunk: Chunk) -> None:
        self._node_sums(len(chunk.sums)).add_up(chunk)

    def _recompute_all(self, first_level: int) -> None:
        for chunk in itertools.chain.from_iterable(self._chunks[first_level:]):
            self._add_up(chunk)

    def _recompute_pending(self) -> None:
        """Recompute the ancestors of what was written; common ones more than once, as to find them would cost more."""
        nodes = self._pending[0] if len(self._pending) == 1 else np.concatenate(self._pending)
        for level, rows in enumerate(self.rows[:-1]):
            if len(rows) <= max(_SMALL_LEVEL, _FULL_SHARE * len(nodes)):
                self._recompute_all(level)
                return
            for start in range(0, len(nodes), _PICK_AT_ONCE):
                self._recompute_nodes(level, nodes[start : start + _PICK_AT_ONCE])
            nodes = nodes >> SHIFT

    def _recompute_nodes(self, level: int, nodes: IntArray) -> None:
        picked = self._picked_nodes(len(nodes))
        self.rows[level].take(nodes, 0, picked.children, IN_RANGE)
        picked.add_up()
        self.flat[level + 1][nodes] = picked.sums
