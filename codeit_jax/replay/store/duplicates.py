"""What a batch of keyed items does to keys that occur twice in it or are in the buffer already."""

from typing import Literal, NamedTuple

import numpy as np

from codeit_jax.replay.store.key_index import DigestArray, KeyIndex
from codeit_jax.replay.tree.arrays import FloatArray, IntArray

OnDuplicate = Literal["replace", "max", "keep", "error"]


class WritePlan(NamedTuple):
    """Positions in the batch of the items to store, int64, and the slots of those that overwrite."""

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
    held = index.find(names[winners])  # slots, -1 for new keys
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
    """Return the position of the item to store for each distinct key, in the order in which the keys first came."""
    # Equal digests become neighbors, without a Python loop over keys.
    order = np.lexsort((names[:, 1], names[:, 0]))  # stable: positions ascend among equals
    ranked = names[order]
    differs = (ranked[1:] != ranked[:-1]).any(axis=1)
    if differs.all():
        return np.arange(len(names))
    if on_duplicate == "error":
        raise ValueError(f"{int((~differs).sum())} keys occur twice in the batch: on_duplicate='error' refuses them")
    starts = np.append(True, differs)
    first = order[starts]
    if on_duplicate == "replace":
        winners = order[np.append(differs, True)]
    elif on_duplicate == "max":
        # By key, then by falling priority: stable, so the first of equal ones comes first.
        winners = np.lexsort((-raw, names[:, 1], names[:, 0]))[starts]
    else:
        winners = first
    # In the order of arrival, which decides slots and ages.
    in_order: IntArray = winners[np.argsort(first)]
    return in_order
