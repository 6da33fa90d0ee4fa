"""From cumulated mass to leaves: all targets walk down the sum tree together, level by level."""

import functools
import itertools

import numpy as np

from codeit_jax.replay.tree.arrays import IN_RANGE, FloatArray, IntArray
from codeit_jax.replay.tree.node_sums import FANOUT
from codeit_jax.replay.tree.top_table import GUIDE_FROM, TopTable
from codeit_jax.replay.tree.tree_levels import NODE_BYTES, SHIFT, TreeLevels, unpack_node

_NARROW_TOP = 4096  # nodes
_WIDE_TOP = 32_768  # saves a level: for so many targets that its guide is worth making, or so few that none is made
_WIDE_FROM = 4096  # targets
_PIECE = 4096  # targets that walk together: what they need stays in the second-level cache
_COLUMNS_FROM = 256

_SHIFT = np.array(SHIFT)  # these and `size` below are arrays: a Python number would be converted at every use
_EXCLUSIVE_PREFIX = np.tril(np.ones((FANOUT, FANOUT)), -1)


class _Workspace:
    """Scratch arrays for one number of targets; allocating them anew would cost more than the arithmetic.

    Prefix sums lie child by child: long rows make every later step fast.
    """

    def __init__(self, size: int) -> None:
        self.size = np.array(size)
        self.rows = np.empty((min(size, _COLUMNS_FROM), FANOUT))
        self.columns = self.rows.T
        self.prefix = np.zeros((FANOUT, size))  # row j: the mass of the children before j
        self.prefix_flat = self.prefix.reshape(-1)
        self.prefix_rows = list(self.prefix[1:])
        self.prefix_pairs = list(itertools.pairwise(self.prefix_rows))
        self.prefix_after_first = self.prefix[1:]
        self.lane = np.arange(size)
        self.not_above = np.empty((FANOUT - 1, size), bool)
        self.flags = self.not_above.view(np.int8)
        self.count = np.empty(size, np.int8)
        self.child = np.empty(size, np.int64)
        self.position = np.empty(size, np.int64)
        self.skipped = np.empty(size)


class TreeWalk:
    """Finds the leaves of many targets; holds tables and scratch memory, so one thread at a time."""

    def __init__(self, levels: TreeLevels) -> None:
        self._levels = levels
        self._narrow_top = TopTable(levels, _NARROW_TOP)
        self._wide_top = TopTable(levels, _WIDE_TOP)
        self._last_leaf = np.array(len(levels.flat[0]) - 1)
        self._last_nodes = [np.array(len(rows) - 1) for rows in levels.rows]
        self._children = [[level[child:] for child in range(FANOUT - 1)] for level in levels.flat]
        self._workspace = functools.lru_cache(maxsize=4)(_Workspace)

    def find(self, targets: FloatArray) -> tuple[IntArray, FloatArray]:
        """Return leaves and their values for targets in [0, total), in any order; `targets` is used up.

        The leaf of a target is the one whose interval of the cumulated mass holds it; a leaf of zero mass is never
        returned. Ascending targets have ascending leaves.
        """
        top = self._narrow_top if GUIDE_FROM <= len(targets) < _WIDE_FROM else self._wide_top
        nodes = top.enter(targets)
        if len(targets) <= _PIECE:
            self._descend(top.level, targets, nodes)
        else:
            for start in range(0, len(targets), _PIECE):
                piece = slice(start, start + _PIECE)
                self._descend(top.level, targets[piece], nodes[piece])
        values = self._levels.flat[0].take(nodes, mode=IN_RANGE)
        if np.count_nonzero(values) < len(values):
            self._leave_empty_leaves(nodes, values)
        return nodes, values

    def find_one(self, target: float) -> int:
        """Return the leaf of one target in [0, total]: plain floats beat array calls for a single path."""
        node = 0
        for view in reversed(self._levels.views):
            last_positive = 0
            for child, mass in enumerate(unpack_node(view, node * NODE_BYTES)):
                if mass > 0.0:
                    last_positive = child
                    if target < mass:
                        break
                    target -= mass
            node = (node << SHIFT) + last_positive
        return node

    def _descend(self, level: int, targets: FloatArray, nodes: IntArray) -> None:
        """Walk from nodes of `level` to leaves, in place.

        The child of a target is the last one whose exclusive prefix sum is not above it. Each of these adds the next
        child to the one before, so they never decrease, and the number of those not above is enough. Rounding may lead
        past the last node of a level; from there, the walk goes on with the children of the last, to the last leaf.
        """
        work = self._workspace(len(targets))
        for depth in range(level, -1, -1):
            self._add_prefixes(depth, nodes, work)
            np.less_equal(work.prefix_after_first, targets, out=work.not_above)  # the first is zero, never above
            np.add.reduce(work.flags, 0, np.int8, out=work.count)
            np.copyto(work.child, work.count)
            nodes <<= _SHIFT
            nodes += work.child
            if depth:
                np.multiply(work.child, work.size, out=work.position)
                work.position += work.lane
                work.prefix_flat.take(work.position, 0, work.skipped, IN_RANGE)
                targets -= work.skipped
        np.minimum(nodes, self._last_leaf, out=nodes)

    def _add_prefixes(self, depth: int, nodes: IntArray, work: _Workspace) -> None:
        """Compute the prefix sums of the children of nodes.

        For few nodes one product has the fewest calls. For many, memory decides: to pick children one by one keeps
        more loads in flight than to copy rows (1.8x), and all after the first are in the cache.
        """
        if len(nodes) < _COLUMNS_FROM:
            self._levels.rows[depth].take(nodes, 0, work.rows, "clip")
            np.dot(_EXCLUSIVE_PREFIX, work.columns, work.prefix)
            return
        np.minimum(nodes, self._last_nodes[depth], out=work.position)
        work.position <<= _SHIFT
        for children, prefix in zip(self._children[depth], work.prefix_rows, strict=True):
            children.take(work.position, 0, prefix, IN_RANGE)
        for before, prefix in work.prefix_pairs:
            np.add(before, prefix, out=prefix)

    def _leave_empty_leaves(self, leaves: IntArray, values: FloatArray) -> None:
        """Repair targets that rounding put at or past the end of the mass of their node: take the last mass before."""
        for position in np.flatnonzero(values == 0.0).tolist():
            leaf = self._levels.last_positive_before(int(leaves[position]))
            leaves[position] = leaf
            values[position] = self._levels.flat[0][leaf]
