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
    """Columns by name, token columns as TokenRows; an array of objects for a buffer without a schema."""
    indices: IntArray
    """Slots."""
    weights: FloatArray
    """Importance weights."""
    probabilities: FloatArray
    """Chance of the item in one draw with replacement."""
    generation: IntArray
    """Stamp of each slot's content, for `update_priorities`."""

    def __len__(self) -> int:
        return len(self.indices)


class Addition(NamedTuple):
    """Items on their way into a buffer, checked; keys and groups as digests."""

    columns: Mapping[str, Any]
    raw: FloatArray
    names: DigestArray | None
    labels: DigestArray | None
    single: bool
