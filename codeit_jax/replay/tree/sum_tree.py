"""Sum tree: priorities of many slots, drawn in proportion, set and looked up in batches."""

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from codeit_jax.replay.tree.arrays import FloatArray, IntArray
from codeit_jax.replay.tree.checks import check_priorities
from codeit_jax.replay.tree.extrema import Extrema
from codeit_jax.replay.tree.tree_levels import TreeLevels
from codeit_jax.replay.tree.tree_walk import TreeWalk
from codeit_jax.replay.tree.without_replacement import draw_without_replacement, race_keys

Method = Literal["iid", "stratified", "systematic"]
Indices = int | np.integer[Any] | slice | npt.ArrayLike

STATE_VERSION = 1


class SumTree:
    """`capacity` slots with a priority each, zero until set; float64 throughout.

    `len(tree)` is the capacity. `min()` is the smallest *positive* priority, so that slots never set or set to zero,
    which are never drawn, do not count; it is inf if there is none. `max()` is the largest priority, 0 if none is set.

    Every inner sum is recomputed from its children, never changed by a difference: whatever the history, the tree is
    bitwise equal to a fresh one with the same priorities. Not thread-safe.
    """

    _end: int  # slots from here on were never set

    def __init__(
        self, capacity: int, dtype: npt.DTypeLike = np.float64, rng: np.random.Generator | None = None
    ) -> None:
        """Make a tree of zeros; `rng` is used by draws that get none (default: seeded with 0)."""
        if np.dtype(dtype) != np.float64:
            raise ValueError(f"dtype is {np.dtype(dtype)}: only float64, float32 sums skew draws from 1e7 slots on")
        if capacity < 1:
            raise ValueError(f"capacity is {capacity}: must be at least 1")
        self.rng = np.random.default_rng(0) if rng is None else rng
        self._allocate(int(capacity))

    def __len__(self) -> int:
        return self._capacity

    def __setitem__(self, indices: Indices, priorities: npt.ArrayLike) -> None:
        """Set priorities; of equal indices the last one wins. Nothing is set if anything is wrong.

        Raises IndexError for an index outside [0, capacity) and ValueError for a priority that is negative, NaN or
        infinite.
        """
        values = np.asarray(priorities, dtype=np.float64)
        if isinstance(indices, slice) and indices == slice(None):
            self._set_all(values)
            return
        check_priorities(values)
        index, end = self._checked_indices(indices)
        if values.shape != index.shape:
            values = np.broadcast_to(values, index.shape)
        if index.ndim != 1:
            index, values = index.reshape(-1), values.reshape(-1)
        if not len(index):
            return
        self._end = max(self._end, end)
        self._levels.write(index, values)
        if self._extrema is not None:
            self._extrema.mark(index)

    def __getitem__(self, indices: Indices) -> FloatArray:
        """Return the priorities of the given slots."""
        index, _ = self._checked_indices(indices)
        return self._leaves.take(index)

    @property
    def priorities(self) -> FloatArray:
        """Read-only view of the priorities up to the last slot that was ever set."""
        view = self._leaves[: self._end]
        view.flags.writeable = False
        return view

    def total(self) -> float:
        """Return the sum of all priorities; raises OverflowError if it is not a finite float64."""
        total = self._levels.total()
        if total == math.inf:
            raise OverflowError("the sum of the priorities is beyond float64: scale the priorities down")
        return total

    def min(self) -> float:
        """Return the smallest positive priority, inf if there is none."""
        return self._current_extrema().smallest_positive()

    def max(self) -> float:
        """Return the largest priority."""
        return self._current_extrema().largest()

    def sample(
        self,
        n: int,
        replacement: bool = True,
        method: Method = "iid",
        sort: bool = False,
        rng: np.random.Generator | None = None,
    ) -> IntArray:
        """Draw n slots in proportion to their priorities; a slot of priority zero is never drawn.

        With replacement, "iid" draws are independent; "stratified" takes one target in each of n equal shares of the
        mass; "systematic" shifts n equally spaced targets by one common offset. Without replacement the law is that
        of successive draws, exactly. The order is random, ascending with `sort`. Raises ValueError if all priorities
        are zero or, without replacement, fewer than n are positive.
        """
        rng = self.rng if rng is None else rng
        if n < 0:
            raise ValueError(f"n is {n}: must not be negative")
        if not replacement:
            return self._sample_without_replacement(n, method, sort, rng)
        return self.draw(n, method, sort, rng)[0]

    def sample_batches(self, n_batches: int, batch_size: int, rng: np.random.Generator | None = None) -> IntArray:
        """Draw n_batches independent batches at once, int64 [n_batches, batch_size]; much cheaper than one by one."""
        return self.sample(n_batches * batch_size, rng=rng).reshape(n_batches, batch_size)

    def draw(self, n: int, method: Method, sort: bool, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        """Draw as `sample` does with replacement; return slots and their priorities."""
        total = self.total()
        if n == 0:
            return np.empty(0, np.int64), np.empty(0)
        if total == 0.0:
            raise ValueError("all priorities are zero: nothing can be drawn")
        if n == 1:
            leaf = self._walk.find_one(rng.random() * total)
            return np.array([leaf]), self._leaves[leaf : leaf + 1].copy()
        return self._walk.find(_targets(n, total, method, sort, rng))

    def query(self, mass: npt.ArrayLike) -> IntArray:
        """Return the slot that holds each mass: the first whose cumulated priority exceeds it.

        Masses are in [0, total()); others raise ValueError.
        """
        targets = np.asarray(mass, dtype=np.float64)
        total = self.total()
        if targets.size and not (targets.min() >= 0.0 and targets.max() < total):
            raise ValueError(f"masses span [{targets.min()}, {targets.max()}]: must be in [0, {total})")
        if not targets.size:
            return np.empty(targets.shape, np.int64)
        return self._walk.find(targets.flatten())[0].reshape(targets.shape)

    def prefix_sum(self, indices: Indices) -> FloatArray:
        """Return the sum of the priorities of all slots before each given one."""
        index, _ = self._checked_indices(indices, allow_end=True)
        self._levels.flush()
        node, sums = index.copy(), np.zeros(index.shape)
        for flat in self._levels.flat:
            first = node & ~7
            for child in range(7):
                sums += np.where(first + child < node, flat.take(first + child, mode="clip"), 0.0)
            node >>= 3
        return sums

    def race_keys(self, k: int, rng: np.random.Generator | None = None) -> tuple[FloatArray, IntArray]:
        """Return the k smallest race keys, ascending, and their slots; mergeable across shards (see `sharding`)."""
        return race_keys(self.priorities, k, self.rng if rng is None else rng)

    def resize(self, capacity: int) -> None:
        """Change the number of slots; raises ValueError if a slot to drop has a priority."""
        kept = self._leaves[: min(capacity, self._end)].copy()
        if self._leaves[capacity:].any():
            raise ValueError(f"capacity is {capacity}: slots beyond it have a priority")
        self._allocate(int(capacity))
        self[np.arange(len(kept))] = kept

    def state_dict(self) -> dict[str, Any]:
        """Return everything that later results depend on: priorities and random state."""
        return {
            "version": STATE_VERSION,
            "capacity": self._capacity,
            "priorities": self._leaves[: self._end].copy(),
            "rng": self.rng.bit_generator.state,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state, bitwise; the capacity becomes that of the state."""
        if state["version"] != STATE_VERSION:
            raise ValueError(f"state has version {state['version']}: this code reads version {STATE_VERSION}")
        self._allocate(int(state["capacity"]))
        self.load_priorities(np.asarray(state["priorities"], dtype=np.float64))
        self.rng = restored_generator(state["rng"])

    def load_priorities(self, priorities: FloatArray) -> None:
        """Set the first slots to the given priorities and all others to never set."""
        check_priorities(priorities)
        self._allocate(self._capacity)
        self._end = len(priorities)
        self._leaves[: self._end] = priorities
        self._levels.invalidate()

    def __getstate__(self) -> dict[str, Any]:
        return self.state_dict()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.load_state_dict(state)

    def _allocate(self, capacity: int) -> None:
        self._capacity = capacity
        self._levels = TreeLevels(capacity)
        self._leaves = self._levels.flat[0][:capacity]
        self._walk = TreeWalk(self._levels)
        self._extrema: Extrema | None = None  # made at the first use of min() or max()
        self._end = 0

    def _set_all(self, priorities: FloatArray) -> None:
        self._levels.fill(np.ascontiguousarray(np.broadcast_to(priorities, (self._capacity,))))
        self._end = self._capacity
        if self._extrema is not None:
            self._extrema.mark_all()

    def _current_extrema(self) -> Extrema:
        if self._extrema is None:
            self._extrema = Extrema(self._leaves)
            self._extrema.mark_all()
        return self._extrema

    def _checked_indices(self, indices: Indices, allow_end: bool = False) -> tuple[IntArray, int]:
        """Return indices as int64 and one more than the largest."""
        index = np.arange(self._capacity)[indices] if isinstance(indices, slice) else np.asarray(indices)
        if index.dtype == bool:
            if index.shape != (self._capacity,):
                raise IndexError(f"mask has shape {index.shape}: must be ({self._capacity},)")
            index = np.flatnonzero(index)
        if index.size == 0:
            return np.empty(index.shape, np.int64), 0
        if index.dtype.kind not in "iu":
            raise IndexError(f"indices are {index.dtype}: must be integers")
        index = np.asarray(index, dtype=np.int64, order="C")
        bits = index.view(np.uint64)  # where a negative index looks huge: one pass finds both ends
        largest = int(bits.item() if index.size == 1 else np.maximum.reduce(bits, axis=None))
        if largest >= self._capacity + allow_end:
            raise IndexError(f"indices span [{index.min()}, {index.max()}]: must be in [0, {self._capacity})")
        return index, largest + 1

    def _sample_without_replacement(self, n: int, method: Method, sort: bool, rng: np.random.Generator) -> IntArray:
        if method != "iid":
            raise ValueError(f"method is {method!r}: draws without replacement know 'iid' only")
        self.total()
        drawn = draw_without_replacement(self, n, rng)
        if len(drawn) < n:
            raise ValueError(f"n is {n}: only {len(drawn)} priorities are positive, and draws are without replacement")
        if sort:
            drawn.sort()
        return drawn


def restored_generator(state: Mapping[str, Any]) -> np.random.Generator:
    """Return a generator that goes on from a saved bit generator state."""
    bit_generator = getattr(np.random, str(state["bit_generator"]))()
    bit_generator.state = dict(state)
    return np.random.Generator(bit_generator)


def _targets(n: int, total: float, method: Method, sort: bool, rng: np.random.Generator) -> FloatArray:
    """Return n targets in [0, total), in random order, or ascending with `sort`; rounding may reach the total."""
    if method == "iid":
        targets = rng.random(n)
        targets *= total
        if sort:
            targets.sort()
    elif method in ("stratified", "systematic"):
        targets = np.arange(n, dtype=np.float64)
        targets += rng.random(n) if method == "stratified" else rng.random()
        targets *= total / n
        if not sort:
            rng.shuffle(targets)
    else:
        raise ValueError(f"method is {method!r}: must be 'iid', 'stratified' or 'systematic'")
    return targets
