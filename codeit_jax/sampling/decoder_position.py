"""One position of the decoder for all rows: self-attention over the cache, cross-attention by prompt.

Shape letters: R rows, P prompts, W slots of a prompt, H heads, K head width, D model width, L prompt length.
"""

from dataclasses import dataclass

import jax

from codeit_jax.model.layers import Attention, DecoderLayer
from codeit_jax.model.t5 import T5, mask_bias
from codeit_jax.sampling.packing import Packing, take

KeysValues = tuple[jax.Array, jax.Array]


@dataclass(frozen=True, kw_only=True)
class DecoderMemory:
    """What all rows read and none changes.

    Attributes:
        network: the policy with its parameters bound.
        layers: the decoder's layers one by one, for each has a cache of its own.
        cross: for each layer the prompts' keys [P, H, K, L], as the product with queries reads them, and values
            [P, H, L, K].
        cross_bias: [P, 1, 1, L], masks padding.
    """

    network: T5
    layers: list[DecoderLayer]
    cross: tuple[KeysValues, ...]
    cross_bias: jax.Array


def make_memory(network: T5, encoded: jax.Array, prompt_mask: jax.Array) -> DecoderMemory:
    """Project the encoded prompts [P, L, D] once for all their samples and all steps."""
    # Unstacked: in a scan all layers' caches would be one array, of which each layer reads and writes a part.
    layers = network.decoder.unstacked()
    cross = [layer.cross_attention.keys_values(encoded) for layer in layers]
    # Keys are kept as `mix` multiplies with them, [K, L]: turned once here rather than at each step.
    return DecoderMemory(
        network=network,
        layers=layers,
        cross=tuple((keys.swapaxes(2, 3), values) for keys, values in cross),
        cross_bias=mask_bias(prompt_mask),
    )


def decode_position(
    memory: DecoderMemory,
    step: jax.Array,
    last: jax.Array,
    caches: tuple[KeysValues, ...],
    packing: Packing | None,
) -> tuple[jax.Array, tuple[KeysValues, ...]]:
    """Run the decoder for one position.

    Args:
        memory: prompts and parameters.
        step: scalar, the position.
        last: int32 [R], the tokens before it.
        caches: for each layer keys and values [R, H, positions, K].
        packing: the rows' layout; None where each prompt's rows are all there, one after another.

    Returns:
        Hidden states [R, D], and the caches with this position written.
    """
    bias = memory.network.decoder_bias(step, caches[0][0].shape[2])  # [1, H, 1, positions]
    x = memory.network.embed(last)[:, None]  # [R, 1, D]
    written = []
    for layer, cache, cross in zip(memory.layers, caches, memory.cross, strict=True):
        y = layer.attention_norm(x)
        new = layer.attention.keys_values(y)  # [R, H, 1, K] twice
        # All rows are at one position, so one slice is written; inside the loop XLA does it in place.
        keys, values = (jax.lax.dynamic_update_slice(c, n, (0, 0, step, 0)) for c, n in zip(cache, new, strict=True))
        x = x + layer.attention.attend(layer.attention.queries(y), keys, values, (bias,))
        x = x + _attend_prompts(layer.cross_attention, layer.cross_norm(x), cross, memory.cross_bias, packing)
        x = x + layer.feed_forward(layer.feed_forward_norm(x))
        written.append((keys, values))
    return memory.network.decoder.final_norm(x)[:, 0], tuple(written)


def _attend_prompts(
    attention: Attention, x: jax.Array, cross: KeysValues, bias: jax.Array, packing: Packing | None
) -> jax.Array:
    """Attend from the rows [R, 1, D] to their prompts: a prompt's keys and values are read once for all its rows."""
    keys, values = cross
    queries = attention.queries(x)  # [R, 1, H, K]
    slots = queries if packing is None else take(queries, packing.row_of_slot)  # [P * W, 1, H, K]
    slots_of_prompt = slots.reshape(len(bias), -1, *queries.shape[2:])  # [P, W, H, K]
    mixed = attention.mix(slots_of_prompt, keys.swapaxes(2, 3), values, (bias,))
    mixed = mixed.reshape(slots.shape)  # [P * W, 1, H, K]
    return attention.project(mixed if packing is None else take(mixed, packing.slot_of_row))
