"""Prioritized replay buffer: items with priorities, drawn in proportion, found again by key."""

import threading
from collections.abc import Hashable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from codeit_jax.replay import buffer_state, slot_writes
from codeit_jax.replay.eviction import EvictionPolicy, Ring, choose_victims
from codeit_jax.replay.priorities import MaxWeight, Priorities, ZeroPolicy
from codeit_jax.replay.replay_batch import Addition, Batch
from codeit_jax.replay.shared_reader import SETTINGS, SharedArrays
from codeit_jax.replay.store.columns import Schema, Table
from codeit_jax.replay.store.duplicates import OnDuplicate
from codeit_jax.replay.store.groups import Groups
from codeit_jax.replay.store.key_index import DigestArray, KeyIndex, Keys, digests, digests_of_each
from codeit_jax.replay.store.persistence import empty_directory, load_state, save_state
from codeit_jax.replay.store.slot_table import SlotTable
from codeit_jax.replay.tree.arrays import (
    IN_RANGE,
    FloatArray,
    IntArray,
    check_priorities,
    checked_size,
    checked_slots,
    distinct,
)
from codeit_jax.replay.tree.tree_draws import Method

_NOBODY: AbstractContextManager[None] = nullcontext()  # reads a buffer without a directory


class PrioritizedReplayBuffer:
    """Up to `capacity` items, each with a raw priority, optionally a key and a group.

    Draws are proportional to (priority + eps) ** alpha, with a `decay` to ((priority + eps) * decay ** age) ** alpha,
    age in items added since. Raw priorities are kept, so `alpha` can be changed exactly.
    Methods hold `lock`, a reentrant lock: hold it yourself to make several calls one step. The same seed, state and
    calls give the same draws.
    """

    def __init__(
        self,
        capacity: int,
        schema: Schema | None = None,
        *,
        alpha: float = 1.0,
        beta: float = 0.0,
        eps: float = 0.0,
        zero: ZeroPolicy = "uniform",
        eviction: EvictionPolicy | None = None,
        on_duplicate: OnDuplicate = "replace",
        max_weight: MaxWeight = "batch",
        max_per_group: int | None = None,
        decay: float = 1.0,
        weights_dtype: npt.DTypeLike = np.float64,
        directory: str | Path | None = None,
        seed: int = 0,
    ) -> None:
        """Make an empty buffer.

        `schema` maps column names to `Column`, `Tokens`, `Payload` or a NumPy type, or to another such mapping; None
        stores any object per item. With an empty `directory`, columns are files there, which processes can share.
        `eviction` decides what leaves a full buffer (default: `Ring()`), `on_duplicate` what a key that is there
        already does: "replace" and "max" (if the priority is higher) overwrite the item in its place, "keep" does
        nothing, "error" raises. `max_per_group` caps the items of one group; the lowest priority leaves.
        `weights_dtype` is that of importance weights. Raises ValueError for a setting out of range.
        """
        _check_choice("on_duplicate", on_duplicate, ("replace", "max", "keep", "error"))
        _check_choice("max_weight", max_weight, ("batch", "buffer", None))
        self.capacity = checked_size("capacity", capacity)
        self.beta = _checked_beta(beta)
        self.lock = threading.RLock()  # reentrant: methods call one another
        self.directory = None if directory is None else empty_directory(directory)
        shared = None if self.directory is None else SharedArrays.at(self.directory, self.capacity, new=True)
        self._shared = shared
        self.table = Table(schema, self.directory, self.capacity)
        self.eviction = Ring() if eviction is None else eviction
        self.on_duplicate: OnDuplicate = on_duplicate
        self.max_weight: MaxWeight = max_weight
        self.max_per_group = None if max_per_group is None else checked_size("max_per_group", max_per_group)
        self.weights_dtype = _checked_weights_dtype(weights_dtype)
        self.rng = np.random.default_rng(seed)  # shared with the tree: one stream, in the order of the calls
        self.priorities = Priorities(self.capacity, alpha, eps, zero, self.rng, decay, shared and shared.raw)
        self.slots = SlotTable(self.capacity, shared and shared.generation, shared and shared.inserted)
        self.keys = KeyIndex()
        self.groups = Groups()
        if self.directory is not None:
            buffer_state.write_settings(self, self.directory / SETTINGS)

    def __len__(self) -> int:
        """Return the number of items; a key counts once."""
        return self.slots.size

    def __contains__(self, key: Hashable) -> bool:
        """Return whether an item with the key is there."""
        with self.lock:
            return bool(self.keys.find(digests([key]))[0] >= 0)

    @property
    def alpha(self) -> float:
        """Exponent of the priorities; setting it re-weights every item exactly."""
        return self.priorities.alpha

    @alpha.setter
    def alpha(self, alpha: float) -> None:
        with self.lock:
            self.priorities.set_alpha(alpha, self.slots)

    @property
    def min_priority(self) -> float:
        """Smallest positive raw priority now in the buffer, inf if there is none."""
        with self.lock:
            return self.priorities.smallest()

    @property
    def max_priority(self) -> float:
        """Largest raw priority now in the buffer, 0 if it is empty."""
        with self.lock:
            return self.priorities.largest()

    def add(
        self,
        items: Any,
        priority: npt.ArrayLike | None = None,
        key: Keys | Hashable | None = None,
        group: Keys | Hashable | None = None,
    ) -> Any:
        """Add a batch of items, or one; return their slots, int64 [n] (int for one).

        `items`: a mapping from column to array (or sequence of token rows) with the batch first; without a schema, a
        list or array of objects. A single item's values have no batch axis. `priority`: one number for all or one
        each; None: the largest now in the buffer, 1 if that is zero. `key`, `group`: one each.
        Of items with one key only one is stored (see `on_duplicate`). Items whose key is there already are written
        first, then the others, which may push some of them out: -1 is the slot of an item that is not there in the
        end. Nothing changes if anything is wrong; raises ValueError for more than `capacity` items.
        """
        # Two steps, so that a journal can log what was checked before it is stored.
        addition = self.prepare(items, priority, key, group)
        slots = self.apply(addition)
        return int(slots[0]) if addition.single else slots

    def prepare(
        self,
        items: Any,
        priority: npt.ArrayLike | None = None,
        key: Keys | Hashable | None = None,
        group: Keys | Hashable | None = None,
    ) -> Addition:
        """Return checked items in the form that `apply` takes; parameters as for `add`."""
        columns, count, single = self.table.prepare(items)
        if count > self.capacity:
            raise ValueError(f"{count} items: capacity is {self.capacity}")
        names = digests_of_each("key", key, count, single)
        labels = digests_of_each("group", group, count, single)
        with self.lock:
            return Addition(columns, self._raw_priorities(priority, count), names, labels, single)

    def apply(self, addition: Addition) -> IntArray:
        """Store prepared items; return their slots, int64 [n], -1 for an item that is not there in the end."""
        with self.lock, self._changing:
            return slot_writes.store(self, addition)

    def sample(
        self,
        n: int,
        replacement: bool = True,
        beta: float | None = None,
        method: Method = "iid",
        sort: bool = False,
        rng: np.random.Generator | None = None,
    ) -> Batch:
        """Draw n items in random order (ascending by slot with `sort`).

        Without replacement n may be at most the number of items. `rng` and `beta` default to the buffer's own. Raises
        ValueError if the buffer is empty or the zero policy forbids what is asked.
        """
        with self.lock:
            # Under the lock from the draw to the copy: what is read is what was drawn.
            rng = self.rng if rng is None else rng
            if type(n) is not int or n < 0:
                n = checked_size("n", n, 0)
            if n and not self.slots.size:
                raise ValueError("the buffer is empty")
            if not replacement and n > self.slots.size:
                raise ValueError(f"n is {n}: the buffer has {self.slots.size} items, and draws are without replacement")
            if replacement:
                slots, masses = self.priorities.draw(n, method, sort, rng, self.slots.occupied)
            elif method == "iid":
                slots, masses = self.priorities.draw_distinct(n, sort, rng, self.slots.occupied)
            else:
                raise ValueError(f"method is {method!r}: draws without replacement know 'iid' only")
            return self._batch(slots, masses, self.beta if beta is None else _checked_beta(beta))

    def get(self, keys: Keys) -> Batch:
        """Return the items with the given keys, in that order; raises KeyError if one is not there."""
        with self.lock:
            slots = self.keys.find(digests(keys))
            if (slots < 0).any():
                raise KeyError(f"{int((slots < 0).sum())} of {len(slots)} keys are not in the buffer")
            return self._batch(slots, self.priorities.tree[slots], self.beta)

    def items(self) -> Batch:
        """Return all items, ascending by slot."""
        with self.lock:
            return self.at(self.slots.occupied())

    def at(self, slots: npt.ArrayLike) -> Batch:
        """Return the items of slots, or of a mask over all slots; raises IndexError for a slot that is empty."""
        with self.lock:
            index = np.atleast_1d(checked_slots(slots, self.capacity)[0])
            if not self.slots.generation[index].all():
                raise IndexError(f"slot {int(index[self.slots.generation[index] == 0][0])} is empty")
            return self._batch(index, self.priorities.tree[index], self.beta)

    def __getitem__(self, index: int | slice | npt.ArrayLike) -> Batch:
        """Return items by age, as a list of them would: 0 is the oldest, -1 the newest."""
        with self.lock:
            by_age = self.slots.by_age()
            chosen = by_age[index if isinstance(index, slice) else np.asarray(index)]
            return self.at(np.atleast_1d(chosen))

    def update_priorities(
        self, indices: npt.ArrayLike, priority: npt.ArrayLike, generation: npt.ArrayLike | None = None
    ) -> int:
        """Set raw priorities of slots (or of a mask over all slots); return how many were set.

        `priority` is one number for all or has the shape of `indices`. With the `generation` of the batch, writes to
        slots whose item has been replaced or removed since are dropped; without, all slots have to be taken. Of equal
        indices the last one wins.
        """
        slots = checked_slots(indices, self.capacity)[0]
        raw = np.asarray(priority, dtype=np.float64)
        check_priorities(raw)
        if raw.shape != slots.shape:
            # Not all that NumPy could stretch: (n, 1) beside (n,) mostly comes of a difference gone wrong.
            if raw.ndim and raw.shape != (1,):
                raise ValueError(f"priority has shape {raw.shape}: must be one number or {slots.shape}, as the indices")
            raw = np.broadcast_to(raw, slots.shape)
        if slots.ndim != 1:
            slots, raw = slots.reshape(-1), raw.reshape(-1)
        with self.lock:
            # Generations only grow, so a slot that was emptied and filled again never looks the same.
            current = self.slots.generation.take(slots, mode=IN_RANGE)  # [n]: 0 for an empty slot
            if generation is not None:
                same = current == np.asarray(generation).reshape(-1)
                if np.count_nonzero(same) < len(slots):
                    slots, raw = slots[same], raw[same]
                    current = current[same]
            if np.count_nonzero(current) < len(current):
                raise ValueError(f"slot {int(slots[current == 0][0])} is empty")
            self.priorities.set(slots, raw, self.priorities.masses(raw), self.slots)
        return len(slots)

    def clear(self) -> None:
        """Remove all items; the random state and the stamps of slots go on."""
        with self.lock, self._changing:
            slot_writes.remove(self, self.slots.occupied())
            self.slots.rearrange(np.empty(0, np.int64))

    def remove(self, keys: Keys) -> int:
        """Remove the items with the given keys, as far as they are there; return how many were."""
        return self.remove_digests(digests(keys))

    def remove_digests(self, names: DigestArray) -> int:
        """Remove as `remove` does, by the digests of the keys."""
        with self.lock:
            slots = self.keys.find(names)
            # A key given twice must not free its slot twice.
            slots = distinct(np.sort(slots[slots >= 0]))
            with self._changing:
                slot_writes.remove(self, slots)
        return len(slots)

    def evict(self) -> int:
        """Apply the eviction policy now; return how many items left."""
        with self.lock:
            before = len(self)
            victims = choose_victims(self.eviction, self.slots, self.priorities.raw, 0)
            with self._changing:
                slot_writes.remove(self, victims)
            return before - len(self)

    def state_dict(self) -> dict[str, Any]:
        """Return copies of everything that later results depend on."""
        with self.lock:
            return buffer_state.state_dict(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state, bitwise, into a buffer with the same schema and a capacity that suffices."""
        with self.lock, self._changing:
            buffer_state.load_state_dict(self, state)

    def save(self, path: str | Path) -> None:
        """Write one file, atomically: it is there whole or not at all."""
        with self.lock:
            # Not a copy of the state, which could need as much memory as there is.
            save_state(path, buffer_state.state_dict(self, copy=False))

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        mmap: bool = False,
        eviction: EvictionPolicy | None = None,
        allow_pickle: bool = False,
        directory: str | Path | None = None,
    ) -> "PrioritizedReplayBuffer":
        """Return the buffer that `save` wrote, with all its settings.

        With `mmap` columns stay on disk until they are read; writes go to memory, never to the file. A callable
        eviction policy is not saved: pass it again. Payload columns are pickled: `allow_pickle` trusts the file.
        Raises `CorruptFileError` if a checksum is wrong. `directory` as for a new buffer.
        """
        state = load_state(path, mmap=mmap, allow_pickle=allow_pickle)
        return cls.from_state(state, eviction=eviction, directory=directory)

    @classmethod
    def from_state(
        cls,
        state: Mapping[str, Any],
        *,
        eviction: EvictionPolicy | None = None,
        directory: str | Path | None = None,
    ) -> "PrioritizedReplayBuffer":
        """Return a buffer with the settings and the content of a `state_dict`."""
        # Settings first: a state fits only a buffer with its schema.
        buffer = cls(**buffer_state.settings(state, eviction), directory=directory)
        buffer.load_state_dict(state)
        return buffer

    def __getstate__(self) -> dict[str, Any]:
        return self.state_dict()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(self.from_state(state).__dict__)

    @property
    def _changing(self) -> AbstractContextManager[None]:
        """Mark a change for processes that read the directory."""
        return _NOBODY if self._shared is None else self._shared.changing()

    def _raw_priorities(self, priority: npt.ArrayLike | None, count: int) -> FloatArray:
        if priority is None:
            # As in Schaul et al. (2016, algorithm 1): new items come up soon.
            largest = self.priorities.largest() or 1.0
            return np.array([largest]) if count == 1 else np.full(count, largest)
        raw = np.asarray(priority, dtype=np.float64)
        check_priorities(raw)
        if raw.shape not in ((), (count,)):
            # Not a column (n, 1) either: where it meets (n,) elsewhere, it silently becomes (n, n).
            raise ValueError(f"priority has shape {raw.shape}: must be one number or ({count},)")
        # A view with stride 0: one number is not copied `count` times.
        return np.broadcast_to(raw, (count,))

    def _batch(self, slots: IntArray, masses: FloatArray, beta: float) -> Batch:
        weights = self.priorities.importance_weights(masses, self.slots.size, beta, self.max_weight)
        return Batch(
            # Copies, so later writes to the slots do not change a batch.
            data=self.table.read(slots),
            indices=slots,
            weights=weights if self.weights_dtype == np.float64 else weights.astype(self.weights_dtype),
            probabilities=self.priorities.probabilities(masses, self.slots.size),
            generation=self.slots.generation.take(slots, mode=IN_RANGE),
        )


def _check_choice(name: str, value: str | None, choices: tuple[str | None, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is {value!r}: must be one of {choices}")


def _checked_beta(beta: float) -> float:
    if not 0.0 <= beta < np.inf:
        raise ValueError(f"beta is {beta}: must be finite and not negative")
    return beta


def _checked_weights_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise ValueError(f"weights_dtype is {np.dtype(dtype)}: must be float32 or float64")
    return np.dtype(dtype)
