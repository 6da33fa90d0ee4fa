"""Which items leave a full buffer."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from codeit_jax.replay.store.slot_table import SlotTable
from codeit_jax.replay.tree.arrays import FloatArray, IntArray, checked_size, checked_slots, distinct

EvictionPolicy = Callable[[SlotTable, FloatArray, int], IntArray]
"""(slot table, raw priorities by slot, slots needed) -> distinct taken slots to empty, at least as many as needed.

The user's own call, `evict()`, needs 0.
"""


def choose_victims(policy: EvictionPolicy, slots: SlotTable, priorities: FloatArray, needed: int) -> IntArray:
    """Return the slots that a policy empties; raises ValueError unless they are distinct, taken and enough."""
    victims = checked_slots(policy(slots, priorities, needed), slots.capacity)[0]
    # A policy can be anyone's function; a slot emptied twice would be handed out twice.
    taken = slots.generation[victims] > 0
    if len(victims) < needed or not taken.all() or len(distinct(np.sort(victims))) < len(victims):
        raise ValueError(f"the eviction policy chose {victims}: must be distinct taken slots, {needed} are needed")
    return victims


@dataclass(frozen=True)
class Ring:
    """Slots leave in circular order: the oldest first, unless removals made holes, which are filled first."""

    def __call__(self, slots: SlotTable, priorities: FloatArray, needed: int) -> IntArray:
        """Return the slots to empty."""
        return slots.next_in_ring(needed)


@dataclass(frozen=True)
class LowestPriority:
    """At most ceil(capacity * (1 - fraction)) items stay, those of highest priority, of equal ones the newest."""

    fraction: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 <= self.fraction <= 1.0:
            raise ValueError(f"fraction is {self.fraction}: must be in [0, 1]")

    def __call__(self, slots: SlotTable, priorities: FloatArray, needed: int) -> IntArray:
        """Return the slots to empty."""
        taken = slots.occupied()
        surplus = max(needed, len(taken) - math.ceil(slots.capacity * (1.0 - self.fraction)))
        if surplus == 0:
            return np.empty(0, np.int64)
        values = priorities.take(taken)  # [taken]
        # Of equal priorities not all may have to leave: those below the threshold do, of those at it the oldest.
        threshold = np.partition(values, surplus - 1)[surplus - 1]
        below = taken[values < threshold]
        tied = taken[values == threshold]
        oldest = np.argsort(slots.inserted.take(tied), kind="stable")[: surplus - len(below)]
        return np.concatenate([below, tied[oldest]])


@dataclass(frozen=True)
class MaxAge:
    """Items leave once `max_age` others were added after them; if that is not enough, the oldest leave too.

    Ages are looked at when the buffer is full and at `evict()`.
    """

    max_age: int

    def __post_init__(self) -> None:
        checked_size("max_age", self.max_age, 0)

    def __call__(self, slots: SlotTable, priorities: FloatArray, needed: int) -> IntArray:
        """Return the slots to empty."""
        taken = slots.occupied()
        ages = slots.ages(taken)  # [taken], in items added since
        expired = int(np.count_nonzero(ages > self.max_age))
        count = max(expired, needed)
        # argpartition and not a sort: O(n), and all that leave are alike.
        return taken[np.argpartition(-ages, count - 1)[:count]] if count else np.empty(0, np.int64)
