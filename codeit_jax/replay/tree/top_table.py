"""Prefix sums over the nodes of one level of the sum tree: one look-up replaces the levels above it."""

import math

import numpy as np

from codeit_jax.replay.tree.arrays import IN_RANGE, FloatArray, IntArray
from codeit_jax.replay.tree.tree_levels import TreeLevels

_BITS = 62
_BINS_PER_NODE = 2
_MAX_STEPS = 2
_ROUNDING = 1 << 12  # by which the last node reaches beyond the total: 4 units in the last place of a float64

GUIDE_FROM = 64
"""Number of targets from which on the guide is used; to make it takes longer than fewer binary searches."""


class TopTable:
    """Finds the nodes of one level that hold given targets.

    Masses are turned into integers, so that the total has 62 bits: such sums are exact, whatever their order, and
    NumPy cumulates integers 10x faster than floats. A guide (Chen and Asau, 1974) divides the mass into equal bins and
    says where to start in each, so that a search takes no more than a few steps, in no particular order of targets.
    """

    def __init__(self, levels: TreeLevels, max_nodes: int) -> None:
        """Take the lowest level that has at most `max_nodes` nodes."""
        self.level = next(k for k, rows in enumerate(levels.rows) if len(rows) <= max_nodes)
        self._levels = levels
        num_nodes = len(levels.rows[self.level])
        self._starts = np.zeros(num_nodes + 1, np.int64)
        self._ends = self._starts[1:]
        self._exponent = 0
        self._version = -1
        self._nodes = np.arange(num_nodes, dtype=np.int32)
        self._bin_shift = np.array(_BITS - (_BINS_PER_NODE * num_nodes - 1).bit_length())
        self._last_bins = np.full(num_nodes + 1, -1)
        self._guide = self._nodes
        self._guide_version = -1

    def enter(self, targets: FloatArray) -> IntArray:
        """Return the node that holds each target and subtract the mass before the node.

        Targets are in [0, total], or rounded up from there.
        """
        self._refresh()
        places = np.empty(len(targets), np.int64)
        _scale(targets, self._exponent, places)
        few = len(targets) < GUIDE_FROM
        nodes = self._ends.searchsorted(places, "right") if few else self._guided_search(places)
        places -= self._starts.take(nodes, mode=IN_RANGE)
        _scale(places, -self._exponent, targets)
        return nodes

    def _refresh(self) -> None:
        if self._version == self._levels.version:
            return
        total = self._levels.total()
        above = self.level + 1
        masses = self._levels.flat[above][: len(self._ends)] if above < len(self._levels.flat) else np.array([total])
        self._exponent = _BITS - math.frexp(total)[1]
        _scale(masses, self._exponent, self._ends)
        np.add.accumulate(self._ends, out=self._ends)
        self._ends[-1] = max(self._ends[-1], int(math.ldexp(total, self._exponent)) + _ROUNDING)
        self._version = self._levels.version

    def _guided_search(self, places: IntArray) -> IntArray:
        """Search from the first node that reaches into the bin of each place."""
        if self._guide_version != self._version:
            np.right_shift(self._ends, self._bin_shift, out=self._last_bins[1:])
            num_bins = self._last_bins[1:] - self._last_bins[:-1]  # how many begin in each node
            self._guide = self._nodes.repeat(num_bins)
            self._guide_version = self._version
        nodes: IntArray = self._guide.take(places >> self._bin_shift, mode=IN_RANGE).astype(np.int64)
        for _ in range(_MAX_STEPS):
            nodes += self._ends.take(nodes, mode=IN_RANGE) <= places
        missed = np.flatnonzero(self._ends.take(nodes, mode=IN_RANGE) <= places)
        if len(missed):
            nodes[missed] = self._ends.searchsorted(places[missed], "right")
        return nodes


def _scale(values: FloatArray | IntArray, exponent: int, out: FloatArray | IntArray) -> None:
    """Write values times a power of two, cut to integers if `out` has those; `ldexp` is for what 2.0**x can't be."""
    if abs(exponent) < 1000:
        np.multiply(values, 2.0**exponent, out=out, casting="unsafe")
    else:
        np.ldexp(values, exponent, out=out, casting="unsafe")
