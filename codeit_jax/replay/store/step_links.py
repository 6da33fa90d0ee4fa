"""Which stored step follows which, in streams of steps that environments make, one stream each."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from codeit_jax.replay.tree.arrays import IntArray

NONE = -1


class StepLinks:
    """The slots before and after each slot, int64 [capacity], -1 where there is none; slots are reused oldest first."""

    def __init__(self, capacity: int, num_streams: int) -> None:
        """Make slots without neighbors."""
        self.after = np.full(capacity, NONE)
        self.before = np.full(capacity, NONE)
        self.last = np.full(num_streams, NONE)  # slot of the newest step of each stream
        self._last_stamp = np.zeros(num_streams, np.int64)

    def newest(self, streams: IntArray, generation: IntArray) -> IntArray:
        """Return the slots of the newest steps of streams, -1 where that step is not there any more."""
        slots = self.last[streams]
        return np.where((slots != NONE) & (generation[slots] == self._last_stamp[streams]), slots, NONE)

    def forget(self, slots: IntArray) -> None:
        """Take the old content of slots out of its stream: what came after it begins one now."""
        followers = self.after[slots]
        self.before[followers[followers != NONE]] = NONE
        self.after[slots] = self.before[slots] = NONE

    def follow(self, slots: IntArray, previous: IntArray) -> None:
        """Link slots to those before them."""
        self.before[slots] = previous
        self.after[previous] = slots

    def set_newest(self, streams: IntArray, slots: IntArray, generation: IntArray) -> None:
        """Make slots the newest steps of their streams."""
        self.last[streams] = slots
        self._last_stamp[streams] = generation[slots]

    def back(self, slots: IntArray, count: int) -> IntArray:
        """Return the last `count` slots up to each, [n, count]; where a stream begins, its first one again."""
        frames = np.empty((len(slots), count), np.int64)
        for column in range(count - 1, -1, -1):
            frames[:, column] = slots
            before = self.before[slots]
            slots = np.where(before == NONE, slots, before)
        return frames

    def forth(self, slots: IntArray, count: int) -> tuple[IntArray, IntArray]:
        """Return `count` slots from each on, [n, count], the last again where a stream ends, and how many differ."""
        window = np.empty((len(slots), count), np.int64)
        lengths = np.zeros(len(slots), np.int64)
        going = np.ones(len(slots), bool)
        for column in range(count):
            window[:, column] = slots
            lengths += going
            after = self.after[slots]
            going &= after != NONE
            slots = np.where(going, after, slots)
        return window, lengths

    def state_dict(self) -> dict[str, IntArray]:
        """Return copies of all links."""
        return {name: getattr(self, name).copy() for name in ("after", "before", "last")} | {
            "stamps": self._last_stamp.copy()
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state of the same capacity and number of streams."""
        for name in ("after", "before", "last"):
            getattr(self, name)[:] = state[name]
        self._last_stamp[:] = state["stamps"]
