"""The processes of a run: their numbers, and what they exchange.

Every process is the same deterministic state machine: it makes the same calls in the same order, so that exchanges need
no names. Bytes in bulk go over the devices' network; votes go over the coordinator, since a vote through the devices
would wait for everything that they have been given to compute.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from jax.experimental import multihost_utils

CHUNK_BYTES = 1 << 20  # one shape, compiled once; short messages take a shape of their own
SHORT_BYTES = 1 << 10  # padded to a chunk, a short message would be a thousand times as large
_VOTE_SECONDS = 24 * 3600  # another process may be busy for long; one that is dead ends this one (see `watch`)


class KeyValueStore(Protocol):
    """What is used of the coordinator's store: JAX's distributed client has these methods."""

    def key_value_set(self, key: str, value: str, allow_overwrite: bool = False) -> None:
        """Write a value; an error if the key has one, unless it may be overwritten."""
        ...

    def key_value_delete(self, key: str) -> None:
        """Remove a key, and all below it."""
        ...

    def key_value_dir_get(self, key: str) -> list[tuple[str, str]]:
        """Return the keys below one, with their values."""
        ...

    def blocking_key_value_get(self, key: str, timeout_in_ms: int) -> str:
        """Return a value, waiting until somebody has written it."""
        ...


Gather = Callable[[np.ndarray], np.ndarray]


class Hosts:
    """This process and its peers; `ALONE` is a run of one process.

    Args:
        index: number of this process.
        count: number of processes.
        store: the coordinator's; not needed by a single process.
        gather: stacks one array of each process, all of one shape, in the order of their numbers.
    """

    def __init__(
        self,
        index: int = 0,
        count: int = 1,
        store: KeyValueStore | None = None,
        gather: Gather = multihost_utils.process_allgather,
    ) -> None:
        self.index = index
        self.count = count
        self._store = store
        self._gather = gather
        self._votes = 0

    @property
    def is_first(self) -> bool:
        """Return whether this process writes the run's files and talks to people."""
        return self.index == 0

    def exchange(self, payload: bytes) -> list[bytes]:
        """Give every process a payload of each, in the order of their numbers; all have to call it."""
        if self.count == 1:
            return [payload]
        # Lengths first: a gather takes arrays of one shape from all, so each payload is padded to the longest.
        lengths = self._gather(np.array([len(payload)], np.uint32)).ravel().tolist()
        chunk = SHORT_BYTES if max(lengths) <= SHORT_BYTES else CHUNK_BYTES
        received = [bytearray() for _ in lengths]
        for start in range(0, max(lengths), chunk):
            own = np.zeros(chunk, np.uint8)
            part = np.frombuffer(payload[start : start + chunk], np.uint8)
            own[: len(part)] = part
            for collected, row in zip(received, self._gather(own), strict=True):
                collected += row.tobytes()
        return [bytes(collected[:length]) for collected, length in zip(received, lengths, strict=True)]

    def broadcast(self, payload: bytes) -> bytes:
        """Return the first process's payload; that of the others is ignored."""
        return self.exchange(payload if self.is_first else b"")[0]

    def any(self, flag: bool) -> bool:
        """Return in every process whether one of them says yes; all have to call it."""
        if self._store is None:
            return flag
        # Numbered, not named: all processes vote in the same order, and a key can be written once only.
        vote, self._votes = self._votes, self._votes + 1
        self._store.key_value_set(f"votes/{vote}/{self.index}", "yes" if flag else "no")
        timeout = _VOTE_SECONDS * 1000
        votes = [self._store.blocking_key_value_get(f"votes/{vote}/{peer}", timeout) for peer in range(self.count)]
        if vote:  # all have voted again, so all have read this one
            self._store.key_value_delete(f"votes/{vote - 1}/{self.index}")
        return "yes" in votes

    def wait(self) -> None:
        """Wait until every process is here."""
        self.any(False)


ALONE = Hosts()
"""A run of one process."""
