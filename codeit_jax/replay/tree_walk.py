"""From cumulated mass to leaves: all targets walk down the sum tree together, level by level."""

import numpy as np

from codeit_jax.replay.tree_levels import FANOUT, SHIFT, FloatArray, IntArray, TreeLevels

_WIDE_TOP = 4096
_NARROW_TOP = 320
_SMALL_BATCH = 400
_PIECE = 4096  # rows per product: fits the cache, and OpenBLAS starts threads above this size (3x to 4x the CPU time)
_MAX_WORKSPACES = 4

_EXCLUSIVE_PREFIX = np.triu(np.ones((FANOUT, FANOUT)), 1)
_BYTE_LANES = np.uint64(0x0101010101010101)
_TOP_BYTE = np.uint64(56)


class _Workspace:
    """Scratch arrays for one batch size; allocating them anew would cost more than the arithmetic."""

    def __init__(self, size: int) -> None:
        self.rows = np.empty((size, FANOUT))
        self.prefix = np.empty((size, FANOUT))
        self.prefix_flat = self.prefix.reshape(-1)
        self.below = np.empty((size, FANOUT), bool)
        self.lanes = self.below.view(np.uint64).reshape(-1)
        self.count = np.empty(size, np.uint64)
        self.child = self.count.view(np.int64)
        self.row_start = np.arange(size, dtype=np.int64) * FANOUT - 1
        self.position = np.empty(size, np.int64)
        self.skipped = np.empty(size)


class _TopTable:
    """Prefix sums over the nodes of one level: one binary search replaces the levels above it."""

    def __init__(self, levels: TreeLevels, max_nodes: int) -> None:
        self.level = next(k for k, rows in enumerate(levels.rows) if len(rows) <= max_nodes)
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
        self._wide = _TopTable(levels, _WIDE_TOP)
        self._narrow = _TopTable(levels, _NARROW_TOP)
        self._workspaces: dict[int, _Workspace] = {}

    def total(self, batch_size: int) -> float:
        """Return the total that targets of a batch of this size have to stay below."""
        return self._table(batch_size).total()

    def find(self, targets: FloatArray) -> tuple[IntArray, FloatArray]:
        """Return leaves and their values for ascending targets in [0, total); `targets` is used up.

        The leaf of a target is the one whose interval of the cumulated mass holds it; a leaf of zero mass is never
        returned.
        """
        table = self._table(len(targets))
        nodes = table.enter(targets)
        values = np.empty(len(targets))
        for start in range(0, len(targets), _PIECE):
            piece = slice(start, start + _PIECE)
            self._descend(table.level, targets[piece], nodes[piece], values[piece])
        if np.minimum.reduce(values) <= 0.0:
            self._leave_empty_leaves(nodes, values)
        return nodes, values

    def find_one(self, target: float) -> int:
        """Return the leaf of one target in [0, total]: plain floats beat array calls for a single path."""
        flat, node = self._levels.flat, 0
        for level in range(len(flat) - 1, -1, -1):
            first, last_positive = node << SHIFT, 0
            for child, mass in enumerate(flat[level][first : first + FANOUT].tolist()):
                if mass > 0.0:
                    last_positive = child
                    if target < mass:
                        break
                    target -= mass
            node = first + last_positive
        return node

    def _table(self, batch_size: int) -> _TopTable:
        return self._narrow if batch_size < _SMALL_BATCH else self._wide

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
        terms of every column in the same order, so prefixes never decrease and the comparison is a run of ones,
        whose length is the sum of its eight bytes: one multiplication.
        """
        work = self._workspace(len(targets))
        column = targets[:, None]
        for depth in range(level, -1, -1):
            self._levels.rows[depth].take(nodes, 0, work.rows, "clip")  # take with "clip" is 4x faster than indexing
            np.dot(work.rows, _EXCLUSIVE_PREFIX, work.prefix)
            np.less_equal(work.prefix, column, work.below)
            np.multiply(work.lanes, _BYTE_LANES, out=work.count)
            np.right_shift(work.count, _TOP_BYTE, out=work.count)
            np.add(work.child, work.row_start, out=work.position)
            nodes <<= SHIFT
            nodes += work.child
            nodes -= 1
            if depth:
                work.prefix_flat.take(work.position, 0, work.skipped, "clip")
                targets -= work.skipped
        work.rows.reshape(-1).take(work.position, 0, values, "clip")

    def _leave_empty_leaves(self, leaves: IntArray, values: FloatArray) -> None:
        """Repair targets that rounding put at or past the end of the mass of their node: take the last mass before."""
        for position in np.flatnonzero(values <= 0.0).tolist():
            leaf = self._levels.last_positive_before(int(leaves[position]))
            leaves[position] = leaf
            values[position] = self._levels.flat[0][leaf]
