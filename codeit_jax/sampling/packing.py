"""Packing the unfinished rows together, so that finished samples stop costing time: shapes stay static.

The loop runs on a ladder of row numbers, each half of the one before. Once the unfinished rows fit on the next rung,
they are gathered, run there, and put back. Rows of any prompt share a rung; for cross-attention alone they are laid out
by prompt again, in a few lanes each, so that a prompt's keys and values are still read once for all its rows.

On a mesh rows move only within their device's part of the batch, called a group here.

Shape letters: G groups, Q prompts of a group, S samples of a prompt, N rows of a group, M rows of a rung, W lanes of a
prompt.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

_HALVINGS = 2  # a rung more is a loop more to compile for each cache length
_LANE_SLACK = 2  # lanes of a prompt over those it would have if all prompts' programs were equally long


@dataclass(frozen=True, kw_only=True)
class Rung:
    """How many unfinished rows a rung has room for.

    Attributes:
        rows: M, of a group.
        lanes: W, of a prompt.
    """

    rows: int
    lanes: int


@partial(
    jax.tree_util.register_dataclass, data_fields=("index", "prompts", "row_of_lane", "lane_of_row"), meta_fields=()
)
@dataclass(frozen=True, kw_only=True)
class Packing:
    """Which rows are on a rung, and how they are laid out there.

    Attributes:
        index: int32 [G, M], the rows' numbers in their group, unfinished ones first and ascending.
        prompts: int32 [G, M], their prompts.
        row_of_lane: int32 [G, Q * W], which of the M rows a lane holds; an empty lane holds any.
        lane_of_row: int32 [G, M], where a row's lane is; a finished row has any.
    """

    index: jax.Array
    prompts: jax.Array
    row_of_lane: jax.Array
    lane_of_row: jax.Array


def lower_rungs(num_prompts: int, num_samples: int, smallest: int) -> list[Rung]:
    """Return the rungs below the whole group of Q * S rows; none has fewer than `smallest` rows."""
    rungs: list[Rung] = []
    rows = num_prompts * num_samples
    for _ in range(_HALVINGS):
        rows = -(-rows // 2)
        if rows >= smallest:
            rungs.append(Rung(rows=rows, lanes=min(num_samples, _LANE_SLACK * -(-rows // num_prompts))))
    return rungs


def fits(unfinished: jax.Array, prompts: jax.Array, num_prompts: int, rung: Rung | None) -> jax.Array:
    """Tell whether the unfinished rows of every group have room on a rung; below the last, None, only no rows have.

    Args:
        unfinished: bool [G, N].
        prompts: int32 [G, N], the rows' prompts, below `num_prompts`.
    """
    if rung is None:
        return ~jnp.any(unfinished)
    of_prompt = _count(unfinished, prompts, num_prompts)
    return jnp.all(of_prompt.sum(axis=1) <= rung.rows) & jnp.all(of_prompt <= rung.lanes)


def pack(unfinished: jax.Array, prompts: jax.Array, num_prompts: int, rung: Rung) -> Packing:
    """Choose the rows of a rung on which the unfinished rows fit; arguments as for `fits`."""
    order = jnp.argsort(~unfinished, axis=1, stable=True)
    index = order[:, : rung.rows].astype(jnp.int32)
    prompts_of_rows = jnp.take_along_axis(prompts, index, axis=1)
    of_prompt = _count(unfinished, prompts, num_prompts)
    first = jnp.cumsum(of_prompt, axis=1) - of_prompt
    row_of_lane = first[:, :, None] + jnp.arange(rung.lanes)[None, None, :]
    lane = jnp.arange(rung.rows)[None, :] - jnp.take_along_axis(first, prompts_of_rows, axis=1)
    return Packing(
        index=index,
        prompts=prompts_of_rows,
        row_of_lane=jnp.minimum(row_of_lane, rung.rows - 1).reshape(len(index), -1),
        lane_of_row=prompts_of_rows * rung.lanes + jnp.clip(lane, 0, rung.lanes - 1),
    )


def take(tree: Any, index: jax.Array) -> Any:
    """Gather rows in each group: leaves [G * N, ...] and numbers [G, M] to [G * M, ...]."""

    def take_rows(leaf: jax.Array) -> jax.Array:
        grouped = leaf.reshape(len(index), -1, *leaf.shape[1:])
        taken: jax.Array = jax.vmap(lambda rows, numbers: rows[numbers])(grouped, index)
        return taken.reshape(-1, *leaf.shape[1:])

    return jax.tree.map(take_rows, tree)


def put_back(tree: Any, index: jax.Array, rows: Any) -> Any:
    """Return the leaves [G * N, ...] with these rows [G * M, ...] at their numbers [G, M]; the inverse of `take`."""

    def put_rows(leaf: jax.Array, new: jax.Array) -> jax.Array:
        grouped, new = (x.reshape(len(index), -1, *leaf.shape[1:]) for x in (leaf, new))
        place: Callable[..., jax.Array] = jax.vmap(
            lambda rows, numbers, new: rows.at[numbers].set(new, unique_indices=True)
        )
        placed = place(grouped, index, new)
        return placed.reshape(leaf.shape)

    return jax.tree.map(put_rows, tree, rows)


def _count(unfinished: jax.Array, prompts: jax.Array, num_prompts: int) -> jax.Array:
    """Count the unfinished rows of each prompt, int32 [G, Q]."""
    return jnp.sum(unfinished[:, :, None] & (prompts[:, :, None] == jnp.arange(num_prompts)[None, None, :]), axis=1)
