"""T5, the policy network: an encoder over the prompt, a decoder over the program.

Shape letters: B rows, L encoder length, T decoder length, Q query length, H heads, K head width, D model width, V
vocabulary, A tokens that are scored, R rows of samples, P their prompts, W slots of a prompt.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from codeit_jax.config.model_schema import ModelConfig
from codeit_jax.model.adapters import dropout
from codeit_jax.model.handle import ModelHandle
from codeit_jax.model.layers import MASKED, Array, Attention, DecoderLayer, EncoderLayer, Stack, write_position
from codeit_jax.model.policy import Caches, KeysValues, PromptRows


@dataclass(frozen=True, kw_only=True)
class PromptMemory:
    """What all rows of a batch of samples read and none changes.

    Attributes:
        layers: the decoder's layers one by one, for each has a cache of its own.
        cross: for each layer the prompts' keys [P, H, K, L], as the product with queries reads them, and values
            [P, H, L, K].
        cross_bias: [P, 1, 1, L], masks padding.
    """

    layers: list[DecoderLayer]
    cross: Caches
    cross_bias: Array


class T5(nnx.Module):
    """The network with its parameters bound."""

    def __init__(self, config: ModelConfig, vocabulary_size: int, key: Array) -> None:
        embedding_key, encoder_key, decoder_key, head_key = jax.random.split(key, 4)
        self.config = config
        # Owned once, here, for both stacks and a tied head: NNX silently drops the entry of a second owner.
        self.embedding = nnx.Param(jax.random.normal(embedding_key, (vocabulary_size, config.d_model), jnp.float32))
        self.encoder = Stack(config, EncoderLayer, config.num_encoder_layers, encoder_key)
        self.decoder = Stack(config, DecoderLayer, config.num_decoder_layers, decoder_key)
        if not config.tie_embeddings:
            scale = config.d_model**-0.5
            # [V, D] like the embedding, so that one path serves both kinds of head.
            self.head = nnx.Param(jax.random.normal(head_key, (vocabulary_size, config.d_model), jnp.float32) * scale)

    def encode(self, tokens: Array, mask: Array, key: Array | None = None, *, by_head: bool = False) -> Array:
        """Run the encoder.

        Args:
            tokens: int32 [B, L].
            mask: bool [B, L], true at real tokens.
            key: dropout key; consumed. Without it there is no dropout.
            by_head: attend with one head after another, without dropout of attention's weights: less memory, and
                faster where one head's scores fit into a cache.

        Returns:
            [B, L, D].
        """
        positions = np.arange(tokens.shape[1])  # NumPy: buckets are constants of the compiled program
        bias = self._position_bias(self.encoder, positions, positions, bidirectional=True)  # [1, H, L, L]
        return self._run(self.encoder, tokens, key, (bias, mask_bias(mask)), by_head)

    def decode(self, tokens: Array, encoded: Array, mask: Array, key: Array | None = None) -> Array:
        """Run the decoder over whole sequences (teacher forcing).

        Args:
            tokens: decoder inputs, int32 [B, T], beginning with the start token.
            encoded: [B, L, D].
            mask: bool [B, L] of the encoder's tokens.
            key: dropout key; consumed.

        Returns:
            Hidden states [B, T, D], to be given to `logits`.
        """
        positions = np.arange(tokens.shape[1])
        bias = self._position_bias(self.decoder, positions, positions, bidirectional=False)  # [1, H, T, T]
        # Causality goes into the position bias: T is short, so their sum is small.
        bias = bias + jnp.where(positions[:, None] >= positions[None, :], 0.0, MASKED)[None, None]
        return self._run(self.decoder, tokens, key, (bias,), encoded, mask_bias(mask))

    def program_states(self, prompts: Array, mask: Array, programs: Array, key: Array | None) -> Array:
        """Run prompts and whole programs; see `PolicyNetwork`."""
        encoder_key, decoder_key = (None, None) if key is None else jax.random.split(key)
        return self.decode(programs, self.encode(prompts, mask, encoder_key), mask, decoder_key)

    def encode_prompts(self, tokens: Array, mask: Array, *, by_head: bool) -> Array:
        """Run the encoder over prompts [P, L]: [P, L, D]."""
        return self.encode(tokens, mask, by_head=by_head)

    def prompt_memory(self, encoded: Array, mask: Array) -> PromptMemory:
        """Project the encoded prompts [P, L, D] once for all their samples and all steps."""
        # Unstacked: in a scan all layers' caches would be one array, of which each layer reads and writes a part.
        layers = self.decoder.unstacked()
        cross = [layer.cross_attention.keys_values(encoded) for layer in layers]
        # Keys are kept as `mix` multiplies with them, [K, L]: turned once here rather than at each step.
        return PromptMemory(
            layers=layers,
            cross=tuple((keys.swapaxes(2, 3), values) for keys, values in cross),
            cross_bias=mask_bias(mask),
        )

    def empty_caches(self, num_rows: int) -> Caches:
        """Return caches for R rows without any position."""
        empty = jnp.zeros((num_rows, self.config.num_heads, 0, self.config.d_kv), self.config.dtype)
        return ((empty, empty),) * self.config.num_decoder_layers

    def decode_position(
        self, memory: PromptMemory, step: Array, last: Array, caches: Caches, rows: PromptRows
    ) -> tuple[Array, Caches]:
        """Run one position of the decoder in all rows; see `PolicyNetwork`."""
        bias = self.decoder_bias(step, caches[0][0].shape[2])  # [1, H, 1, positions]
        x = self.embed(last)[:, None]  # [R, 1, D]
        written = []
        for layer, cache, cross in zip(memory.layers, caches, memory.cross, strict=True):
            y = layer.attention_norm(x)
            keys, values = write_position(cache, layer.attention.keys_values(y), step)
            x = x + layer.attention.attend(layer.attention.queries(y), keys, values, (bias,))
            x = x + _attend_prompts(layer.cross_attention, layer.cross_norm(x), cross, memory.cross_bias, rows)
            x = x + layer.feed_forward(layer.feed_forward_norm(x))
            written.append((keys, values))
        return self.decoder.final_norm(x)[:, 0], tuple(written)

    def logits(self, hidden: Array, token_ids: Array | None = None) -> Array:
        """Score tokens in float32.

        Args:
            hidden: [..., D].
            token_ids: int32 [A], the tokens to score; all V without it.

        Returns:
            float32 [..., A] or [..., V].
        """
        return self.score(hidden, self.head_rows(token_ids))

    def head_rows(self, token_ids: Array | None = None) -> Array:
        """Return the output head's rows [A, D] of the tokens int32 [A]; all [V, D] without them."""
        head = self.embedding[...] if self.config.tie_embeddings else self.head[...]
        return head if token_ids is None else head[token_ids]

    def score(self, hidden: Array, head_rows: Array) -> Array:
        """Score the tokens of these rows of the head: [..., D], [A, D] -> float32 [..., A]."""
        if self.config.tie_embeddings:
            # Embeddings are drawn with variance 1, a head with variance 1 / D: a tied head is brought to the latter.
            hidden = hidden * self.config.d_model**-0.5
        head_rows = head_rows.astype(hidden.dtype)
        # Sums and logits in float32: rounded to bfloat16, many of V tokens would have one score.
        return jnp.einsum("...d,vd->...v", hidden, head_rows, preferred_element_type=jnp.float32)

    def embed(self, tokens: Array) -> Array:
        """Look tokens up: int32 [...] -> [..., D] in the computation's dtype."""
        return self.embedding[...][tokens].astype(self.config.dtype)

    def decoder_bias(self, query_position: Array, num_keys: int) -> Array:
        """Return the position bias of one step: scalar position -> [1, H, 1, num_keys], keys after it masked."""
        # A causal bucket depends on the distance alone, so one table over distances serves every step.
        distances = self._buckets(np.zeros(1, int), -np.arange(num_keys), bidirectional=False)[0]  # [num_keys]
        positions = jnp.arange(num_keys)
        distance = query_position - positions  # below 0 for keys of a cache that aren't written yet
        bias = self.decoder.relative_bias[...][jnp.asarray(distances)[jnp.maximum(distance, 0)]].astype(jnp.float32).T
        return jnp.where((distance >= 0)[None, :], bias, MASKED)[None, :, None, :]

    def _run(self, stack: Stack[Any], tokens: Array, key: Array | None, *arguments: Any) -> Array:
        before, inside, after = [None] * 3 if key is None else jax.random.split(key, 3)
        x = dropout(self.embed(tokens), self.config.dropout, before)
        return dropout(stack.scan(x, inside, *arguments), self.config.dropout, after)

    def _position_bias(self, stack: Stack[Any], queries: np.ndarray, keys: np.ndarray, *, bidirectional: bool) -> Array:
        """Return [1, H, Q, L] in float32."""
        buckets = self._buckets(queries, keys, bidirectional=bidirectional)  # [Q, L]
        return jnp.moveaxis(stack.relative_bias[...][buckets].astype(jnp.float32), -1, 0)[None]

    def _buckets(self, queries: np.ndarray, keys: np.ndarray, *, bidirectional: bool) -> np.ndarray:
        config = self.config
        return relative_buckets(
            queries, keys, bidirectional=bidirectional, num_buckets=config.num_buckets, max_distance=config.max_distance
        )


def _attend_prompts(attention: Attention, x: Array, cross: KeysValues, bias: Array, rows: PromptRows) -> Array:
    """Attend from the rows [R, 1, D] to their prompts: a prompt's keys and values are read once for all its rows."""
    keys, values = cross
    queries = rows.by_prompt(attention.queries(x)[:, 0])  # [P, W, H, K]
    mixed = attention.mix(queries, keys.swapaxes(2, 3), values, (bias,))  # [P, W, H, K]
    return attention.project(rows.by_row(mixed)[:, None])


def mask_bias(mask: Array) -> Array:
    """Turn a mask bool [B, L] into an additive bias [B, 1, 1, L]."""
    return jnp.where(mask, 0.0, MASKED)[:, None, None, :]


def relative_buckets(
    query_positions: np.ndarray, key_positions: np.ndarray, *, bidirectional: bool, num_buckets: int, max_distance: int
) -> np.ndarray:
    """Return the bucket of every (query, key) pair, by T5's relative positions (Raffel et al., 2020, section 2.1).

    Half of the buckets hold one distance each, the rest grow logarithmically up to `max_distance`; a bidirectional
    stack spends half of all buckets on keys that come after the query. The logarithm is taken in float32, as in the
    published checkpoints' training code: a float64 logarithm puts some distances into the neighboring bucket.

    Args:
        query_positions: int [Q].
        key_positions: int [K].

    Returns:
        int32 [Q, K].
    """
    distance = np.asarray(key_positions)[None, :] - np.asarray(query_positions)[:, None]  # [Q, K]
    offset = np.zeros_like(distance)
    if bidirectional:
        num_buckets //= 2
        offset = np.where(distance > 0, num_buckets, 0)
        distance = np.abs(distance)
    else:
        distance = np.maximum(-distance, 0)  # a causal stack never looks at later keys: they share bucket 0
    exact = num_buckets // 2
    # All in float32, also the constants: a float64 among them would promote the quotient.
    ratio = np.log(np.maximum(distance, 1).astype(np.float32) / np.float32(exact)) / np.float32(
        np.log(max_distance / exact)
    )
    logarithmic = exact + (ratio * np.float32(num_buckets - exact)).astype(np.int32)
    bucket = np.where(distance < exact, distance, np.minimum(logarithmic, num_buckets - 1))
    return np.asarray(offset + bucket, np.int32)


@dataclass(frozen=True)
class T5Model(ModelHandle[T5]):
    """T5 without its parameters."""

    network: ClassVar[type[T5]] = T5

    def multiplications(self, prompt_length: Any, program_length: Any) -> Any:
        """Count the multiplications of matrix products in a forward pass over one row; see `PolicyModel`."""
        config = self.config
        length, target_length = 1.0 * prompt_length, 1.0 * program_length
        heads = config.num_heads * config.d_kv
        projection = config.d_model * heads  # of one position, by one of the four matrices
        feed_forward = (3 if config.feed_forward == "gated-gelu" else 2) * config.d_model * config.d_ff

        def attention(queries: Any, keys: Any) -> Any:
            # Scores and weighted values; query and output projections; key and value projections.
            return 2 * queries * keys * heads + 2 * queries * projection + 2 * keys * projection

        encoder = attention(length, length) + length * feed_forward
        decoder = attention(target_length, target_length) + attention(target_length, length)
        decoder = decoder + target_length * feed_forward
        head = target_length * config.d_model * self.vocabulary_size
        return config.num_encoder_layers * encoder + config.num_decoder_layers * decoder + head
