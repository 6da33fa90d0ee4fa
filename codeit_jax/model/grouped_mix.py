"""The middle of attention, for heads of keys and values that several heads of queries share.

A sample's attention is one softmax over two parts, of which neither is ever copied to where the other is: its prompt's
keys and values, laid out by prompt, and those of its own cache, by row. Each part is mixed with its largest score and
its sum of weights, by which both are put together.

Shape letters: B rows, P prompts, R rows of samples, W slots of a prompt, L prompt length, Q queries, C keys, H heads,
G heads of keys and values, K head width.
"""

import jax
import jax.numpy as jnp

from codeit_jax.model.adapters import dropout
from codeit_jax.model.layers import Array
from codeit_jax.model.policy import KeysValues, PromptRows


def _scores(queries: Array, keys: Array, bias: Array) -> Array:
    """Multiply queries [B, H, Q, K] with keys turned round [B, G, K, C], add [B, 1, Q, C]: float32 [B, H, Q, C]."""
    num_rows, num_heads, length, width = queries.shape
    # The heads that share keys are rows of one product: the keys are read once.
    grouped = queries.reshape(num_rows, keys.shape[1], -1, width)  # [B, G, H / G * Q, K]
    products = (grouped @ keys).astype(jnp.float32).reshape(num_rows, num_heads, length, -1)
    return products + bias


def _weighted(weights: Array, values: Array) -> Array:
    """Add values [B, G, C, K] up by weights [B, H, Q, C]: [B, H, Q, K]."""
    num_rows, num_heads, length, num_keys = weights.shape
    grouped = weights.reshape(num_rows, values.shape[1], -1, num_keys)
    return (grouped @ values).reshape(num_rows, num_heads, length, -1)


def mix_values(queries: Array, keys: Array, values: Array, bias: Array, rate: float, key: Array | None) -> Array:
    """Mix values [B, G, C, K] by the softmax of queries [B, H, Q, K] times keys [B, G, C, K]: [B, H, Q, K]."""
    # The softmax is in float32 whatever the dtype: bfloat16 has too few bits to add C weights up.
    weights = jax.nn.softmax(_scores(queries, keys.swapaxes(2, 3), bias), axis=-1).astype(values.dtype)
    return _weighted(dropout(weights, rate, key), values)


def mix_by_head(queries: Array, keys: Array, values: Array, bias: Array, rate: float, key: Array | None) -> Array:
    """Do what `mix_values` does without dropout, the heads of one head of keys after those of another."""

    def mix_group(group: tuple[Array, Array, Array]) -> Array:
        group_queries, group_keys, group_values = group  # [B, H / G, Q, K], [B, C, K] twice
        return mix_values(group_queries, group_keys[:, None], group_values[:, None], bias, rate, key)

    num_rows, num_heads, length, width = queries.shape
    groups = queries.reshape(num_rows, keys.shape[1], -1, length, width)
    split = tuple(jnp.moveaxis(each, 1, 0) for each in (groups, keys, values))
    # `map` is a loop: only one group's scores exist at a time.
    return jnp.moveaxis(jax.lax.map(mix_group, split), 0, 1).reshape(queries.shape)


PartialMix = tuple[Array, Array, Array]
"""Weighted values [..., K], the weights' sum [..., 1] and the largest score [..., 1], by which both are scaled."""


def partial_mix(queries: Array, keys: Array, values: Array, bias: Array) -> PartialMix:
    """Mix the values of a part of the keys, [B, G, K, C] and [B, G, C, K], for `together`."""
    scores = _scores(queries, keys, bias)
    largest = scores.max(axis=-1, keepdims=True)
    weights = jnp.exp(scores - largest)
    mixed = _weighted(weights.astype(values.dtype), values).astype(jnp.float32)
    return mixed, weights.sum(axis=-1, keepdims=True), largest


def mix_prompts(queries: Array, prefix: KeysValues, bias: Array, rows: PromptRows) -> PartialMix:
    """Attend from the rows [R, H, 1, K] to their prompts, whose keys and values are read once for all their rows."""
    slots = rows.by_prompt(queries[:, :, 0]).swapaxes(1, 2)  # [P, H, W, K]
    mixed, total, largest = (rows.by_row(part.swapaxes(1, 2))[:, :, None] for part in partial_mix(slots, *prefix, bias))
    return mixed, total, largest  # [R, H, 1, K], [R, H, 1, 1] twice


def together(one: PartialMix, other: PartialMix) -> Array:
    """Return what the softmax over the keys of both parts gives; a part without a key that is seen has no weight."""
    largest = jnp.maximum(one[2], other[2])
    scales = [jnp.exp(part[2] - largest) for part in (one, other)]
    total = sum(scale * part[1] for scale, part in zip(scales, (one, other), strict=True))
    mixed = sum(scale * part[0] for scale, part in zip(scales, (one, other), strict=True))
    return jnp.asarray(mixed) / jnp.asarray(total)
