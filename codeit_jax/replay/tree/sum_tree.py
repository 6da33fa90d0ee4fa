"""Sum tree: priorities of many slots, drawn in proportion, set and looked up in batches."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from codeit_jax.replay.tree.arrays import FloatArray, IntArray, check_priorities, checked_size, checked_slots
from codeit_jax.replay.tree.extrema import Extrema
from codeit_jax.replay.tree.tree_draws import Method, draw_targets, draw_without_replacement, race_keys
from codeit_jax.replay.tree.tree_levels import TreeLevels
from codeit_jax.replay.tree.tree_walk import TreeWalk

Indices = int | np.integer[Any] | slice | npt.ArrayLike

STATE_VERSION = 1
_LEAST_TOTAL = 2.0**-960  # below, targets would be rounded: numbers under 2 ** -1022 have fewer bits


class SumTree:
    """`capacity` slots with a priority each, zero until set; float64 throughout. Not thread-safe.

    Every inner sum is recomputed from its children, never changed by a difference: whatever the history, the tree is
    bitwise equal to a fresh one with the same priorities. `levels` holds them.
    """

    def __init__(
        self, capacity: int, dtype: npt.DTypeLike = np.float64, rng: np.random.Generator | None = None
    ) -> None:
        """Make a tree of zeros; `rng` is used by draws that get none (default: seeded with 0)."""
        if np.dtype(dtype) != np.float64:
            raise ValueError(f"dtype is {np.dtype(dtype)}: only float64, float32 sums skew draws from 1e7 slots on")
        self.rng = np.random.default_rng(0) if rng is None else rng
        self._allocate(checked_size("capacity", capacity))

    def __len__(self) -> int:
        """Return the capacity."""
        return self._capacity

    def __setitem__(self, indices: Indices, priorities: npt.ArrayLike) -> None:
        """Set priorities; of equal indices the last one wins. Nothing is set if anything is wrong.

        Raises IndexError for an index outside [0, capacity) and ValueError for a priority that is negative, NaN or
        infinite.
        """
        plain = type(indices) is int and type(priorities) is float
        if plain and 0 <= indices < self._capacity and 0.0 <= priorities < math.inf:  # type: ignore[operator]
            return self.write_one(indices, priorities)  # type: ignore[arg-type]
        values = np.asarray(priorities, dtype=np.float64)
        # All at once: check and sums in one pass over the values.
        if isinstance(indices, slice) and indices == slice(None):
            self.levels.fill(np.ascontiguousarray(np.broadcast_to(values, (self._capacity,))))
            self._end = self._capacity
            self._extrema.forget()
            return
        check_priorities(values)
        slots, end = self._checked_slots(indices)  # of any shape
        if values.shape != slots.shape:
            values = np.broadcast_to(values, slots.shape)
        if slots.ndim != 1:
            slots, values = slots.reshape(-1), values.reshape(-1)
        self.write(slots, values, end)

    def write(self, slots: IntArray, priorities: FloatArray, end: int) -> None:
        """Set slots, int64 [n] below `end`, to priorities, [n], all of which the caller has checked."""
        if len(slots):
            self._end = max(self._end, end)
            self.levels.write(slots, priorities)
            self._extrema.note(slots)

    def write_one(self, slot: int, priority: float) -> None:
        """Set one slot to a priority, both checked: plain numbers beat array calls."""
        self._end = max(self._end, slot + 1)
        self.levels.write_one(slot, priority)
        self._extrema.note_one(slot, priority)

    def __getitem__(self, indices: Indices) -> FloatArray:
        """Return the priorities of the given slots."""
        return self._leaves.take(self._checked_slots(indices)[0])

    @property
    def priorities(self) -> FloatArray:
        """Read-only view of the priorities up to the last slot that was ever set."""
        view = self._leaves[: self._end]
        view.flags.writeable = False
        return view

    def total(self) -> float:
        """Return the sum of all priorities; raises OverflowError if it is not a finite float64."""
        total = self.levels.total()
        if total == math.inf:
            raise OverflowError("the sum of the priorities is beyond float64: scale the priorities down")
        return total

    def min(self) -> float:
        """Return the smallest *positive* priority, inf if there is none: slots of priority zero are never drawn."""
        return self._extrema.smallest_positive()

    def max(self) -> float:
        """Return the largest priority."""
        return self._extrema.largest()

    def sample(
        self,
        n: int,
        replacement: bool = True,
        method: Method = "iid",
        sort: bool = False,
        rng: np.random.Generator | None = None,
    ) -> IntArray:
        """Draw n slots in proportion to their priorities, int64 [n]; a slot of priority zero is never drawn.

        With replacement, "iid" draws are independent; "stratified" takes one target in each of n equal shares of the
        mass; "systematic" shifts n equally spaced targets by one common offset. Without replacement the law is that
        of successive draws, exactly. The order is random, ascending with `sort`. Raises ValueError if all priorities
        are zero or, without replacement, fewer than n are positive.
        """
        rng = self.rng if rng is None else rng
        if n < 0:
            raise ValueError(f"n is {n}: must not be negative")
        if replacement:
            return self.draw(n, method, sort, rng)[0]
        if method != "iid":
            raise ValueError(f"method is {method!r}: draws without replacement know 'iid' only")
        self.total()  # raises if it is infinite
        drawn = draw_without_replacement(self, n, rng)
        if len(drawn) < n:
            raise ValueError(f"n is {n}: only {len(drawn)} priorities are positive, and draws are without replacement")
        return np.sort(drawn) if sort else drawn

    def draw(self, n: int, method: Method, sort: bool, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        """Draw as `sample` does with replacement; return slots (int64 [n]) and their priorities (float64 [n])."""
        total = self.total()
        if n == 0:
            return np.empty(0, np.int64), np.empty(0)
        if total == 0.0:
            raise ValueError("all priorities are zero: nothing can be drawn")
        if total < _LEAST_TOTAL:
            return self._draw_scaled(n, method, sort, rng)
        # One target alone: array calls would cost 5x as much.
        if n == 1:
            leaf = self._walk.find_one(rng.random() * total)
            return np.array([leaf]), self._leaves[leaf : leaf + 1].copy()
        return self._walk.find(draw_targets(n, total, method, sort, rng))

    def query(self, mass: npt.ArrayLike) -> IntArray:
        """Return the first slot whose cumulated priority exceeds each mass; ValueError for one outside [0, total())."""
        targets = np.asarray(mass, dtype=np.float64)  # of any shape
        if not targets.size:
            return np.empty(targets.shape, np.int64)
        total = self.total()
        if not (targets.min() >= 0.0 and targets.max() < total):
            raise ValueError(f"masses span [{targets.min()}, {targets.max()}]: must be in [0, {total})")
        return self._walk.find(targets.reshape(-1))[0].reshape(targets.shape)

    def race_keys(self, k: int, rng: np.random.Generator | None = None) -> tuple[FloatArray, IntArray]:
        """Return the k smallest race keys, ascending, and their slots; mergeable across shards."""
        return race_keys(self.priorities, k, self.rng if rng is None else rng)

    def resize(self, capacity: int) -> None:
        """Change the capacity; raises ValueError if a slot that would go has a priority."""
        capacity = checked_size("capacity", capacity)
        kept, gone = self.priorities[:capacity].copy(), self.priorities[capacity:]
        if gone.any():
            raise ValueError(
                f"capacity is {capacity}: slot {capacity + int((gone > 0.0).argmax())} beyond it has a priority"
            )
        self._capacity = capacity
        self.load_priorities(kept)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that later results depend on: priorities and random state."""
        return {
            "version": STATE_VERSION,
            "capacity": self._capacity,
            "priorities": self._leaves[: self._end].copy(),
            "rng": self.rng.bit_generator.state,  # so that later draws are the same ones
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state, bitwise; the capacity becomes that of the state."""
        if state["version"] != STATE_VERSION:
            raise ValueError(f"state has version {state['version']}: this code reads version {STATE_VERSION}")
        self._capacity = int(state["capacity"])
        self.load_priorities(np.asarray(state["priorities"], dtype=np.float64))
        # By its name: a user's generator need not be NumPy's default one.
        bit_generator = getattr(np.random, str(state["rng"]["bit_generator"]))()
        bit_generator.state = dict(state["rng"])
        self.rng = np.random.Generator(bit_generator)

    def load_priorities(self, priorities: FloatArray) -> None:
        """Set the first slots to the given priorities and all others to never set."""
        check_priorities(priorities)
        self._allocate(self._capacity)
        self._end = len(priorities)
        self.levels.load(priorities)  # their sums are made at the first question

    def __getstate__(self) -> dict[str, Any]:
        return self.state_dict()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.load_state_dict(state)

    def _draw_scaled(self, n: int, method: Method, sort: bool, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        """Draw in proportion to priorities so small that their sum is; as powers of two, factors round nothing."""
        scaled = SumTree(max(self._end, 1), rng=rng)
        scaled.load_priorities(self.priorities * 2.0**900)
        slots = scaled.draw(n, method, sort, rng)[0]
        return slots, self._leaves.take(slots)

    def _allocate(self, capacity: int) -> None:
        self._capacity = capacity
        self._end = 0  # slots from here on were never set
        self.levels: TreeLevels = TreeLevels(capacity)
        self._leaves = self.levels.flat[0][:capacity]
        self._walk = TreeWalk(self.levels)
        self._extrema: Extrema = Extrema(self._leaves)

    def _checked_slots(self, indices: Indices) -> tuple[IntArray, int]:
        index = np.arange(self._capacity)[indices] if isinstance(indices, slice) else indices
        return checked_slots(index, self._capacity)
