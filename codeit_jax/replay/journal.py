"""A buffer whose changes are durable one by one: a snapshot, and a log of what came after it."""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from codeit_jax.replay import buffer_state
from codeit_jax.replay.buffer import PrioritizedReplayBuffer
from codeit_jax.replay.eviction import EvictionPolicy
from codeit_jax.replay.replay_batch import Addition
from codeit_jax.replay.store.key_index import Keys, digests
from codeit_jax.replay.store.persistence import load_state, read_state, save_state, write_state
from codeit_jax.replay.store.segment_log import SegmentLog
from codeit_jax.replay.store.token_arena import TokenRows

Result = TypeVar("Result")


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
        self._allow_pickle = allow_pickle
        self._diverged = False
        first_segment = 0
        if self._snapshot_path.exists():
            state = load_state(self._snapshot_path, allow_pickle=allow_pickle)
            self.buffer = PrioritizedReplayBuffer.from_state(state["buffer"], eviction=eviction)
            first_segment = state["first_segment"]
        else:
            self.buffer = make_buffer()
        # Segments that the snapshot holds are not read: a kill may have left some.
        self._log = SegmentLog(directory, first_segment)
        for record in self._log.records():
            self._repeat(record)

    def add(self, items: Any, priority: npt.ArrayLike | None = None, key: Any = None, group: Any = None) -> Any:
        """Add as `PrioritizedReplayBuffer.add` does; what has returned is on disk."""
        with self._changing():
            addition = self.buffer.prepare(items, priority, key, group)
            columns = {name: _portable(values) for name, values in addition.columns.items()}
            logged = {"columns": columns, "raw": addition.raw, "names": addition.names, "labels": addition.labels}
            slots = self._change("add", logged, lambda: self.buffer.apply(addition))
        return int(slots[0]) if addition.single else slots

    def update_priorities(
        self, indices: npt.ArrayLike, priority: npt.ArrayLike, generation: npt.ArrayLike | None = None
    ) -> int:
        """Set priorities as `PrioritizedReplayBuffer.update_priorities` does; what has returned is on disk."""
        with self._changing():
            # As the caller gave them: generations decide again, alike, when this is repeated.
            logged: dict[str, Any] = {
                "indices": np.asarray(indices),
                "priority": np.asarray(priority, dtype=np.float64),
                "generation": None if generation is None else np.asarray(generation),
            }
            return self._change("update", logged, lambda: self.buffer.update_priorities(**logged))

    def remove(self, keys: Keys) -> int:
        """Remove as `PrioritizedReplayBuffer.remove` does; what has returned is on disk."""
        with self._changing():
            names = digests(keys)
            return self._change("remove", {"names": names}, lambda: self.buffer.remove_digests(names))

    def evict(self) -> int:
        """Evict as `PrioritizedReplayBuffer.evict` does; what has returned is on disk."""
        with self._changing():
            return self._change("evict", {}, self.buffer.evict)

    def clear(self) -> None:
        """Clear as `PrioritizedReplayBuffer.clear` does; once it has returned, that is on disk."""
        with self._changing():
            self._change("clear", {}, self.buffer.clear)

    def checkpoint(self) -> None:
        """Write a snapshot and drop the segments before it."""
        with self.buffer.lock:
            # In this order a kill at any point loses nothing: a snapshot names the first segment that it does not hold,
            # and only once it is durable are older segments dropped.
            self._log.start_segment()
            state = buffer_state.state_dict(self.buffer, copy=False)
            save_state(self._snapshot_path, {"buffer": state, "first_segment": self._log.number})
            self._diverged = False
            self._log.drop_before(self._log.number)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the lock; after a change that could not be logged, refuse more until a snapshot holds it."""
        with self.buffer.lock:
            if self._diverged:
                raise RuntimeError("an earlier change could not be logged: checkpoint(), or open the journal again")
            yield

    def _change(self, operation: str, arguments: Mapping[str, Any], change: Callable[[], Result]) -> Result:
        """Make a change and log it, with the random state after it."""
        # Written down before it is made: an item that can't be pickled must be nowhere. Logged after: what the buffer
        # refuses must not be in the log.
        rng = self.buffer.rng.bit_generator
        before = rng.state
        record = _record(operation, arguments, before)
        result = change()
        if rng.state != before:
            record = _record(operation, arguments, rng.state)
        try:
            self._log.append(record)
        except BaseException:
            self._diverged = True  # the buffer has the change, the log hasn't: later records would not fit
            raise
        return result

    def _repeat(self, record: bytes) -> None:
        image = np.frombuffer(bytearray(record), np.uint8)  # writable, unlike views of bytes
        change = read_state(image, str(self._log.directory), allow_pickle=self._allow_pickle)
        arguments = change["arguments"]
        if change["operation"] == "add":
            columns = {name: _from_portable(values) for name, values in arguments.pop("columns").items()}
            self.buffer.apply(Addition(columns, **arguments, single=False))
        elif change["operation"] == "update":
            self.buffer.update_priorities(**arguments)
        elif change["operation"] == "remove":
            self.buffer.remove_digests(arguments["names"])
        elif change["operation"] == "clear":
            self.buffer.clear()
        else:
            self.buffer.evict()
        # Draws are not logged: with the random state after each change, the buffer continues as if they had been.
        self.buffer.rng.bit_generator.state = change["rng"]


def _record(operation: str, arguments: Mapping[str, Any], rng: Mapping[str, Any]) -> bytes:
    record = io.BytesIO()
    write_state(record, {"operation": operation, "arguments": arguments, "rng": rng})
    return record.getvalue()


def _portable(values: Any) -> Any:
    return {"tokens": values.flat(), "lengths": values.lengths} if isinstance(values, TokenRows) else values


def _from_portable(values: Any) -> Any:
    if not isinstance(values, Mapping):
        return values
    # Starts follow from lengths.
    lengths = values["lengths"]
    return TokenRows(values["tokens"], np.cumsum(lengths) - lengths, lengths)
