"""What a batch of keyed items does to keys that occur twice in it or are in the buffer already."""

from typing import Literal, NamedTuple

import numpy as np

from codeit_jax.replay.keys import DigestArray, KeyIndex
from codeit_jax.replay.tree_levels import FloatArray, IntArray

OnDuplicate = Literal["replace", "max", "keep", "error"]


class WritePlan(NamedTuple):
    """Positions in the batch of the items to store."""

    overwriting: IntArray
    overwritten_slots: IntArray
    new: IntArray


def plan_writes(
    index: KeyIndex, names: DigestArray, raw: FloatArray, stored_raw: FloatArray, on_duplicate: OnDuplicate
) -> WritePlan:
    """Choose one item per key, as if the items came one after the other.

    "replace": the last; "keep": the first that came, ever; "max": the highest priority, of equal ones the first that
    came; "error": raises ValueError at the first repetition.
    """
    winners = _winners_in_batch(names, raw, on_duplicate)
    held = index.find(names[winners])
    known = held >= 0
    if on_duplicate == "error" and known.any():
        raise ValueError(f"{int(known.sum())} keys are in the buffer already: on_duplicate='error' refuses them")
    if on_duplicate == "keep":
        writes = np.zeros(len(winners), bool)
    elif on_duplicate == "max":
        writes = known & (raw[winners] > stored_raw[held])
    else:
        writes = known
    return WritePlan(winners[writes], held[writes], winners[~known])


def _winners_in_batch(names: DigestArray, raw: FloatArray, on_duplicate: OnDuplicate) -> IntArray:
    """Return the position of the item to store for each distinct key, ascending."""
    by_priority = (-raw,) if on_duplicate == "max" else ()
    order = np.lexsort((*by_priority, names[:, 1], names[:, 0]))  # stable: positions ascend among equals
    ranked = names[order]
    differs = (ranked[1:] != ranked[:-1]).any(axis=1)
    if on_duplicate == "error" and not differs.all():
        raise ValueError(f"{int((~differs).sum())} keys occur twice in the batch: on_duplicate='error' refuses them")
    edge = np.ones(min(len(order), 1), bool)
    chosen = np.concatenate([differs, edge]) if on_duplicate == "replace" else np.concatenate([edge, differs])
    return np.sort(order[chosen])
