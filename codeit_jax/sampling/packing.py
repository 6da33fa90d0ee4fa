"""Packing the unfinished rows together, so that finished samples stop costing time: shapes stay static.

The loop runs on a few compaction sizes, each half of the one before. Once the unfinished rows fit into the next size,
they are gathered, run there, and put back. Rows of any prompt are packed together; for cross-attention alone they are
laid out by prompt again, in a few slots each, so that a prompt's keys and values are still read once for all its rows.

On a mesh rows move only within their device's part of the batch, called a group here.

Shape letters: G groups, Q prompts of a group, S samples of a prompt, N rows of a group, M packed rows of a group,
W slots of a prompt.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

_HALVINGS = 2  # a size more is a loop more to compile for each cache length
_SLOT_SLACK = 2  # slots of a prompt over those it would have if all prompts' programs were equally long


@dataclass(frozen=True, kw_only=True)
class CompactionSize:
    """How many unfinished rows are packed together.

    Attributes:
        rows: M, of a group.
        slots: W, of a prompt.
    """

    rows: int
    slots: int


@partial(
    jax.tree_util.register_dataclass, data_fields=("index", "prompts", "row_of_slot", "slot_of_row"), meta_fields=()
)
@dataclass(frozen=True, kw_only=True)
class Packing:
    """Which rows are packed, and how they are laid out by prompt.

    Attributes:
        index: int32 [G, M], the rows' numbers in their group, unfinished ones first and ascending.
        prompts: int32 [G, M], their prompts.
        row_of_slot: int32 [G, Q * W], which of the M rows a slot holds; an empty slot holds any.
        slot_of_row: int32 [G, M], where a row's slot is; a finished row has any.
    """

    index: jax.Array
    prompts: jax.Array
    row_of_slot: jax.Array
    slot_of_row: jax.Array


@dataclass(frozen=True, kw_only=True)
class SlottedRows:
    """The rows of a loop and their prompts, as a policy asks for them (`PromptRows`).

    Attributes:
        num_prompts: G * Q.
        packing: None where each prompt's rows are all there, one after another.
    """

    num_prompts: int
    packing: Packing | None

    def by_prompt(self, rows: jax.Array) -> jax.Array:
        """Lay values of rows [G * M, ...] out by prompt, [G * Q, W, ...]."""
        slots = rows if self.packing is None else take(rows, self.packing.row_of_slot)
        return slots.reshape(self.num_prompts, -1, *rows.shape[1:])

    def by_row(self, slots: jax.Array) -> jax.Array:
        """Bring values of slots [G * Q, W, ...] back to the rows, [G * M, ...]."""
        rows = slots.reshape(-1, *slots.shape[2:])
        taken: jax.Array = rows if self.packing is None else take(rows, self.packing.slot_of_row)
        return taken


def compaction_sizes(num_prompts: int, num_samples: int, smallest: int) -> list[CompactionSize]:
    """Return the sizes below the whole group of Q * S rows, descending; none has fewer than `smallest` rows."""
    sizes: list[CompactionSize] = []
    rows = num_prompts * num_samples
    for _ in range(_HALVINGS):
        rows = -(-rows // 2)
        if rows >= smallest:
            slots = min(num_samples, _SLOT_SLACK * -(-rows // num_prompts))
            sizes.append(CompactionSize(rows=rows, slots=slots))
    return sizes


def fits(unfinished: jax.Array, prompts: jax.Array, num_prompts: int, size: CompactionSize | None) -> jax.Array:
    """Return whether the unfinished rows of every group fit into a size; below the last, None, only no rows do.

    Args:
        unfinished: bool [G, N].
        prompts: int32 [G, N], the rows' prompts, below `num_prompts`.
    """
    if size is None:
        return ~jnp.any(unfinished)
    of_prompt = _count(unfinished, prompts, num_prompts)  # [G, Q]
    # All groups or none: the devices run one program, with one shape.
    return jnp.all(of_prompt.sum(axis=1) <= size.rows) & jnp.all(of_prompt <= size.slots)


def pack(unfinished: jax.Array, prompts: jax.Array, num_prompts: int, size: CompactionSize) -> Packing:
    """Choose the rows of a size that the unfinished rows fit into; arguments as for `fits`."""
    # Stable: unfinished rows keep their order, so those of a prompt stay side by side.
    order = jnp.argsort(~unfinished, axis=1, stable=True)  # [G, N]
    index = order[:, : size.rows].astype(jnp.int32)  # [G, M]
    prompts_of_rows = jnp.take_along_axis(prompts, index, axis=1)  # [G, M]
    of_prompt = _count(unfinished, prompts, num_prompts)  # [G, Q]
    first = jnp.cumsum(of_prompt, axis=1) - of_prompt  # [G, Q], place of a prompt's first row
    row_of_slot = first[:, :, None] + jnp.arange(size.slots)[None, None, :]  # [G, Q, W]
    slot = jnp.arange(size.rows)[None, :] - jnp.take_along_axis(first, prompts_of_rows, axis=1)  # [G, M]
    # The limits only touch empty slots and finished rows, which may read anything: their tokens are padding.
    return Packing(
        index=index,
        prompts=prompts_of_rows,
        row_of_slot=jnp.minimum(row_of_slot, size.rows - 1).reshape(len(index), -1),
        slot_of_row=prompts_of_rows * size.slots + jnp.clip(slot, 0, size.slots - 1),
    )


def take(tree: Any, index: jax.Array) -> Any:
    """Gather rows in each group: leaves [G * N, ...] and numbers [G, M] to [G * M, ...]."""

    def take_rows(leaf: jax.Array) -> jax.Array:
        grouped = leaf.reshape(len(index), -1, *leaf.shape[1:])  # [G, N, ...]
        taken: jax.Array = jax.vmap(lambda rows, numbers: rows[numbers])(grouped, index)
        return taken.reshape(-1, *leaf.shape[1:])

    return jax.tree.map(take_rows, tree)


def put_back(tree: Any, index: jax.Array, rows: Any) -> Any:
    """Return the leaves [G * N, ...] with these rows [G * M, ...] at their numbers [G, M]; the inverse of `take`."""

    def put_rows(leaf: jax.Array, new: jax.Array) -> jax.Array:
        grouped, new = (x.reshape(len(index), -1, *leaf.shape[1:]) for x in (leaf, new))
        # Every row is packed once at most; XLA needn't order the writes then.
        place: Callable[..., jax.Array] = jax.vmap(
            lambda rows, numbers, new: rows.at[numbers].set(new, unique_indices=True)
        )
        placed = place(grouped, index, new)
        return placed.reshape(leaf.shape)

    return jax.tree.map(put_rows, tree, rows)


def _count(unfinished: jax.Array, prompts: jax.Array, num_prompts: int) -> jax.Array:
    """Count the unfinished rows of each prompt, int32 [G, Q]."""
    return jnp.sum(unfinished[:, :, None] & (prompts[:, :, None] == jnp.arange(num_prompts)[None, None, :]), axis=1)
