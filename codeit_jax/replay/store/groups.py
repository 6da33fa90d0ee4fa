"""Groups of items, such as all programs of one task, and a cap on how many of a group stay."""

import numpy as np

from codeit_jax.replay.store.key_index import DigestArray, KeyIndex
from codeit_jax.replay.store.slot_table import grown
from codeit_jax.replay.tree.arrays import FloatArray, IntArray

NO_GROUP = -1


class Groups:
    """The group of each slot, and how many slots each group has."""

    def __init__(self) -> None:
        """Make slots without groups."""
        self._numbers = KeyIndex()  # label to group number
        self._counts: IntArray = np.zeros(0, np.int64)  # [groups]
        self._group_of: IntArray = np.zeros(0, np.int64)  # [slots]

    def assign(self, slots: IntArray, labels: DigestArray) -> None:
        """Assign distinct slots to the groups with the given labels; zeros are no label."""
        self.clear(slots)
        self._group_of = grown(self._group_of, int(slots.max(initial=-1)) + 1, NO_GROUP)
        has_label = labels.any(axis=1)
        numbers = self._numbers_of(labels[has_label])
        self._group_of[slots[has_label]] = numbers
        self._counts += np.bincount(numbers, minlength=len(self._counts))

    def clear(self, slots: IntArray) -> None:
        """Take distinct slots out of their groups, where they have one."""
        if not len(self._counts):
            return
        known = slots[slots < len(self._group_of)]
        numbers = self._group_of[known]
        # Not `counts[numbers] -= 1`, which counts a group that occurs twice once.
        self._counts -= np.bincount(numbers[numbers != NO_GROUP], minlength=len(self._counts))
        self._group_of[known] = NO_GROUP

    def labels_of(self, slots: IntArray) -> DigestArray:
        """Return the labels of slots, zeros where a slot has no group."""
        labels = np.zeros((len(slots), 2), np.uint64)
        known = np.flatnonzero(slots < len(self._group_of))
        known = known[self._group_of[slots[known]] != NO_GROUP]
        labels[known] = self._numbers.digests_of(self._group_of[slots[known]])
        return labels

    def surplus(self, cap: int, priorities: FloatArray, inserted: IntArray) -> IntArray:
        """Return the slots by which groups exceed `cap`: the lowest priorities, of equal ones the oldest."""
        # Nearly always none, and then nothing by slot is looked at.
        over = self._counts > cap
        if not over.any():
            return np.empty(0, np.int64)
        slots = np.flatnonzero(np.append(over, False)[self._group_of])  # group -1 reads the appended False
        groups = self._group_of[slots]
        # By group, then by falling priority, then the newest first; what comes after the cap leaves.
        order = np.lexsort((-inserted[slots], -priorities[slots], groups))
        slots, groups = slots[order], groups[order]
        first_of_group = np.searchsorted(groups, groups, "left")
        return slots[np.arange(len(slots)) - first_of_group >= cap]

    def state_dict(self, num_slots: int) -> dict[str, IntArray | DigestArray]:
        """Return the label of every group and the group of the first slots."""
        group_of = np.full(num_slots, NO_GROUP)
        known = self._group_of[:num_slots]
        group_of[: len(known)] = known
        return {"labels": self._numbers.digests_of(np.arange(len(self._counts))), "group_of": group_of}

    def load_state_dict(self, state: dict[str, IntArray | DigestArray]) -> None:
        """Restore a state."""
        labels = np.asarray(state["labels"], np.uint64)
        self._numbers.load_digests(labels)
        self._group_of = np.array(state["group_of"], np.int64)
        taken = self._group_of[self._group_of != NO_GROUP]
        self._counts = np.bincount(taken, minlength=len(labels)).astype(np.int64)

    def _numbers_of(self, labels: DigestArray) -> IntArray:
        """Return the group number of each label; a new label gets the next number."""
        distinct, position = np.unique(labels, axis=0, return_inverse=True)
        numbers = self._numbers.find(distinct)
        new = np.flatnonzero(numbers < 0)
        numbers[new] = len(self._counts) + np.arange(len(new))
        self._numbers.insert(distinct[new], numbers[new])
        self._counts = np.append(self._counts, np.zeros(len(new), np.int64))
        return numbers[position.reshape(-1)]
