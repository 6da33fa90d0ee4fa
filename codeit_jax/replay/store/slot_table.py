"""Which slots of a buffer are taken, since when, and which to hand out next; arrays by slot."""

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from codeit_jax.replay.tree.arrays import IntArray

Scalar = TypeVar("Scalar", bound=np.generic)


class SlotTable:
    """Slots with two int64 stamps each from one counter, so no stamp is used twice.

    `generation`, [capacity], is the stamp of the last write, 0 for an empty slot: a reader that remembers it can tell
    whether the slot still holds what it read. `inserted`, [capacity], is the stamp of the first write of the present
    key: the age.
    """

    def __init__(self, capacity: int, generation: IntArray | None = None, inserted: IntArray | None = None) -> None:
        """Make empty slots; the stamps may lie in zeros that others can see."""
        self.capacity = capacity
        self.size = 0
        self.end = 0  # slots from here on were never used
        self.clock = 0  # the last stamp; int64 counts to 9e18, so it never wraps
        self.generation = np.zeros(capacity, np.int64) if generation is None else generation
        self.inserted = np.zeros(capacity, np.int64) if inserted is None else inserted
        self._holes: IntArray = np.empty(0, np.int64)
        self._ring_position = 0

    @property
    def num_free(self) -> int:
        """Number of empty slots."""
        return self.capacity - self.size

    def occupied(self) -> IntArray:
        """Return the taken slots, int64 [size], ascending."""
        if self.size == self.end:
            return np.arange(self.end)
        return np.flatnonzero(self.generation[: self.end])

    def by_age(self) -> IntArray:
        """Return the taken slots, int64 [size], the oldest first."""
        taken = self.occupied()
        inserted = self.inserted.take(taken)
        # A ring that is full starts anywhere, but goes on from there.
        start = int(inserted.argmin()) if len(taken) else 0
        taken, inserted = np.roll(taken, -start), np.roll(inserted, -start)
        if not (inserted[1:] > inserted[:-1]).all():
            taken = taken[inserted.argsort(kind="stable")]
        return taken

    def ages(self, slots: IntArray) -> IntArray:
        """Return how many items were added since each of the given slots was filled."""
        # The clock counts overwriting too: a replaced item ages the others.
        return self.clock - self.inserted.take(slots)

    def reserve(self, count: int) -> IntArray:
        """Hand out empty slots, holes first; there have to be enough. They stay empty until `fill`."""
        # Holes first, so a buffer that shrinks and grows stays within the same memory.
        num_holes = min(count, len(self._holes))
        fresh = np.arange(self.end, self.end + count - num_holes)
        slots = np.concatenate([self._holes[:num_holes], fresh]) if num_holes else fresh
        self._holes = self._holes[num_holes:]
        self.end += len(fresh)
        return slots

    def fill(self, slots: IntArray) -> None:
        """Make reserved slots taken, one after the other."""
        self.size += len(slots)
        self.inserted[slots] = self.stamp(slots)

    def stamp(self, slots: IntArray) -> IntArray:
        """Give distinct slots new generations, ascending in the order given; return them."""
        stamps = np.arange(self.clock + 1, self.clock + 1 + len(slots))
        self.generation[slots] = stamps
        self.clock += len(slots)
        return stamps

    def unstamp(self, slots: IntArray, generations: IntArray) -> None:
        """Undo the last `stamp`."""
        self.generation[slots] = generations
        self.clock -= len(slots)

    def free(self, slots: IntArray) -> None:
        """Make distinct taken slots empty."""
        self.generation[slots] = 0
        self.size -= len(slots)
        self._holes = np.concatenate([self._holes, slots])

    def replace_next(self) -> int:
        """Fill the slot at which a ring goes on, of a table without empty slots, with a new item; return it."""
        slot = self._ring_position
        self._ring_position = (slot + 1) % self.capacity
        self.clock += 1
        self.generation[slot] = self.inserted[slot] = self.clock
        return slot

    def rearrange(self, slots: IntArray) -> None:
        """Move the content of all taken slots to the first ones, in the order given."""
        generation, inserted = self.generation[slots], self.inserted[slots]
        self.generation[: self.end] = 0
        self.size = self.end = len(slots)
        self.generation[: self.end], self.inserted[: self.end] = generation, inserted
        self._holes, self._ring_position = np.empty(0, np.int64), 0

    def next_in_ring(self, count: int) -> IntArray:
        """Return the next taken slots in circular order and move on; there have to be enough."""
        reach = min(self.capacity, count + self.num_free)  # even if all that are free come first
        # Only so far: to look at all slots would be O(capacity) for each item.
        ahead = (self._ring_position + np.arange(reach)) % self.capacity
        slots = ahead[self.generation[ahead] > 0][:count]
        if len(slots):
            self._ring_position = int(slots[-1] + 1) % self.capacity
        return slots

    def in_ring(self) -> IntArray:
        """Return the taken slots in the order in which a ring would empty them."""
        taken = self.occupied()
        return np.roll(taken, -int(taken.searchsorted(self._ring_position)))

    def state_dict(self) -> dict[str, Any]:
        """Return the whole state."""
        return {
            "clock": self.clock,
            "ring_position": self._ring_position,
            "generation": self.generation[: self.end].copy(),
            "inserted": self.inserted[: self.end].copy(),
            "holes": self._holes.copy(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state."""
        generation = np.asarray(state["generation"])
        if len(generation) > self.capacity:
            raise ValueError(f"state has {len(generation)} slots: capacity is {self.capacity}")
        self.clock = int(state["clock"])
        self._ring_position = int(state["ring_position"])
        self.end = len(generation)
        self.generation[: self.end] = generation
        self.generation[self.end :] = 0
        self.inserted[: self.end] = state["inserted"]
        self._holes = np.array(state["holes"], np.int64)
        self.size = self.end - len(self._holes)


def grown(array: npt.NDArray[Scalar], length: int, fill: Any = 0) -> npt.NDArray[Scalar]:
    """Return an array with at least `length` rows that starts with the given ones; itself if it is long enough.

    It at least doubles, so that adding row by row copies each row a constant number of times.
    """
    if length <= len(array):
        return array
    shape = (max(length, 2 * len(array)), *array.shape[1:])
    # Zeros that nothing has touched take no memory; filled pages do.
    larger = np.zeros(shape, array.dtype) if fill == 0 else np.full(shape, fill, array.dtype)
    larger[: len(array)] = array
    return larger
