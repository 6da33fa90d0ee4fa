"""From cumulated mass to leaves: all targets walk down the sum tree together, level by level."""

import functools
import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from codeit_jax.replay.tree.arrays import IN_RANGE, FloatArray, IntArray
from codeit_jax.replay.tree.tree_levels import FANOUT, NODE_BYTES, SHIFT, TreeLevels, unpack_node

_NARROW_TOP = 4096  # nodes
_WIDE_TOP = 32_768  # nodes: saves a level, for so many targets that the larger table is worth making
_WIDE_FROM = 4096  # targets
_GUIDE_FROM = 64  # targets: to make the guide takes longer than fewer binary searches
_COLUMNS_FROM = 256  # targets: picked child by child, not node by node
_PIECE = 4096  # targets that walk together: what they need stays in the second-level cache
_TOTAL_BITS = 62
_BINS_PER_NODE = 2
_MAX_STEPS = 2
_ROUNDING = 1 << 12  # by which the last node reaches beyond the total: 4 units in the last place of a float64

_SHIFT = np.array(SHIFT)  # a Python number would be converted at every use
_EXCLUSIVE_PREFIX = np.tril(np.ones((FANOUT, FANOUT)), -1)


class TreeWalk:
    """Finds the leaves of many targets; holds tables, so one thread at a time."""

    def __init__(self, levels: TreeLevels) -> None:
        """Walk these levels, whatever is written to them."""
        self._levels = levels
        self._narrow_top = _TopTable(levels, _NARROW_TOP)
        self._wide_top = _TopTable(levels, _WIDE_TOP)
        self._children = [[level[child:] for child in range(FANOUT - 1)] for level in levels.flat[:-1]]
        self._scratch = functools.lru_cache(maxsize=4)(_Scratch)

    def find(self, targets: FloatArray) -> tuple[IntArray, FloatArray]:
        """Return leaves (int64 [n]) and their values (float64 [n]) for targets in [0, total), in any order.

        The leaf of a target is the one whose interval of the cumulated mass holds it; a leaf of zero mass is never
        returned. Ascending targets have ascending leaves.
        """
        top = self._wide_top if len(targets) >= _WIDE_FROM else self._narrow_top
        leaves, targets = top.enter(targets)
        for start in range(0, len(targets), _PIECE):
            piece = slice(start, start + _PIECE)
            self._descend(top.level, targets[piece], leaves[piece])
        values = self._levels.flat[0].take(leaves, mode=IN_RANGE)
        if np.count_nonzero(values) < len(values):
            self._leave_empty_leaves(leaves, values)
        return leaves, values

    def find_one(self, target: float) -> int:
        """Return the leaf of one target in [0, total]: plain floats beat array calls for a single path."""
        node = 0
        for view in reversed(self._levels.views[:-1]):
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
        """Walk from nodes of `level` to leaves, in place; targets are less the mass before their node.

        The child of a target is the last one whose exclusive prefix sum is not above it. Each of these adds the next
        child to the one before, so they never decrease, and the number of those not above is enough. Rounding may lead
        past the last node of a level; from there, the walk continues with the children of the last, to the last leaf.
        """
        scratch = self._scratch(len(targets))
        for depth in range(level, -1, -1):
            self._add_prefixes(depth, nodes, scratch)
            np.less_equal(scratch.after_first, targets, scratch.not_above)  # the first is zero, never above
            child = np.add.reduce(scratch.flags, 0, np.int8).astype(np.int64)  # [n] in 0 .. 7
            nodes <<= _SHIFT
            nodes += child
            if depth:
                child *= len(targets)
                child += scratch.column  # the place in prefix of what is skipped
                targets -= scratch.prefix_flat.take(child, mode=IN_RANGE)
        np.minimum(nodes, len(self._levels.flat[0]) - 1, out=nodes)

    def _add_prefixes(self, depth: int, nodes: IntArray, scratch: "_Scratch") -> None:
        """Compute the prefix sums of the children of nodes.

        For few nodes one product has the fewest calls. For many, memory decides: to pick children one by one keeps
        more loads in flight than to copy rows (1.8x), and all after the first are in the cache.
        """
        if len(nodes) < _COLUMNS_FROM:
            self._levels.rows[depth].take(nodes, 0, scratch.children, "clip")
            np.dot(_EXCLUSIVE_PREFIX, scratch.children.T, scratch.prefix)
            return
        first = np.minimum(nodes, len(self._levels.rows[depth]) - 1)
        first <<= SHIFT
        for children, row in zip(self._children[depth], scratch.rows, strict=True):
            children.take(first, 0, row, IN_RANGE)
        for before, row in itertools.pairwise(scratch.rows):
            np.add(before, row, out=row)

    def _leave_empty_leaves(self, leaves: IntArray, values: FloatArray) -> None:
        """Repair targets that rounding put at or past the end of the mass of their node: take the last mass before."""
        for position in np.flatnonzero(values == 0.0).tolist():
            before = self._levels.flat[0][: leaves[position]]
            leaf = len(before) - 1 - int(np.argmax(before[::-1] > 0.0))  # reads them all, about once in 1e13 draws
            leaves[position], values[position] = leaf, before[leaf]


class _Scratch:
    """Memory for n targets; fresh pages would cost more than the arithmetic."""

    def __init__(self, num_targets: int) -> None:
        self.prefix = np.zeros((FANOUT, num_targets))  # row j: mass of the children before j; long rows are fast
        self.prefix_flat = self.prefix.reshape(-1)
        self.rows = list(self.prefix[1:])
        self.after_first = self.prefix[1:]
        self.column = np.arange(num_targets)
        self.not_above = np.empty((FANOUT - 1, num_targets), bool)
        self.flags = self.not_above.view(np.int8)  # added up 2x as fast as bool
        self.children = np.empty((num_targets if num_targets < _COLUMNS_FROM else 0, FANOUT))


class _TopTable:
    """Prefix sums over the nodes of one level: one look-up replaces the levels above it.

    Masses are turned into integers, so that the total has 62 bits: such sums are exact, whatever their order, and
    NumPy cumulates integers 10x faster than floats. A guide (Chen and Asau, 1974) divides the mass into equal bins and
    says where to start in each, so that a search takes no more than a few steps, in no particular order of targets.
    """

    def __init__(self, levels: TreeLevels, max_nodes: int) -> None:
        self.level = next(k for k, rows in enumerate(levels.rows) if len(rows) <= max_nodes)
        self._levels = levels
        self._num_nodes = len(levels.rows[self.level])
        self._bin_shift = _TOTAL_BITS - (_BINS_PER_NODE * self._num_nodes - 1).bit_length()
        self._bounds = np.zeros(self._num_nodes + 1, np.int64)  # node k holds [bounds[k], bounds[k + 1])
        self._version = self._guide_version = -1  # of the levels that bounds and guide were made from

    def enter(self, targets: FloatArray) -> tuple[IntArray, FloatArray]:
        """Return the nodes that hold targets in [0, total], or rounded up, and targets less the mass before them."""
        if self._version != self._levels.version:
            self._make_bounds()
        places = _scaled(targets, self._exponent).astype(np.int64)
        few = len(targets) < _GUIDE_FROM
        nodes = self._bounds[1:].searchsorted(places, "right") if few else self._guided_search(places)
        places -= self._bounds.take(nodes, mode=IN_RANGE)
        return nodes, _scaled(places, -self._exponent)

    def _make_bounds(self) -> None:
        total = self._levels.total()
        masses = self._levels.flat[self.level + 1][: self._num_nodes]
        self._exponent = _TOTAL_BITS - math.frexp(total)[1]
        np.add.accumulate(_scaled(masses, self._exponent).astype(np.int64), out=self._bounds[1:])
        # Cut to integers, the masses may add up to less than the total.
        self._bounds[-1] = max(self._bounds[-1], int(math.ldexp(total, self._exponent)) + _ROUNDING)
        self._version = self._levels.version

    def _guided_search(self, places: IntArray) -> IntArray:
        """Search from the first node that reaches into the bin of each place."""
        ends = self._bounds[1:]
        if self._guide_version != self._version:
            last_bins = self._bounds >> self._bin_shift  # [nodes + 1]
            last_bins[0] = -1
            num_bins = last_bins[1:] - last_bins[:-1]  # [nodes]: how many begin in each
            self._guide = np.arange(self._num_nodes, dtype=np.int32).repeat(num_bins)  # [bins]
            self._guide_version = self._version
        nodes: IntArray = self._guide.take(places >> self._bin_shift, mode=IN_RANGE).astype(np.int64)
        for _ in range(_MAX_STEPS):
            nodes += ends.take(nodes, mode=IN_RANGE) <= places
        missed = np.flatnonzero(ends.take(nodes, mode=IN_RANGE) <= places)
        if len(missed):
            nodes[missed] = ends.searchsorted(places[missed], "right")
        return nodes


def _scaled(values: npt.NDArray[Any], exponent: int) -> FloatArray:
    """Return values times a power of two; `ldexp` is for what 2.0 ** exponent can't be."""
    scaled: FloatArray = values * 2.0**exponent if abs(exponent) < 1000 else np.ldexp(values, exponent)
    return scaled
