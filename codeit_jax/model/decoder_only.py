"""A decoder alone as a policy: the Llama family with its relatives Mistral and Qwen2, as their checkpoints have it.

A row is the prompt, the start token, the program; the prompt is causal, too. Root-mean-square norms, rotary positions,
heads of keys and values that heads of queries share, SwiGLU, an optional window of attention, optional biases.

A prompt's keys and values are computed once, and kept once for all its samples (`grouped_mix`).

Shape letters: B rows, P prompts, R rows of samples, W slots of a prompt, L prompt length, T program length, Q queries,
C keys, H heads, G heads of keys and values, K head width, D model width, F feed-forward width, V vocabulary, N layers.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from codeit_jax.config.model_schema import ModelConfig
from codeit_jax.model.adapters import Adaptable, child_key, dropout
from codeit_jax.model.grouped_mix import mix_by_head, mix_prompts, mix_values, partial_mix, together
from codeit_jax.model.handle import ModelHandle
from codeit_jax.model.layers import MASKED, Array, Layers, Norm, normal_param, split_key, write_position
from codeit_jax.model.policy import Caches, KeysValues, PromptRows
from codeit_jax.model.rotary import Angles, angles, rotate

_ADAPTERS = 1 << 16  # places of adapters' keys, beside those that split a layer's


def num_kv_heads(config: ModelConfig) -> int:
    """Return G."""
    return config.num_kv_heads or config.num_heads


def has_input_biases(config: ModelConfig) -> bool:
    """Return whether queries, keys and values have biases."""
    return config.attention_bias or config.family == "qwen2"


class GroupedAttention(Adaptable):
    """Causal attention whose heads of keys and values serve several heads of queries each."""

    def __init__(self, config: ModelConfig, key: Array) -> None:
        d, h, g, k = config.d_model, config.num_heads, num_kv_heads(config), config.d_kv
        keys = jax.random.split(key, 4)
        self.query = normal_param(keys[0], (d, h, k), d**-0.5)  # [D, H, K]
        self.key = normal_param(keys[1], (d, g, k), d**-0.5)  # [D, G, K]
        self.value = normal_param(keys[2], (d, g, k), d**-0.5)  # [D, G, K]
        self.output = normal_param(keys[3], (h, k, d), (h * k) ** -0.5)  # [H, K, D]
        if has_input_biases(config):
            self.query_bias = nnx.Param(jnp.zeros((h, k), jnp.float32))
            self.key_bias = nnx.Param(jnp.zeros((g, k), jnp.float32))
            self.value_bias = nnx.Param(jnp.zeros((g, k), jnp.float32))
        if config.attention_bias:
            self.output_bias = nnx.Param(jnp.zeros((d,), jnp.float32))
        self.dropout = config.dropout
        self.add_adapters(config, key, {"query": 1, "key": 1, "value": 1, "output": 2})

    def heads(self, name: str, x: Array, key: Array | None = None) -> Array:
        """Project [B, Q, D] by the matrix of that name, and its bias, to heads [B, heads, Q, K]."""
        matrix = getattr(self, name)[...].astype(x.dtype)
        y = self.adapted(name, x, jnp.einsum("bqd,dhk->bqhk", x, matrix), key)
        return self._biased(name, y).swapaxes(1, 2)

    def project(self, mixed: Array, key: Array | None = None) -> Array:
        """Bring mixed values [B, H, Q, K] back to the model's width [B, Q, D]."""
        mixed = mixed.swapaxes(1, 2)
        projected = jnp.einsum("bqhk,hkd->bqd", mixed, self.output[...].astype(mixed.dtype))
        return self._biased("output", self.adapted("output", mixed, projected, key))

    def _biased(self, name: str, y: Array) -> Array:
        if not hasattr(self, f"{name}_bias"):
            return y
        return y + jnp.broadcast_to(getattr(self, f"{name}_bias")[...].astype(y.dtype), y.shape)


class SwiGlu(Adaptable):
    """The gated feed-forward layer with the activation x * sigmoid(x)."""

    def __init__(self, config: ModelConfig, key: Array) -> None:
        d, f = config.d_model, config.d_ff
        keys = jax.random.split(key, 3)
        self.inner = normal_param(keys[0], (d, f), d**-0.5)  # [D, F]
        self.gate = normal_param(keys[1], (d, f), d**-0.5)  # [D, F]
        self.outer = normal_param(keys[2], (f, d), f**-0.5)  # [F, D]
        self.has_bias = config.feed_forward_bias
        if self.has_bias:
            for name, width in (("inner", f), ("gate", f), ("outer", d)):
                setattr(self, f"{name}_bias", nnx.Param(jnp.zeros((width,), jnp.float32)))
        self.add_adapters(config, key, {"inner": 1, "gate": 1, "outer": 1})

    def __call__(self, x: Array, key: Array | None = None) -> Array:
        """Run x [B, Q, D] through the hidden width F; the key is the adapters'."""
        hidden = self._through("inner", x, key) * jax.nn.silu(self._through("gate", x, key))
        return self._through("outer", hidden, key)

    def _through(self, name: str, x: Array, key: Array | None) -> Array:
        y = self.adapted(name, x, x @ getattr(self, name)[...].astype(x.dtype), key)
        if not self.has_bias:
            return y
        return y + jnp.broadcast_to(getattr(self, f"{name}_bias")[...].astype(x.dtype), y.shape)


class CausalLayer(nnx.Module):
    """Self-attention and feed-forward, each after a norm and around a residual."""

    def __init__(self, config: ModelConfig, key: Array) -> None:
        attention_key, feed_forward_key = jax.random.split(key)
        self.attention_norm = Norm(config)
        self.attention = GroupedAttention(config, attention_key)
        self.feed_forward_norm = Norm(config)
        self.feed_forward = SwiGlu(config, feed_forward_key)
        self.dropout = config.dropout

    def inputs(self, x: Array, by: Angles, key: Array | None = None) -> tuple[Array, KeysValues]:
        """Return queries [B, H, Q, K], scaled, and keys and values [B, G, Q, K] of x [B, Q, D]."""
        attention, y = self.attention, self.attention_norm(x)
        queries = rotate(attention.heads("query", y, key), by)
        keys = rotate(attention.heads("key", y, key), by)
        return queries * queries.shape[-1] ** -0.5, (keys, attention.heads("value", y, key))

    def __call__(
        self, x: Array, by: Angles, bias: Array, key: Array | None = None, *, by_head: bool = False
    ) -> tuple[Array, KeysValues]:
        """Run whole sequences x [B, Q, D], bias [B, 1, Q, Q]; `by_head`, without dropout, is for inference.

        Returns:
            [B, Q, D], and the keys and values [B, G, Q, K].
        """
        keys, adapter_key = split_key(key, 3), child_key(key, _ADAPTERS)
        queries, (own_keys, own_values) = self.inputs(x, by, adapter_key)
        mix = mix_by_head if by_head else mix_values
        mixed = mix(queries, own_keys, own_values, bias, self.dropout, keys[0])
        x = x + dropout(self.attention.project(mixed, adapter_key), self.dropout, keys[1])
        return self.forward(x, keys[2], adapter_key), (own_keys, own_values)

    def forward(self, x: Array, key: Array | None = None, adapter_key: Array | None = None) -> Array:
        """Run x [B, Q, D] through the second half of the layer."""
        y = self.feed_forward(self.feed_forward_norm(x), child_key(adapter_key, 1))
        return x + dropout(y, self.dropout, key)


@dataclass(frozen=True, kw_only=True)
class PrefixMemory:
    """What all samples of a batch read of their prompts and none changes.

    Attributes:
        layers: the layers one by one, for each has a cache of its own.
        prefix: for each layer the prompts' keys [P, G, K, L], as the product with queries reads them, and values
            [P, G, L, K].
        mask: bool [P, L], true at real tokens.
        lengths: int32 [P], of the prompts: where their programs begin.
    """

    layers: list[CausalLayer]
    prefix: Caches
    mask: Array
    lengths: Array


class DecoderOnly(nnx.Module):
    """The network with its parameters bound; implements `PolicyNetwork`."""

    def __init__(self, config: ModelConfig, vocabulary_size: int, key: Array) -> None:
        embedding_key, layers_key, head_key = jax.random.split(key, 3)
        self.config = config
        # Small, unlike T5's: a tied head isn't scaled.
        self.embedding = normal_param(embedding_key, (vocabulary_size, config.d_model), config.d_model**-0.5)
        self.decoder = Layers(config, CausalLayer, config.num_decoder_layers, layers_key)
        if not config.tie_embeddings:
            self.head = normal_param(head_key, (vocabulary_size, config.d_model), config.d_model**-0.5)

    def program_states(self, prompts: Array, mask: Array, programs: Array, key: Array | None) -> Array:
        """Run prompts and whole programs as one row each; see `PolicyNetwork`."""
        length, target_length = prompts.shape[1], programs.shape[1]
        # A prompt's padding lies between it and its program, is masked, and counts for no position.
        first = mask.sum(axis=1, dtype=jnp.int32)[:, None]  # [B, 1]
        places = jnp.broadcast_to(jnp.arange(length)[None], prompts.shape)
        positions = jnp.concatenate([places, first + jnp.arange(target_length)[None]], axis=1)  # [B, L + T]
        is_token = jnp.concatenate([mask, jnp.ones(programs.shape, bool)], axis=1)
        tokens = jnp.concatenate([prompts, programs], axis=1)
        x, _ = self._run(tokens, positions, is_token, key, by_head=False, keep=False)
        return x[:, length:]

    def encode_prompts(self, tokens: Array, mask: Array, *, by_head: bool) -> Caches:
        """Run prompts [P, L]: for each layer keys and values [P, G, L, K]."""
        positions = jnp.broadcast_to(jnp.arange(tokens.shape[1])[None], tokens.shape)
        _, (keys, values) = self._run(tokens, positions, mask, None, by_head=by_head, keep=True)
        return tuple((keys[n], values[n]) for n in range(self.config.num_decoder_layers))

    def prompt_memory(self, encoded: Caches, mask: Array) -> PrefixMemory:
        """Turn the prompts' keys round once, rather than at each step."""
        return PrefixMemory(
            layers=self.decoder.unstacked(),
            prefix=tuple((keys.swapaxes(2, 3), values) for keys, values in encoded),
            mask=mask,
            lengths=mask.sum(axis=1, dtype=jnp.int32),
        )

    def empty_caches(self, num_rows: int) -> Caches:
        """Return caches for R rows without any position."""
        config = self.config
        empty = jnp.zeros((num_rows, num_kv_heads(config), 0, config.d_kv), config.dtype)
        return ((empty, empty),) * config.num_decoder_layers

    def decode_position(
        self, memory: PrefixMemory, step: Array, last: Array, caches: Caches, rows: PromptRows
    ) -> tuple[Array, Caches]:
        """Run one position of the program in all rows; see `PolicyNetwork`."""
        config = self.config
        position = memory.lengths + step  # [P]
        slots = jnp.broadcast_to(position[:, None], rows.by_prompt(last).shape)  # [P, W]
        by = angles(config, rows.by_row(slots)[:, None])
        to_prompt = position[:, None] - jnp.arange(memory.mask.shape[1])[None]  # [P, L], the distance of each key
        to_own = step - jnp.arange(caches[0][0].shape[2])[None]  # [1, positions]; below 0 where nothing is written yet
        x = self.embed(last)[:, None]  # [R, 1, D]
        written = []
        for number, (layer, cache, prefix) in enumerate(zip(memory.layers, caches, memory.prefix, strict=True)):
            windowed = self._windowed(number)
            queries, new = layer.inputs(x, by)
            keys, values = write_position(cache, new, step)
            own = partial_mix(queries, keys.swapaxes(2, 3), values, self._bias(to_own, to_own >= 0, windowed))
            bias = self._bias(to_prompt, memory.mask, windowed)
            mixed = together(mix_prompts(queries, prefix, bias, rows), own).astype(x.dtype)
            x = layer.forward(x + layer.attention.project(mixed))
            written.append((keys, values))
        return self.decoder.final_norm(x)[:, 0], tuple(written)

    def logits(self, hidden: Array, token_ids: Array | None = None) -> Array:
        """Score the tokens int32 [A], or all V, in float32: [..., D] -> [..., A]."""
        return self.score(hidden, self.head_rows(token_ids))

    def head_rows(self, token_ids: Array | None = None) -> Array:
        """Return the output head's rows [A, D] of the tokens int32 [A]; all [V, D] without them."""
        head = self.embedding[...] if self.config.tie_embeddings else self.head[...]
        return head if token_ids is None else head[token_ids]

    def score(self, hidden: Array, head_rows: Array) -> Array:
        """Score the tokens of these rows of the head: [..., D], [A, D] -> float32 [..., A]."""
        # Sums and logits in float32: rounded to bfloat16, many of V tokens would have one score.
        return jnp.einsum("...d,vd->...v", hidden, head_rows.astype(hidden.dtype), preferred_element_type=jnp.float32)

    def embed(self, tokens: Array) -> Array:
        """Look tokens up: int32 [...] -> [..., D] in the computation's dtype."""
        return self.embedding[...][tokens].astype(self.config.dtype)

    def _run(
        self, tokens: Array, positions: Array, is_token: Array, key: Array | None, *, by_head: bool, keep: bool
    ) -> tuple[Array, Any]:
        """Run sequences [B, Q], causally; with `keep`, also return all layers' keys and values [N, B, G, Q, K]."""
        before, inside = split_key(key, 2)
        places = np.arange(tokens.shape[1])
        seen = is_token[:, None, :] & (places[:, None] >= places[None, :])[None]  # [B, Q, Q]
        distance = positions[:, :, None] - positions[:, None, :]  # [B, Q, Q]
        kinds = [self._windowed(number) for number in range(self.config.num_decoder_layers)]
        biases = {kind: self._bias(distance, seen, kind)[:, 0] for kind in set(kinds)}  # [B, 1, Q, Q] each
        by = angles(self.config, positions)

        def call(layer: CausalLayer, x: Array, own: tuple[Array, Array | None]) -> tuple[Array, KeysValues | None]:
            windowed, layer_key = own
            # The layers of a scan are one computation: which kind a layer is of is a number there.
            bias = biases[kinds[0]] if len(biases) == 1 else jnp.where(windowed, biases[True], biases[False])
            x, kept = layer(x, by, bias, layer_key, by_head=by_head)
            return x, kept if keep else None

        x = dropout(self.embed(tokens), self.config.dropout, before)
        x, kept = self.decoder.run(call, x, (jnp.array(kinds), self.decoder.keys(inside)))
        return self.decoder.final_norm(x), kept

    def _windowed(self, layer: int) -> bool:
        return self.config.sliding_window is not None and layer >= self.config.num_full_layers

    def _bias(self, distance: Array, seen: Array, windowed: bool) -> Array:
        """Return 0 where a key is seen and near enough, else a large negative number: [B, ...] -> [B, 1, 1, ...]."""
        window = self.config.sliding_window
        if windowed and window is not None:
            seen = seen & (distance < window)
        return jnp.where(seen, 0.0, MASKED)[:, None, None]


@dataclass(frozen=True)
class DecoderOnlyModel(ModelHandle[DecoderOnly]):
    """A decoder alone, without its parameters."""

    network: ClassVar[type[DecoderOnly]] = DecoderOnly

    def multiplications(self, prompt_length: Any, program_length: Any) -> Any:
        """Count the multiplications of matrix products in a forward pass over one row; see `PolicyModel`."""
        config = self.config
        length = 1.0 * prompt_length + program_length
        heads, kv_heads = config.num_heads * config.d_kv, num_kv_heads(config) * config.d_kv
        projections = 2 * config.d_model * (heads + kv_heads)
        feed_forward = 3 * config.d_model * config.d_ff
        layer = length * (projections + feed_forward) + 2 * length * length * heads
        return config.num_decoder_layers * layer + program_length * config.d_model * self.vocabulary_size
