"""Several buffers, drawn from together in given counts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from codeit_jax.replay.buffer import PrioritizedReplayBuffer
from codeit_jax.replay.eviction import EvictionPolicy
from codeit_jax.replay.replay_batch import Batch
from codeit_jax.replay.store.columns import concatenate_columns
from codeit_jax.replay.store.persistence import load_state, save_state
from codeit_jax.replay.tree.arrays import FloatArray, IntArray

Shortage = Literal["take_all", "error"]
"""What happens if a partition has fewer items than are asked for without replacement."""


@dataclass(frozen=True)
class MixtureBatch:
    """Draws from several partitions: `parts[name]`, or all of them one after the other."""

    parts: dict[str, Batch]

    def __len__(self) -> int:
        """Return the number of draws."""
        return sum(map(len, self.parts.values()))

    def __getitem__(self, partition: str) -> Batch:
        """Return the draws from one partition."""
        return self.parts[partition]

    @cached_property
    def partition(self) -> IntArray:
        """Number of the partition of each draw, int64 [n], in the order of `parts`."""
        # Made on demand: most callers take `data` or one part.
        return np.repeat(np.arange(len(self.parts)), [len(part) for part in self.parts.values()])

    @cached_property
    def data(self) -> Any:
        """The data of all parts; they have to have one schema."""
        # One copy, as a training step wants one array a column.
        return concatenate_columns([part.data for part in self.parts.values()])

    @cached_property
    def weights(self) -> FloatArray:
        """The importance weights of all parts, [n], normalized within each."""
        return np.concatenate([part.weights for part in self.parts.values()])

    @cached_property
    def indices(self) -> IntArray:
        """The slots of all draws, [n], each in the buffer of its partition."""
        return np.concatenate([part.indices for part in self.parts.values()])


class ReplayMixture:
    """Named partitions, each a buffer of its own."""

    def __init__(self, partitions: Mapping[str, PrioritizedReplayBuffer]) -> None:
        """Name buffers; raises ValueError if there are none."""
        if not partitions:
            raise ValueError("partitions is empty: name at least one buffer")
        self.partitions = dict(partitions)

    def __getitem__(self, partition: str) -> PrioritizedReplayBuffer:
        """Return the buffer of a partition."""
        return self.partitions[partition]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self.partitions)

    def __len__(self) -> int:
        """Return the number of items in all partitions."""
        return sum(map(len, self.partitions.values()))

    def sample(
        self,
        counts: Mapping[str, int],
        replacement: bool = True,
        beta: float | None = None,
        shortage: Shortage = "take_all",
        rng: np.random.Generator | None = None,
    ) -> MixtureBatch:
        """Draw the given number of items from each named partition, in the order of `counts`.

        Without replacement, a partition smaller than its share is taken whole ("take_all") or raises ValueError
        ("error"). With replacement an empty partition gives no draws under "take_all". `rng` defaults to each
        buffer's own.
        """
        unknown = set(counts) - set(self.partitions)
        if unknown:
            raise ValueError(f"counts name {sorted(unknown)}: partitions are {sorted(self.partitions)}")
        # In the order of `counts`, which decides what a shared `rng` draws.
        parts = {}
        for name, count in counts.items():
            buffer = self.partitions[name]
            with buffer.lock:  # or another thread could remove items between the count and the draw
                # With replacement any count can be drawn, but not from nothing.
                available = count if replacement and len(buffer) else min(count, len(buffer))
                if available < count and shortage == "error":
                    raise ValueError(f"{count} draws from {name!r}: it has {len(buffer)} items")
                parts[name] = buffer.sample(available, replacement=replacement, beta=beta, rng=rng)
        return MixtureBatch(parts)

    def update_priorities(self, batch: MixtureBatch, priorities: FloatArray) -> int:
        """Set the raw priorities of the draws of a batch, dropping items replaced since; return how many were set."""
        if len(priorities) != len(batch):
            raise ValueError(f"{len(priorities)} priorities for {len(batch)} draws")
        updated, start = 0, 0  # start: of the part in `priorities`, [n]
        for name, part in batch.parts.items():
            # Generations are each buffer's own, so each part goes to its buffer.
            chunk = priorities[start : start + len(part)]
            updated += self.partitions[name].update_priorities(part.indices, chunk, part.generation)
            start += len(part)
        return updated

    def state_dict(self) -> dict[str, Any]:
        """Return the states of all partitions."""
        return {name: buffer.state_dict() for name, buffer in self.partitions.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the states of all partitions, bitwise."""
        if set(state) != set(self.partitions):
            raise ValueError(f"state has partitions {sorted(state)}: must be {sorted(self.partitions)}")
        for name, buffer in self.partitions.items():
            buffer.load_state_dict(state[name])

    def save(self, path: str | Path) -> None:
        """Write one file with all partitions, atomically."""
        save_state(path, self.state_dict())

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        mmap: bool = False,
        eviction: Mapping[str, EvictionPolicy] | None = None,
        allow_pickle: bool = False,
    ) -> "ReplayMixture":
        """Return the mixture that `save` wrote; parameters as for `PrioritizedReplayBuffer.load`."""
        state = load_state(path, mmap=mmap, allow_pickle=allow_pickle)
        policies = eviction or {}
        return cls(
            {
                name: PrioritizedReplayBuffer.from_state(part, eviction=policies.get(name))
                for name, part in state.items()
            }
        )
