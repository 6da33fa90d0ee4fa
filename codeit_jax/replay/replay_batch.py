"""What goes into a buffer and what comes out of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from codeit_jax.replay.store.key_index import DigestArray
from codeit_jax.replay.tree.arrays import FloatArray, IntArray


@dataclass(slots=True)
class Batch:
    """Draws from a buffer; row i of everything belongs to draw i."""

    data: Any
    """Columns by name, [n, ...], token columns as TokenRows; an array of objects for a buffer without a schema."""
    indices: IntArray
    """Slots, [n]."""
    weights: FloatArray
    """Importance weights, [n]."""
    probabilities: FloatArray
    """Chance of the item in one draw with replacement, [n]."""
    generation: IntArray
    """Stamp of each slot's content, [n], for `update_priorities`."""

    def __len__(self) -> int:
        """Return the number of draws."""
        return len(self.indices)


# The buffer makes one with `prepare` and takes it with `apply`; the journal writes it down in between.
class Addition(NamedTuple):
    """Items on their way into a buffer, checked."""

    columns: Mapping[str, Any]
    raw: FloatArray
    """Raw priorities, [n]."""
    names: DigestArray | None
    """Digests of the keys, [n, 2]."""
    labels: DigestArray | None
    """Digests of the groups, [n, 2]; zeros are no group."""
    single: bool
    """Whether one item was given, without a batch axis."""
