"""The sum trees that the replay bench compares with; each is skipped if its library is not installed."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from codeit_jax.replay.tree.arrays import FloatArray, IntArray


class PeerTree(Protocol):
    """A sum tree of some library behind one interface; slots are int64 [n], priorities float64 [n]."""

    def fill(self, priorities: FloatArray) -> object:
        """Set all slots."""

    def update(self, indices: IntArray, priorities: FloatArray) -> object:
        """Set some slots."""

    def sample(self, n: int) -> object:
        """Draw slots with replacement."""


class _TorchrlTree:
    """C++, binary, float64: `SumSegmentTreeFp64`."""

    def __init__(self, num_slots: int, rng: np.random.Generator) -> None:
        from torchrl._torchrl import SumSegmentTreeFp64

        self._tree = SumSegmentTreeFp64(num_slots)
        self._num_slots = num_slots
        self._rng = rng

    def fill(self, priorities: FloatArray) -> object:
        self._tree[np.arange(self._num_slots)] = priorities
        return None

    def update(self, indices: IntArray, priorities: FloatArray) -> object:
        self._tree[indices] = priorities
        return None

    def sample(self, n: int) -> object:
        return self._tree.scan_lower_bound(self._rng.random(n) * self._tree.query(0, self._num_slots))


class _TorchrlTreeStratified(_TorchrlTree):
    """The same with one target in each of n equal shares of the mass."""

    def sample(self, n: int) -> object:
        targets = (self._rng.random(n) + np.arange(n)) * (self._tree.query(0, self._num_slots) / n)
        return self._tree.scan_lower_bound(targets)


class _TianshouTree:
    """Numba, binary, float64, level by level."""

    def __init__(self, num_slots: int, rng: np.random.Generator) -> None:
        from tianshou.data.utils.segtree import SegmentTree

        self._tree = SegmentTree(num_slots)
        self._num_slots = num_slots
        self._rng = rng

    def fill(self, priorities: FloatArray) -> object:
        self._tree[np.arange(self._num_slots)] = priorities
        return None

    def update(self, indices: IntArray, priorities: FloatArray) -> object:
        self._tree[indices] = priorities
        return None

    def sample(self, n: int) -> object:
        return self._tree.get_prefix_sum_idx(self._rng.random(n) * self._tree.reduce())


class _RustTree:
    """Rust, binary, float64, stratified, sums changed by differences: `sumtree`."""

    def __init__(self, num_slots: int, rng: np.random.Generator) -> None:
        from sumtree import SumTree as Tree

        self._tree = Tree(num_slots)
        self._is_filled = False

    def fill(self, priorities: FloatArray) -> object:
        if self._is_filled:
            return self.update(np.arange(len(priorities)), priorities)
        for priority in priorities.tolist():
            self._tree.add(priority)
        self._is_filled = True
        return None

    def update(self, indices: IntArray, priorities: FloatArray) -> object:
        return self._tree.update_batched(indices.tolist(), priorities.tolist())

    def sample(self, n: int) -> object:
        return self._tree.sample_batched(n)


class _FlashbaxTree:
    """XLA, binary, float32 (its default), stratified, sums changed by differences."""

    def __init__(self, num_slots: int, rng: np.random.Generator) -> None:
        import jax
        from flashbax.buffers import sum_tree

        self._state = sum_tree.init(num_slots)
        self._set = jax.jit(sum_tree.set_batch_bincount, donate_argnums=0)
        self._draw = jax.jit(sum_tree.stratified_sample, static_argnums=1)
        self._split = jax.random.split
        self._key = jax.random.key(0)

    def fill(self, priorities: FloatArray) -> object:
        return self.update(np.arange(len(priorities)), priorities)

    def update(self, indices: IntArray, priorities: FloatArray) -> object:
        self._state = self._set(self._state, indices.astype(np.int32), priorities.astype(np.float32))
        return self._state.nodes.block_until_ready()

    def sample(self, n: int) -> object:
        self._key, key = self._split(self._key)
        return self._draw(self._state, n, key).block_until_ready()


class _LevelTree:
    """NumPy, one array per level, sums changed by differences: the construction of Dopamine."""

    def __init__(self, num_slots: int, rng: np.random.Generator) -> None:
        depth = max(1, (num_slots - 1).bit_length())
        self._levels = [np.zeros(1 << level) for level in range(depth + 1)]
        self._rng = rng

    def fill(self, priorities: FloatArray) -> object:
        return self.update(np.arange(len(priorities)), priorities)

    def update(self, indices: IntArray, priorities: FloatArray) -> object:
        nodes, last = np.unique(indices[::-1], return_index=True)
        change = priorities[::-1][last] - self._levels[-1][nodes]
        for level in reversed(self._levels):
            np.add.at(level, nodes, change)
            nodes = nodes >> 1
        return None

    def sample(self, n: int) -> object:
        targets = self._rng.random(n) * self._levels[0][0]
        nodes = np.zeros(n, np.int64)
        for level in self._levels[1:]:
            nodes *= 2
            left = level[nodes]
            right = targets >= left
            targets -= np.where(right, left, 0.0)
            nodes += right
        return nodes


class _LoopTree:
    """Python, one path at a time: the construction of dqn_zoo and baselines."""

    def __init__(self, num_slots: int, rng: np.random.Generator) -> None:
        self._size = 1 << max(1, (num_slots - 1).bit_length())
        self._nodes = [0.0] * (2 * self._size)
        self._rng = rng

    def fill(self, priorities: FloatArray) -> object:
        nodes = self._nodes
        nodes[self._size : self._size + len(priorities)] = priorities.tolist()
        for node in range(self._size - 1, 0, -1):
            nodes[node] = nodes[2 * node] + nodes[2 * node + 1]
        return None

    def update(self, indices: IntArray, priorities: FloatArray) -> object:
        nodes = self._nodes
        for index, priority in zip(indices.tolist(), priorities.tolist(), strict=True):
            node = index + self._size
            nodes[node] = priority
            while node > 1:
                node >>= 1
                nodes[node] = nodes[2 * node] + nodes[2 * node + 1]
        return None

    def sample(self, n: int) -> object:
        nodes, found = self._nodes, []
        for target in (self._rng.random(n) * nodes[1]).tolist():
            node = 1
            while node < self._size:
                node *= 2
                if target >= nodes[node]:
                    target -= nodes[node]
                    node += 1
            found.append(node - self._size)
        return found


class _CumulativeSums:
    """`np.cumsum` and `searchsorted`: always there, so what continuous integration compares with."""

    def __init__(self, num_slots: int, rng: np.random.Generator) -> None:
        self._priorities = np.zeros(num_slots)
        self._rng = rng

    def fill(self, priorities: FloatArray) -> object:
        self._priorities[:] = priorities
        return None

    def update(self, indices: IntArray, priorities: FloatArray) -> object:
        self._priorities[indices] = priorities
        return None

    def sample(self, n: int) -> object:
        sums = np.cumsum(self._priorities)
        return sums.searchsorted(self._rng.random(n) * sums[-1], "right")


class _BinarySearch(_CumulativeSums):
    """The same for priorities that never change after `fill`: the sums are there already."""

    def fill(self, priorities: FloatArray) -> object:
        self._sums = np.cumsum(priorities)
        return None

    def sample(self, n: int) -> object:
        return self._sums.searchsorted(self._rng.random(n) * self._sums[-1], "right")


TREES: dict[str, Callable[[int, np.random.Generator], PeerTree]] = {
    "torchrl": _TorchrlTree,
    "torchrl stratified": _TorchrlTreeStratified,
    "tianshou": _TianshouTree,
    "sumtree": _RustTree,
    "flashbax": _FlashbaxTree,
    "level tree (Dopamine)": _LevelTree,
    "loop tree (dqn_zoo)": _LoopTree,
    "cumsum": _CumulativeSums,
    "binary search": _BinarySearch,
}
"""Name to a function of size and random generator that makes a tree."""

NEAREST = ("torchrl", "torchrl stratified", "tianshou")
"""The compiled peers, which take turns with our trees."""

DRAWS_ONLY = ("binary search",)
"""Peers that don't follow updates."""

_LARGE = 1_000_000
_FAST_TO_FILL = ("torchrl", "torchrl stratified", "tianshou", "cumsum", "binary search")


def available_trees(num_slots: int, rng: np.random.Generator) -> tuple[dict[str, PeerTree], dict[str, str]]:
    """Return a tree of every library that can be used, and the reason for every one that can't."""
    trees: dict[str, PeerTree] = {}
    missing: dict[str, str] = {}
    for name in TREES if num_slots <= _LARGE else _FAST_TO_FILL:
        make = TREES[name]
        try:
            trees[name] = make(num_slots, rng)
        except (ImportError, OSError) as error:  # OSError: a shared library of the peer doesn't load
            missing[name] = str(error).splitlines()[0]
    return trees, missing
