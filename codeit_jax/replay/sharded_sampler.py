"""One draw from buffers on several hosts. No communication in here: hosts exchange small arrays themselves.

With replacement, hosts exchange their totals; every host then computes the same split of the n draws. Without
replacement, hosts exchange their n smallest race keys; the n smallest of the union win, exactly as if all items were
in one buffer.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from codeit_jax.replay.buffer import PrioritizedReplayBuffer
from codeit_jax.replay.buffer_state import settings
from codeit_jax.replay.eviction import EvictionPolicy
from codeit_jax.replay.replay_batch import Addition, Batch
from codeit_jax.replay.store.key_index import DigestArray
from codeit_jax.replay.store.persistence import load_state
from codeit_jax.replay.tree.arrays import FloatArray, IntArray


def split_counts(totals: npt.ArrayLike, n: int, seed: int) -> IntArray:
    """Return how many of n independent draws fall on each shard, [shards]: multinomial, the same on every host."""
    # Every host has the same totals and seed, so no host need be asked.
    masses = np.asarray(totals, dtype=np.float64)
    if not (masses >= 0.0).all() or not 0.0 < masses.sum() < np.inf:
        raise ValueError(f"totals are {masses.tolist()}: must be finite, not negative, not all zero")
    return np.random.default_rng(seed).multinomial(n, masses / masses.sum()).astype(np.int64)


def merge_race_keys(keys_by_shard: Sequence[FloatArray], n: int) -> IntArray:
    """Return how many of each shard's keys, each ascending, are among the n smallest of all; ties: the lower shard."""
    lengths = [len(keys) for keys in keys_by_shard]
    if sum(lengths) < n:
        raise ValueError(f"n is {n}: only {sum(lengths)} priorities are positive, and draws are without replacement")
    shards = np.repeat(np.arange(len(lengths)), lengths)
    # Stable, so that every host breaks ties alike.
    smallest = np.argsort(np.concatenate(keys_by_shard), kind="stable")[:n]
    return np.bincount(shards[smallest], minlength=len(lengths)).astype(np.int64)


class ShardedSampler:
    """This host's part of draws over all shards.

    Without replacement: `keys = race_keys(n, seed)`, exchange the keys, `take(keys of all shards, n)`.
    """

    def __init__(self, local: PrioritizedReplayBuffer, shard: int, n_shards: int) -> None:
        """Speak for shard `shard` of `n_shards`, whose items are in `local`."""
        if not 0 <= shard < n_shards:
            raise ValueError(f"shard is {shard}: must be in [0, {n_shards})")
        self.local = local
        self.shard = shard
        self.n_shards = n_shards
        self._slots: IntArray = np.empty(0, np.int64)

    def total(self) -> float:
        """Return the mass of this shard, to exchange before `plan`."""
        with self.local.lock:
            return self.local.priorities.tree.total()

    def plan(self, totals: npt.ArrayLike, n: int, seed: int) -> int:
        """Return this shard's share of n draws with replacement; all hosts pass the same arguments."""
        if np.shape(totals) != (self.n_shards,):
            raise ValueError(f"totals have shape {np.shape(totals)}: must be ({self.n_shards},)")
        # The whole split, of which this host takes its part: no counts are exchanged.
        return int(split_counts(totals, n, seed)[self.shard])

    def sample(self, totals: npt.ArrayLike, n: int, seed: int) -> Batch:
        """Return this shard's part of n draws with replacement."""
        return self.local.sample(self.plan(totals, n, seed), rng=self._generator(seed))

    def race_keys(self, n: int, seed: int) -> FloatArray:
        """Return this shard's n smallest race keys, ascending, to exchange; remembers the slots they belong to."""
        with self.local.lock:
            # Each key is Exp(1) / mass, whichever host it is made on: that is what makes them comparable.
            keys, self._slots = self.local.priorities.tree.race_keys(n, self._generator(seed))
        return keys

    def take(self, keys_by_shard: Sequence[FloatArray], n: int) -> IntArray:
        """Return this shard's slots among n draws without replacement, after `race_keys`."""
        if len(keys_by_shard) != self.n_shards or len(keys_by_shard[self.shard]) != len(self._slots):
            raise ValueError("keys_by_shard must hold the keys of every shard from the same race")
        # Keys are ascending, so this host's winners are its first ones.
        return self._slots[: merge_race_keys(keys_by_shard, n)[self.shard]]

    def _generator(self, seed: int) -> np.random.Generator:
        return np.random.default_rng([seed, self.shard])  # one seed for all would repeat the same draws on each


def restore_shards(
    paths: Sequence[str | Path],
    shard: int,
    n_shards: int,
    *,
    capacity: int | None = None,
    eviction: EvictionPolicy | None = None,
    allow_pickle: bool = False,
) -> PrioritizedReplayBuffer:
    """Return shard `shard` of `n_shards` of a buffer that was saved as `len(paths)` shards.

    With as many shards as files, file `shard` is restored as it is, random state included. Otherwise items are dealt
    again: those with a key by the key, so that a key has one home, the others in turn; files are memory-mapped, and
    only the rows that stay here are copied. The random state then descends from that of the first file.
    """
    if not 0 <= shard < n_shards or not paths:
        raise ValueError(f"shard is {shard} of {n_shards}, from {len(paths)} files: must be one of them, from some")
    if len(paths) == n_shards:
        return PrioritizedReplayBuffer.load(paths[shard], eviction=eviction, allow_pickle=allow_pickle)
    states = [load_state(path, mmap=True, allow_pickle=allow_pickle) for path in paths]
    arguments = settings(states[0], eviction)
    buffer = PrioritizedReplayBuffer(**(arguments if capacity is None else {**arguments, "capacity": capacity}))
    buffer.rng.bit_generator.state = states[0]["rng"]
    # Children of one seed sequence are independent; copies of one state would draw alike.
    buffer.rng.bit_generator.state = buffer.rng.spawn(n_shards)[shard].bit_generator.state
    dealt = 0
    for state in states:
        source = PrioritizedReplayBuffer.from_state(state, eviction=eviction)
        slots = source.slots.occupied()
        # Oldest first, so that ages keep their order.
        slots = slots[np.argsort(source.slots.inserted[slots], kind="stable")]
        _adopt(buffer, source, slots[_homes(source.keys.digests_of(slots), dealt, n_shards) == shard])
        dealt += len(slots)
    return buffer


def _homes(names: DigestArray, dealt: int, n_shards: int) -> IntArray:
    """Return the shard of each item: by its key, or in turn if it has none."""
    in_turn = (dealt + np.arange(len(names))) % n_shards
    # The second word: the first one decides the bucket within a host.
    by_key = (names[:, 1] % np.uint64(n_shards)).astype(np.int64)
    return np.where(names.any(axis=1), by_key, in_turn)


def _adopt(buffer: PrioritizedReplayBuffer, source: PrioritizedReplayBuffer, slots: IntArray) -> None:
    """Add items of another buffer, in the order given; those with keys first."""
    names = source.keys.digests_of(slots)
    keyed = names.any(axis=1)
    for chosen, chosen_names in ((slots[keyed], names[keyed]), (slots[~keyed], None)):
        columns = {name: column.read(chosen) for name, column in source.table.columns.items()}
        labels = source.groups.labels_of(chosen)
        buffer.apply(Addition(columns, source.priorities.raw[chosen], chosen_names, labels, single=False))
