"""What becomes of checked items: which slot each gets, who leaves for it, and what is written there."""

from typing import TYPE_CHECKING

import numpy as np

from codeit_jax.replay.eviction import Ring, choose_victims
from codeit_jax.replay.replay_batch import Addition
from codeit_jax.replay.store.duplicates import WritePlan, plan_writes
from codeit_jax.replay.tree.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from codeit_jax.replay.buffer import PrioritizedReplayBuffer  # only for its type: it imports this module

_NONE: IntArray = np.empty(0, np.int64)  # no slots


def store(buffer: "PrioritizedReplayBuffer", addition: Addition) -> IntArray:
    """Store prepared items; return their slots, int64 [n], -1 for an item that is not there in the end."""
    raw, names = addition.raw, addition.names  # [n], [n, 2]
    # Whatever can be refused is refused in the next lines, before anything is written.
    masses = buffer.priorities.masses(raw)
    if len(raw) == 1 and names is None and addition.labels is None and type(buffer.eviction) is Ring:
        return _store_one(buffer, addition, masses)
    if names is None:
        plan = WritePlan(_NONE, _NONE, np.arange(len(raw)))
    else:
        plan = plan_writes(buffer.keys, names, raw, buffer.priorities.raw, buffer.on_duplicate)
    # A new generation first: updates drawn from what was there before must no longer find it.
    before = buffer.slots.generation[plan.overwritten_slots]
    buffer.slots.stamp(plan.overwritten_slots)
    try:
        victims = _victims(buffer, plan, raw)
    except BaseException:
        buffer.slots.unstamp(plan.overwritten_slots, before)
        raise
    _write(buffer, plan.overwritten_slots, plan.overwriting, addition, masses)
    new_slots = _free_slots(buffer, len(plan.new), victims)
    buffer.slots.fill(new_slots)
    if names is not None:
        buffer.keys.insert(names[plan.new], new_slots)
    _write(buffer, new_slots, plan.new, addition, masses)
    if buffer.max_per_group is not None:
        remove(buffer, buffer.groups.surplus(buffer.max_per_group, buffer.priorities.raw, buffer.slots.inserted))
    if names is None:
        # A group's cap may have removed what was just stored.
        return np.where(buffer.slots.generation[new_slots] > 0, new_slots, -1)
    return buffer.keys.find(names)


def remove(buffer: "PrioritizedReplayBuffer", slots: IntArray) -> None:
    """Empty distinct taken slots."""
    if not len(slots):
        return
    buffer.keys.remove_slots(slots)
    buffer.groups.clear(slots)
    buffer.priorities.clear(slots)
    buffer.table.clear(slots)
    buffer.slots.free(slots)


def _store_one(buffer: "PrioritizedReplayBuffer", addition: Addition, masses: FloatArray) -> IntArray:
    """Store one item without key and group in a ring: as `store` would, in a third of the time."""
    if buffer.slots.num_free:
        slots = buffer.slots.reserve(1)
        buffer.slots.fill(slots)
    else:
        slots = np.array([buffer.slots.replace_next()])
        buffer.keys.remove_slots(slots)
        buffer.groups.clear(slots)
    buffer.table.write(slots, addition.columns)
    buffer.priorities.set_one(int(slots[0]), float(addition.raw[0]), float(masses[0]), buffer.slots)
    return slots


def _victims(buffer: "PrioritizedReplayBuffer", plan: WritePlan, raw: FloatArray) -> IntArray | None:
    """Return the slots to empty for new items, None if there is room.

    Asked before anything is written, as a policy can be anyone's function, and fail. What is going to be overwritten
    has its new priority for it, which decides who leaves.
    """
    needed = len(plan.new) - buffer.slots.num_free
    if needed <= 0:
        return None
    priorities = buffer.priorities.raw
    if len(plan.overwritten_slots) and type(buffer.eviction) is not Ring:  # which doesn't look at them
        priorities = priorities.copy()
        priorities[plan.overwritten_slots] = raw[plan.overwriting]
    return choose_victims(buffer.eviction, buffer.slots, priorities, needed)


def _free_slots(buffer: "PrioritizedReplayBuffer", count: int, victims: IntArray | None) -> IntArray:
    """Return empty slots, after emptying those of the victims."""
    if victims is None:
        return buffer.slots.reserve(count)
    # The empty slots first: in a ring, the last items then lie where the first ones to leave were.
    needed = count - buffer.slots.num_free
    free = buffer.slots.reserve(buffer.slots.num_free)
    remove(buffer, victims)
    return np.concatenate([free, buffer.slots.reserve(needed)])


def _write(
    buffer: "PrioritizedReplayBuffer", slots: IntArray, positions: IntArray, addition: Addition, masses: FloatArray
) -> None:
    """Write the items at `positions` of an addition into `slots`."""
    if not len(slots):
        return
    buffer.table.write(slots, {name: values[positions] for name, values in addition.columns.items()})
    buffer.priorities.set(slots, addition.raw[positions], masses[positions], buffer.slots)
    if addition.labels is None:
        buffer.groups.clear(slots)
    else:
        buffer.groups.assign(slots, addition.labels[positions])
