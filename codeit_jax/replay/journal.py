"""A buffer whose changes are durable one by one: a snapshot, and a log of what came after it."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from codeit_jax.replay.buffer import PrioritizedReplayBuffer
from codeit_jax.replay.columns import portable_columns
from codeit_jax.replay.eviction import EvictionPolicy
from codeit_jax.replay.keys import Keys, digests
from codeit_jax.replay.persistence import load_state, read_state, save_state, write_state
from codeit_jax.replay.segments import SegmentLog


class ReplayJournal:
    """Changes a buffer and logs each change before it returns; opening the directory again repeats them.

    Adding 9,600 items a round to a buffer of 1,000,000 then writes 9,600 items, not 1,000,000. `checkpoint` writes a
    snapshot and drops the segments it makes superfluous. Change the buffer only through the journal.
    """

    def __init__(
        self,
        directory: str | Path,
        make_buffer: Callable[[], PrioritizedReplayBuffer],
        *,
        eviction: EvictionPolicy | None = None,
        allow_pickle: bool = False,
    ) -> None:
        """Open a journal, or start one with the buffer that `make_buffer` returns.

        `eviction` is needed if the policy is a callable of your own, `allow_pickle` for payload columns. Raises
        CorruptFileError for damage; an unfinished record at the end is dropped with a TornTailWarning.
        """
        self._snapshot_path = Path(directory) / "snapshot"
        self._log = SegmentLog(directory)
        self._allow_pickle = allow_pickle
        first_segment = 0
        if self._snapshot_path.exists():
            state = load_state(self._snapshot_path, allow_pickle=allow_pickle)
            self.buffer = PrioritizedReplayBuffer.from_state(state["buffer"], eviction=eviction)
            first_segment = state["first_segment"]
        else:
            self.buffer = make_buffer()
        for record in self._log.records(first_segment):
            self._repeat(record)

    def add(
        self, items: Any, priority: npt.ArrayLike | None = None, key: Any = None, group: Any = None
    ) -> Any:
        """Add as `PrioritizedReplayBuffer.add` does; what it returns is on disk."""
        with self.buffer.lock:
            prepared, _, single = self.buffer.table.prepare(items)
            names = None if key is None else digests([key] if single else key)
            labels = None if group is None else digests([group] if single else group)
            slots = self.buffer.add(items, priority, key, group)
            self._append(
                "add", items=portable_columns(prepared), priority=_portable(priority), names=names, labels=labels
            )
            return slots
