"""From cumulated mass to leaves: all targets walk down the sum tree together, level by level."""

import numpy as np

from codeit_jax.replay.tree_levels import FANOUT, NODE_BYTES, SHIFT, FloatArray, IntArray, TreeLevels, unpack_node

_MAX_TOP_NODES = 4096
_PIECE = 4096  # rows per product: fits the cache, and OpenBLAS starts threads above this size (3x to 4x the CPU time)
_MAX_WORKSPACES = 4

_SHIFT = np.array(SHIFT)  # as `size` below an array, because a Python number would be converted at every use
_EXCLUSIVE_PREFIX = np.tril(np.ones((FANOUT, FANOUT)), -1)


class _Workspace:
    """Scratch arrays for one batch size; allocating them anew would cost more than the arithmetic.

    Children are gathered target by target, prefixes lie child by child: long rows make every later step fast.
    """

    def __init__(self, size: int) -> None:
        self.size = np.array(size)
        self.rows = np.empty((size, FANOUT))
        self.rows_flat = self.rows.reshape(-1)
        self.row_start = np.arange(0, size * FANOUT, FANOUT)
        self.columns = self.rows.T
        self.prefix = np.empty((FANOUT, size))
        self.prefix_flat = self.prefix.reshape(-1)
        self.prefix_after_first = self.prefix[1:]
        self.lane = np.arange(size)
        self.not_above = np.empty((FANOUT - 1, size), bool)
        self.flags = self.not_above.view(np.int8)
        self.count = np.empty(size, np.int8)
        self.child = np.empty(size, np.int64)
        self.position = np.empty(size, np.int64)
        self.skipped = np.empty(size)


class _TopTable:
    """Prefix sums over the nodes of one level: one binary search replaces the levels above it."""

    def __init__(self, levels: TreeLevels) -> None:
        self.level = next(k for k, rows in enumerate(levels.rows) if len(rows) <= _MAX_TOP_NODES)
        self._levels = levels
        self._exclusive = np.zeros(len(levels.rows[self.level]) + 1)
        self._inclusive = self._exclusive[1:]
        self._nodes = np.arange(len(self._inclusive))
        self._version = -1

    def total(self) -> float:
        """Return the cumulated sum, after bringing the table up to date; needs flushed levels."""
        if self._version != self._levels.version:
            above = self.level + 1
            if above < len(self._levels.flat):
                np.cumsum(self._levels.flat[above][: len(self._inclusive)], out=self._inclusive)
            else:
                self._inclusive[0] = self._levels.total()
            self._version = self._levels.version
        return float(self._inclusive[-1])

    def enter(self, targets: FloatArray) -> IntArray:
        """Return the node that holds each target (ascending, below the total) and subtract the mass before the node."""
        if len(targets) > len(self._inclusive):  # fewer nodes than targets: search the nodes among the targets
            ends = targets.searchsorted(self._inclusive, "left")
            ends[1:] -= ends[:-1].copy()
            nodes = self._nodes.repeat(ends)
        else:
            nodes = self._inclusive.searchsorted(targets, "right")
        targets -= self._exclusive.take(nodes)
        return nodes


class TreeWalk:
    """Finds the leaves of many targets; holds tables and scratch memory, so one thread at a time."""

    def __init__(self, levels: TreeLevels) -> None:
        self._levels = levels
        self._top = _TopTable(levels)
        self._workspaces: dict[int, _Workspace] = {}

    def total(self) -> float:
        """Return the total that targets of a batch have to stay below."""
        return self._top.total()

    def find(self, targets: FloatArray) -> tuple[IntArray, FloatArray]:
        """Return leaves and their values for ascending targets in [0, total); `targets` is used up.

        The leaf of a target is the one whose interval of the cumulated mass holds it; a leaf of zero mass is never
        returned.
        """
        nodes = self._top.enter(targets)
        values = np.empty(len(targets))
        for start in range(0, len(targets), _PIECE):
            piece = slice(start, start + _PIECE)
            self._descend(self._top.level, targets[piece], nodes[piece], values[piece])
        if np.minimum.reduce(values) <= 0.0:
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

    def _workspace(self, size: int) -> _Workspace:
        workspace = self._workspaces.get(size)
        if workspace is None:
            if len(self._workspaces) >= _MAX_WORKSPACES:
                self._workspaces.clear()
            workspace = self._workspaces[size] = _Workspace(size)
        return workspace

    def _descend(self, level: int, targets: FloatArray, nodes: IntArray, values: FloatArray) -> None:
        """Walk from nodes of `level` to leaves, in place; write the values of the leaves.

        The child of a target is the last one whose exclusive prefix sum is not above it. The product adds the eight
        terms of every sum in the same order, so prefixes never decrease and the number of those not above is enough.
        """
        work = self._workspace(len(targets))
        for depth in range(level, -1, -1):
            self._levels.rows[depth].take(nodes, 0, work.rows, "clip")  # take with "clip" is 4x faster than indexing
            np.dot(_EXCLUSIVE_PREFIX, work.columns, work.prefix)
            np.less_equal(work.prefix_after_first, targets, out=work.not_above)  # the first is zero, never above
            np.add.reduce(work.flags, 0, np.int8, out=work.count)
            np.copyto(work.child, work.count)
            nodes <<= _SHIFT
            nodes += work.child
            if depth:
                np.multiply(work.child, work.size, out=work.position)
                work.position += work.lane
                work.prefix_flat.take(work.position, 0, work.skipped, "clip")
                targets -= work.skipped
        np.add(work.child, work.row_start, out=work.position)
        work.rows_flat.take(work.position, 0, values, "clip")

    def _leave_empty_leaves(self, leaves: IntArray, values: FloatArray) -> None:
        """Repair targets that rounding put at or past the end of the mass of their node: take the last mass before."""
        for position in np.flatnonzero(values <= 0.0).tolist():
            leaf = self._levels.last_positive_before(int(leaves[position]))
            leaves[position] = leaf
            values[position] = self._levels.flat[0][leaf]
