"""From keys to slots: 16-byte digests in an open-addressing hash table of NumPy arrays, looked up in batches."""

import hashlib
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from codeit_jax.replay.store.slot_table import grown
from codeit_jax.replay.tree.arrays import IntArray

DigestArray = npt.NDArray[np.uint64]
"""Digests as [n, 2] words."""

Keys = Sequence[Hashable] | npt.NDArray[Any]

_EMPTY = -1
_REMOVED = -2
_MIN_BUCKETS = 16


def digest(key: Hashable) -> bytes:
    """Return 16 bytes that equal keys share, in every process and on every machine.

    Keys are None, bool, int, float, str, bytes, NumPy scalars, and tuples and frozensets of keys; others raise
    TypeError. Unlike in a dict, keys of different types differ: 1, 1.0 and True are three keys.
    """
    return hashlib.blake2b(_encode(key), digest_size=16).digest()


def digests(keys: Keys) -> DigestArray:
    """Return the digests of many keys, uint64 [n, 2]."""
    return np.frombuffer(b"".join(map(digest, keys)), np.uint64).reshape(-1, 2)


def digests_of_each(name: str, keys: Keys | Hashable | None, count: int, single: bool) -> DigestArray | None:
    """Return the digests of the keys (or groups: `name` says which) of `count` items; raises ValueError for others."""
    if keys is None:
        return None
    each = digests([keys] if single else keys)  # type: ignore[list-item, arg-type]
    if len(each) != count:
        raise ValueError(f"{len(each)} values of {name} for {count} items")
    return each


class KeyIndex:
    """Maps digests to slots. Linear probing; every operation works on a batch of distinct digests.

    24 to 40 bytes a key, against 157 for a dict of digests.
    """

    def __init__(self) -> None:
        """Make an empty index."""
        self._digests: DigestArray = np.zeros((0, 2), np.uint64)  # [slots, 2]
        self._buckets: IntArray = np.full(_MIN_BUCKETS, _EMPTY, np.int64)  # [a power of two]: slot, empty or removed
        self._size = 0
        self._num_used = 0  # buckets that are not empty, removed keys included

    def __len__(self) -> int:
        """Return the number of keys."""
        return self._size

    @property
    def nbytes(self) -> int:
        """Bytes allocated."""
        return self._digests.nbytes + self._buckets.nbytes

    def find(self, keys: DigestArray) -> IntArray:
        """Return the slot of each key (uint64 [n, 2]), -1 if there is none."""
        return self._locate(keys)[0]

    def insert(self, keys: DigestArray, slots: IntArray) -> None:
        """Add distinct keys that are not there yet, each with a slot of its own."""
        self._digests = grown(self._digests, int(slots.max(initial=-1)) + 1)
        self._digests[slots] = keys
        self._size += len(slots)
        # At most half full, removed keys included: they lengthen searches as much as present ones.
        if 2 * (self._num_used + len(slots)) > len(self._buckets):
            taken = self._buckets[self._buckets >= 0]
            self._buckets = np.full(max(_MIN_BUCKETS, 1 << (4 * self._size - 1).bit_length()), _EMPTY, np.int64)
            self._num_used = 0
            slots = np.concatenate([taken, slots])
        self._place(slots)

    def remove_slots(self, slots: IntArray) -> None:
        """Forget the keys of distinct slots, where they have one."""
        if not self._size:
            return
        keyed = slots[slots < len(self._digests)]
        keyed = keyed[self._digests[keyed].any(axis=1)]
        # Where each key is, not where it would go: between, others may have been removed.
        _, buckets = self._locate(self._digests[keyed])
        self._buckets[buckets] = _REMOVED  # not empty: searches for keys beyond have to continue past it
        self._digests[keyed] = 0
        self._size -= len(keyed)

    def digests_of(self, slots: IntArray) -> DigestArray:
        """Return the digests of slots, zeros where a slot has no key."""
        held = np.zeros((len(slots), 2), np.uint64)
        known = slots < len(self._digests)
        held[known] = self._digests[slots[known]]
        return held

    def load_digests(self, held: DigestArray) -> None:
        """Start again from digests by slot, zeros where a slot has no key."""
        self.__init__()  # type: ignore[misc]
        slots = np.flatnonzero(held.any(axis=1))
        self.insert(held[slots], slots)

    def _home(self, keys: DigestArray) -> IntArray:
        # Digests are as good as random, so their low bits are a hash already.
        return (keys[:, 0] & np.uint64(len(self._buckets) - 1)).astype(np.int64)

    def _place(self, slots: IntArray) -> None:
        """Find a bucket for each slot; where two want one bucket, the one written last gets it, the others move on."""
        mask = len(self._buckets) - 1
        bucket = self._home(self._digests[slots])
        self._num_used += len(slots)
        while len(slots):
            free = self._buckets[bucket] == _EMPTY
            self._buckets[bucket[free]] = slots[free]  # of equal buckets, NumPy keeps the last
            lost = self._buckets[bucket] != slots
            slots, bucket = slots[lost], (bucket[lost] + 1) & mask

    def _locate(self, keys: DigestArray) -> tuple[IntArray, IntArray]:
        """Return the slot (or -1) and the bucket of each key."""
        mask = len(self._buckets) - 1
        found = np.full(len(keys), -1, np.int64)
        # Keys that are neither found nor excluded yet look at one more bucket in each round.
        buckets = self._home(keys)
        searching = np.arange(len(keys))
        while len(searching):
            slots = self._buckets[buckets[searching]]
            taken = np.flatnonzero(slots >= 0)
            equal = (self._digests[slots[taken]] == keys[searching[taken]]).all(axis=1)  # all 16 bytes
            hit = taken[equal]
            found[searching[hit]] = slots[hit]
            unresolved = slots != _EMPTY
            unresolved[hit] = False
            searching = searching[unresolved]
            buckets[searching] = (buckets[searching] + 1) & mask
        return found, buckets


def _encode(key: Hashable) -> bytes:
    """Return bytes that no other key has: a type letter, the length where needed, the content."""
    if isinstance(key, np.generic):
        key = key.item()
    if isinstance(key, str):
        return b"s" + key.encode("utf-8", "surrogatepass")
    if isinstance(key, tuple):
        return _encode_parts(b"t", [_encode(part) for part in key])
    if isinstance(key, bytes):
        return b"b" + key
    if key is None or isinstance(key, bool):
        return b"c" + repr(key).encode()
    if isinstance(key, int):
        return b"i" + repr(key).encode()
    if isinstance(key, float):
        return b"f" + key.hex().encode()
    if isinstance(key, frozenset):
        return _encode_parts(b"z", sorted(_encode(part) for part in key))
    raise TypeError(
        f"key is a {type(key).__name__}: must be None, bool, int, float, str, bytes, or a tuple or frozenset of those"
    )


def _encode_parts(letter: bytes, parts: list[bytes]) -> bytes:
    return letter + b"".join(len(part).to_bytes(8, "little") + part for part in parts)
