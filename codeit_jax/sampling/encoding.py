"""Reading the prompts: in parts, so that attention's scores never need much memory.

Shape letters: P prompts, L prompt length, G groups: the devices' parts of the batch.
"""

from dataclasses import dataclass
from typing import Any

import jax

from codeit_jax.model import PolicyNetwork


@dataclass(frozen=True, kw_only=True)
class EncoderParts:
    """How much of the encoder's attention is computed at once.

    Attributes:
        pairs: as many prompts go together as have so many (query, key) pairs in all, one at least.
        by_head: whether the heads come one after another.
    """

    pairs: int = 1 << 26
    by_head: bool = False


def encoder_parts() -> EncoderParts:
    """Return what suits the device.

    A CPU is fastest with scores that stay in its caches, 4 MB here; an accelerator with as many as fit its memory.
    """
    return EncoderParts(pairs=1 << 20, by_head=True) if jax.default_backend() == "cpu" else EncoderParts()


def encode(network: PolicyNetwork, parts: EncoderParts, tokens: jax.Array, mask: jax.Array, num_groups: int) -> Any:
    """Run the prompts, each once.

    Args:
        network: the policy with its parameters bound.
        parts: how much at once.
        tokens: int32 [P, L].
        mask: bool [P, L].
        num_groups: G; each part has prompts of every group.

    Returns:
        What the network keeps of them: a tree of arrays [P, ...].
    """
    num_prompts, length = tokens.shape
    of_group = num_prompts // num_groups
    # The largest divisor of a group's prompts that is within the limit: parts of one shape, so one computation.
    most = max(1, parts.pairs // length**2)
    at_once = max(size for size in range(1, min(most, of_group) + 1) if of_group % size == 0)
    if at_once == of_group:
        return network.encode_prompts(tokens, mask, by_head=parts.by_head)

    # Each part has prompts of every group, so that every device works on every part of the loop.
    def split(rows: jax.Array) -> jax.Array:  # [parts, G * at_once, L]
        grouped = rows.reshape(num_groups, -1, at_once, length)
        return grouped.swapaxes(0, 1).reshape(-1, num_groups * at_once, length)

    # [parts, G * at_once, ...] back to the prompts' order.
    def in_order(encoded: jax.Array) -> jax.Array:
        grouped = encoded.reshape(-1, num_groups, at_once, *encoded.shape[2:])
        return grouped.swapaxes(0, 1).reshape(num_prompts, *encoded.shape[2:])

    encoded = jax.lax.map(
        lambda part: network.encode_prompts(*part, by_head=parts.by_head), (split(tokens), split(mask))
    )
    return jax.tree.map(in_order, encoded)
