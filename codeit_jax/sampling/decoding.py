"""The jitted sampling loop: encode each prompt once, then draw all its samples token by token.

Shape letters: P prompts, S samples of a prompt, R = P * S rows, L prompt length, T program length, A allowed tokens.
"""

from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp

from codeit_jax.model.layers import MASKED, DecoderLayer
from codeit_jax.model.t5 import T5, Params, T5Model, mask_bias
from codeit_jax.sampling.grammar import Grammar, GrammarState, advance, allowed_columns, initial_state
from codeit_jax.sampling.methods import draw, step_uniforms

KeysValues = tuple[jax.Array, jax.Array]


@dataclass(frozen=True, kw_only=True)
class DecodingSettings:
    """What is fixed when the loop is compiled.

    Attributes:
        max_tokens: program length T, end token included.
        segment: the self-attention cache grows by this many positions at a time, so that short programs never read a
            long cache.
        top_k: draw among the k best tokens; 0 is off.
        start_id, end_id, pad_id: special tokens.
    """

    max_tokens: int
    segment: int
    top_k: int
    start_id: int
    end_id: int
    pad_id: int


@partial(jax.tree_util.register_dataclass, data_fields=("tokens", "log_probs", "finished"), meta_fields=())
@dataclass(frozen=True, kw_only=True)
class SampledTokens:
    """The samples of a batch of prompts.

    Attributes:
        tokens: int32 [P, S, T], `pad_id` after the end token.
        log_probs: float32 [P, S], log-probability of the sample under the policy at temperature 1, over the allowed
            tokens.
        finished: bool [P, S], false where T tokens didn't suffice.
    """

    tokens: jax.Array
    log_probs: jax.Array
    finished: jax.Array


@partial(
    jax.tree_util.register_dataclass,
    data_fields=("step", "last", "tokens", "log_probs", "finished", "caches", "grammar"),
    meta_fields=(),
)
@dataclass(frozen=True, kw_only=True)
class _LoopState:
    step: jax.Array  # scalar: tokens drawn so far
    last: jax.Array  # int32 [R]
    tokens: jax.Array  # int32 [R, T]
    log_probs: jax.Array  # float32 [R]
    finished: jax.Array  # bool [R]
    caches: tuple[KeysValues, ...]  # for each layer [R, H, positions, K] twice
    grammar: GrammarState | None  # None when every token is allowed everywhere


@partial(jax.jit, static_argnames=("model", "settings"))
def sample_tokens(
    model: T5Model,
    settings: DecodingSettings,
    params: Params,
    prompt_tokens: jax.Array,
    prompt_mask: jax.Array,
    keys: jax.Array,
    temperature: jax.Array,
    allowed: jax.Array,
    grammar: Grammar | None = None,
) -> SampledTokens:
    """Draw S programs for each prompt.

    Args:
        prompt_tokens: int32 [P, L].
        prompt_mask: bool [P, L].
        keys: a JAX key for each sample [P, S]; consumed. A sample depends on its own key and prompt only.
        temperature: scalar.
        allowed: int32 [A], the token ids that may be drawn.
        grammar: which of them may come next, where; None lets all come everywhere.
    """
    network = model.bind(params)
    num_prompts, num_samples = keys.shape
    rows = num_prompts * num_samples
    layers = network.decoder.unstacked()
    encoded = network.encode(prompt_tokens, prompt_mask)
    cross = tuple(layer.cross_attention.keys_values(encoded) for layer in layers)
    cross_bias = mask_bias(prompt_mask)
    row_keys = keys.reshape(rows)

    def body(state: _LoopState) -> _LoopState:
        hidden, caches = _decode_step(network, layers, state, cross, cross_bias, num_prompts)
        logits, position = network.logits(hidden, allowed), state.grammar
        if grammar is not None and position is not None:
            logits = jnp.where(allowed_columns(grammar, position), logits, MASKED)
        uniforms = step_uniforms(row_keys, state.step)
        column, log_prob = draw(logits, uniforms, temperature, settings.top_k)
        if grammar is not None and position is not None:
            position = advance(grammar, position, column)
        token = jnp.where(state.finished, settings.pad_id, allowed[column])
        return _LoopState(
            step=state.step + 1,
            last=token,
            tokens=jax.lax.dynamic_update_slice(state.tokens, token[:, None], (0, state.step)),
            log_probs=state.log_probs + jnp.where(state.finished, 0.0, log_prob),
            finished=state.finished | (token == settings.end_id),
            caches=caches,
            grammar=position,
        )

    state = _initial_state(network, settings, rows, grammar)
    for end in _segment_ends(settings):
        state = _grow_caches(state, end)
        state = jax.lax.while_loop(lambda s, end=end: (s.step < end) & ~jnp.all(s.finished), body, state)
    shape = (num_prompts, num_samples)
    return SampledTokens(
        tokens=state.tokens.reshape(*shape, -1),
        log_probs=state.log_probs.reshape(shape),
        finished=state.finished.reshape(shape),
    )


def _segment_ends(settings: DecodingSettings) -> list[int]:
    ends = list(range(settings.segment, settings.max_tokens, settings.segment))
    return [*ends, settings.max_tokens]


def _initial_state(network: T5, settings: DecodingSettings, rows: int, grammar: Grammar | None) -> _LoopState:
    config = network.config
    empty = jnp.zeros((rows, config.num_heads, 0, config.d_kv), config.dtype)
    return _LoopState(
        step=jnp.zeros((), jnp.int32),
        last=jnp.full((rows,), settings.start_id, jnp.int32),
        tokens=jnp.full((rows, settings.max_tokens), settings.pad_id, jnp.int32),
        log_probs=jnp.zeros((rows,), jnp.float32),
        finished=jnp.zeros((rows,), bool),
        caches=((empty, empty),) * config.num_decoder_layers,
        grammar=None if grammar is None else initial_state(grammar, rows),
    )


def _grow_caches(state: _LoopState, length: int) -> _LoopState:
    def grow(cache: jax.Array) -> jax.Array:
        return jnp.pad(cache, ((0, 0), (0, 0), (0, length - cache.shape[2]), (0, 0)))

    return replace(state, caches=jax.tree.map(grow, state.caches))


def _decode_step(
    network: T5,
    layers: list[DecoderLayer],
    state: _LoopState,
    cross: tuple[KeysValues, ...],
    cross_bias: jax.Array,
    num_prompts: int,
) -> tuple[jax.Array, tuple[KeysValues, ...]]:
    """Run the decoder for one position: returns hidden states [R, D] and the caches with this position written."""
    num_positions = state.caches[0][0].shape[2]
    bias = network.decoder_bias(state.step, num_positions)
    x = network.embed(state.last)[:, None]  # [R, 1, D]
    caches = []
    for layer, cache, (cross_keys, cross_values) in zip(layers, state.caches, cross, strict=True):
        y = layer.attention_norm(x)
        new = layer.attention.keys_values(y)
        cache = tuple(
            jax.lax.dynamic_update_slice(c, n, (0, 0, state.step, 0)) for c, n in zip(cache, new, strict=True)
        )
        x = x + layer.attention.attend(layer.attention.queries(y), *cache, bias)
        # The samples of a prompt are queries of one row, so the prompt's keys and values are read once for all of them.
        y = layer.cross_norm(x).reshape(num_prompts, -1, x.shape[-1])
        attended = layer.cross_attention.attend(layer.cross_attention.queries(y), cross_keys, cross_values, cross_bias)
        x = x + attended.reshape(x.shape)
        x = x + layer.feed_forward(layer.feed_forward_norm(x))
        caches.append(cache)
    return network.decoder.final_norm(x)[:, 0], tuple(caches)
