"""The jitted sampling loop: encode each prompt once, then draw all its samples token by token.

Shape letters: P prompts, S samples of a prompt, R rows (P * S, fewer when packed), L prompt length, T program
length, A allowed tokens, G groups: the devices' parts of the batch, H heads, K head width.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from codeit_jax.model import PolicyModel, PolicyNetwork
from codeit_jax.model.layers import MASKED
from codeit_jax.model.policy import Caches
from codeit_jax.sampling.automaton import Automaton
from codeit_jax.sampling.encoding import EncoderParts, encode
from codeit_jax.sampling.methods import draw, step_uniforms
from codeit_jax.sampling.output_head import SamplingPolicy
from codeit_jax.sampling.packing import (
    CompactionSize,
    Packing,
    SlottedRows,
    compaction_sizes,
    fits,
    pack,
    put_back,
    take,
)


@dataclass(frozen=True, kw_only=True)
class DecodingSettings:
    """What is fixed when the loop is compiled.

    Attributes:
        max_tokens: program length T, end token included.
        segment: first length of the self-attention cache; it doubles when it is full, so that short programs never
            read a long cache.
        smallest_compaction: unfinished rows are packed together down to this number (of a group).
        top_k: draw among the k best tokens; 0 is off.
        start_id, end_id, pad_id: special tokens.
        num_groups: G, over how many devices prompts are split.
        encoder_parts: how much of the encoder's attention is computed at once.
    """

    max_tokens: int
    segment: int
    smallest_compaction: int
    top_k: int
    start_id: int
    end_id: int
    pad_id: int
    num_groups: int = 1
    encoder_parts: EncoderParts = EncoderParts()


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
    data_fields=("last", "tokens", "log_probs", "finished", "caches", "automaton"),
    meta_fields=(),
)
@dataclass(frozen=True, kw_only=True)
class _Rows:
    last: jax.Array  # int32 [R]
    tokens: jax.Array  # int32 [R, T]
    log_probs: jax.Array  # float32 [R]
    finished: jax.Array  # bool [R]
    caches: Caches
    automaton: Any  # the automaton's state; None when every token is allowed everywhere


_State = tuple[jax.Array, _Rows]  # tokens drawn so far, and the rows


@partial(jax.jit, static_argnames=("model", "settings"))
def sample_tokens(
    model: PolicyModel,
    settings: DecodingSettings,
    policy: SamplingPolicy,
    prompt_tokens: jax.Array,
    prompt_mask: jax.Array,
    keys: jax.Array,
    temperature: jax.Array,
    automaton: Automaton | None = None,
) -> SampledTokens:
    """Draw S programs for each prompt.

    Compiles once for each model, settings and shapes; nothing is donated.

    Args:
        model, settings: static.
        policy: parameters, and the tokens that may be drawn.
        prompt_tokens: int32 [P, L].
        prompt_mask: bool [P, L]; a prompt without any token fills up the batch and gets no samples.
        keys: a JAX key for each sample [P, S]; consumed. A sample depends on its own key and prompt only.
        temperature: scalar.
        automaton: which of the tokens may come next, where; None lets all come everywhere.
    """
    network = model.bind(policy.params)
    num_prompts, num_samples = keys.shape
    of_group = num_prompts // settings.num_groups
    rows_of_group = of_group * num_samples
    prompts = jnp.arange(rows_of_group, dtype=jnp.int32) // num_samples  # [R / G], counted in their group
    encoded = encode(network, settings.encoder_parts, prompt_tokens, prompt_mask, settings.num_groups)
    loop = _Loop(
        settings=settings,
        policy=policy,
        automaton=automaton,
        network=network,
        memory=network.prompt_memory(encoded, prompt_mask),
        temperature=temperature,
        prompts_of_group=of_group,
    )
    whole = _RowSet(
        keys=keys.reshape(-1),
        prompts=jnp.broadcast_to(prompts, (settings.num_groups, rows_of_group)),
        packing=None,
    )
    lengths = _cache_lengths(settings)
    # Short programs end too soon for packing to pay: with one cache length there is one loop to compile.
    sizes = compaction_sizes(of_group, num_samples, settings.smallest_compaction) if len(lengths) > 1 else []
    step = jnp.zeros((), jnp.int32)
    # A filler prompt's rows are finished before the first token, so they never keep the loop running.
    is_filler = jnp.repeat(~prompt_mask.any(axis=1), num_samples)
    rows = _first_rows(network, settings, is_filler, automaton)
    # One loop for each cache length, since its shape is static.
    for end in lengths:
        step, rows = loop.run(whole, sizes, end, (step, _grow_caches(rows, end)))
    return SampledTokens(
        tokens=rows.tokens.reshape(*keys.shape, -1),
        log_probs=rows.log_probs.reshape(keys.shape),
        finished=rows.finished.reshape(keys.shape),
    )


@dataclass(frozen=True, kw_only=True)
class _RowSet:
    """The rows that a loop runs on: all, or those that are packed."""

    keys: jax.Array  # [R]
    prompts: jax.Array  # int32 [G, R / G], the rows' prompts, counted in their group
    packing: Packing | None  # None where all rows are there


@dataclass(frozen=True, kw_only=True)
class _Loop:
    """The loop's constants, and its pieces: all tokens that a cache has room for, and one token."""

    settings: DecodingSettings
    policy: SamplingPolicy
    automaton: Automaton | None
    network: PolicyNetwork
    memory: Any  # of the prompts, as the network keeps them
    temperature: jax.Array
    prompts_of_group: int

    def run(self, row_set: _RowSet, sizes: Sequence[CompactionSize], end: int, state: _State) -> _State:
        """Draw tokens until the cache is full or all rows are finished, packing them on the way."""
        below = sizes[0] if sizes else None
        state = jax.lax.while_loop(partial(self._continues, row_set, end, below), partial(self._draw, row_set), state)
        if below is None:
            return state

        def run_packed(state: _State) -> _State:
            step, rows = state
            packing = pack(~rows.finished.reshape(row_set.prompts.shape), row_set.prompts, self.prompts_of_group, below)
            packed_set = _RowSet(keys=take(row_set.keys, packing.index), prompts=packing.prompts, packing=packing)
            step, packed = self.run(packed_set, sizes[1:], end, (step, take(rows, packing.index)))
            return step, self._put_back(rows, packing, packed, end)

        # A loop that runs once at most: a conditional would copy the caches even where it does nothing.
        return jax.lax.while_loop(partial(self._continues, row_set, end, None), run_packed, state)

    def _put_back(self, rows: _Rows, packing: Packing, packed: _Rows, end: int) -> _Rows:
        caches = rows.caches
        last = end == self.settings.max_tokens
        if last:  # the caches have served
            rows, packed = replace(rows, caches=()), replace(packed, caches=())
        whole: _Rows = put_back(rows, packing.index, packed)
        return replace(whole, caches=caches) if last else whole

    def _continues(self, row_set: _RowSet, end: int, below: CompactionSize | None, state: _State) -> jax.Array:
        step, rows = state
        unfinished = ~rows.finished.reshape(row_set.prompts.shape)
        return (step < end) & ~fits(unfinished, row_set.prompts, self.prompts_of_group, below)

    def _draw(self, row_set: _RowSet, state: _State) -> _State:
        """Draw one token for each row."""
        step, rows = state
        num_prompts = len(row_set.prompts) * self.prompts_of_group
        slotted = SlottedRows(num_prompts=num_prompts, packing=row_set.packing)
        hidden, caches = self.network.decode_position(self.memory, step, rows.last, rows.caches, slotted)  # [R, D]
        logits, position = self.network.score(hidden, self._head), rows.automaton
        # [R, A]; what the automaton excludes gets weight 0 in the draw and in the log-probability.
        if self.automaton is not None:
            logits = jnp.where(self.automaton.allowed(position), logits, MASKED)
        column, log_prob = draw(logits, step_uniforms(row_set.keys, step), self.temperature, self.settings.top_k)
        if self.automaton is not None:
            position = self.automaton.advance(position, column)
        # Finished rows are computed along, for shapes are static; what they draw is thrown away here.
        token = jnp.where(rows.finished, self.settings.pad_id, self.policy.tokens(column))
        return step + 1, _Rows(
            last=token,
            tokens=jax.lax.dynamic_update_slice(rows.tokens, token[:, None], (0, step)),
            log_probs=rows.log_probs + jnp.where(rows.finished, 0.0, log_prob),
            finished=rows.finished | (token == self.settings.end_id),
            caches=caches,
            automaton=position,
        )

    @property
    def _head(self) -> jax.Array:
        return self.network.head_rows() if self.policy.head is None else self.policy.head


def _cache_lengths(settings: DecodingSettings) -> list[int]:
    lengths = [min(settings.segment, settings.max_tokens)]
    while lengths[-1] < settings.max_tokens:
        lengths.append(min(2 * lengths[-1], settings.max_tokens))
    return lengths


def _first_rows(
    network: PolicyNetwork, settings: DecodingSettings, finished: jax.Array, automaton: Automaton | None
) -> _Rows:
    num_rows = len(finished)
    return _Rows(
        last=jnp.full((num_rows,), settings.start_id, jnp.int32),
        tokens=jnp.full((num_rows, settings.max_tokens), settings.pad_id, jnp.int32),
        log_probs=jnp.zeros((num_rows,), jnp.float32),
        finished=finished,
        caches=network.empty_caches(num_rows),
        automaton=None if automaton is None else automaton.start(num_rows),
    )


def _grow_caches(rows: _Rows, length: int) -> _Rows:
    def grow(cache: jax.Array) -> jax.Array:
        return jnp.pad(cache, ((0, 0), (0, 0), (0, length - cache.shape[2]), (0, 0)))

    return replace(rows, caches=jax.tree.map(grow, rows.caches))
