"""The layers of T5 as Flax NNX modules: parameters and arithmetic, nothing else.

A module describes one layer; `Stack` holds the parameters of all layers of a stack on a leading axis and runs them with
`jax.lax.scan`, so that neither compile time nor the number of arrays in a checkpoint grows with depth.

NNX is notation here: modules name parameters, and nothing of `nnx.jit`, `nnx.Rngs` or its optimizers is used. Outside,
parameters are a nested dict under plain `jax.jit`; on six small blocks a step took 10 ms so, 51 ms under `nnx.jit`.

Shape letters: B rows, Q query length, L key length, H heads, K head width, D model width, F feed-forward width,
N layers, V vocabulary.
"""

import operator
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

import jax
import jax.numpy as jnp
from flax import nnx

from codeit_jax.config.schema import ModelConfig

Array = jax.Array
Biases = tuple[Array, ...]
MASKED = -1e9  # finite, so that a row without any key gives a mean instead of NaN


def _normal(key: Array, shape: tuple[int, ...], stddev: float) -> nnx.Param[Array]:
    return nnx.Param(jax.random.normal(key, shape, jnp.float32) * stddev)


def dropout(x: Array, rate: float, key: Array | None) -> Array:
    """Zero elements with probability `rate` and rescale the rest; the identity without a key."""
    if key is None or rate == 0.0:
        return x
    keep = jax.random.bernoulli(key, 1.0 - rate, x.shape)
    # The zero has the dtype of x, lest a float32 constant promote activations in bfloat16.
    return jnp.where(keep, x / (1.0 - rate), jnp.zeros((), x.dtype))


class Norm(nnx.Module):
    """Root-mean-square normalization without bias, computed in float32."""

    def __init__(self, config: ModelConfig) -> None:
        self.scale = nnx.Param(jnp.ones((config.d_model,), jnp.float32))  # [D]
        self.epsilon = config.norm_epsilon

    def __call__(self, x: Array) -> Array:
        """Normalize x [..., D]."""
        # bfloat16 has 8 bits, too few to add D squares in.
        y = x.astype(jnp.float32)  # [..., D]
        y = y * jax.lax.rsqrt(jnp.mean(jnp.square(y), axis=-1, keepdims=True) + self.epsilon)
        return (y * jnp.broadcast_to(self.scale[...], y.shape)).astype(x.dtype)


class Attention(nnx.Module):
    """Multi-head attention without scaling by the head width: T5 folds it into the initialization."""

    def __init__(self, config: ModelConfig, key: Array) -> None:
        d, h, k = config.d_model, config.num_heads, config.d_kv
        keys = jax.random.split(key, 4)
        # The factor K ** -0.5 that other transformers put on the scores is in the queries' initial weights instead.
        self.query = _normal(keys[0], (d, h, k), (d * k) ** -0.5)  # [D, H, K]
        self.key = _normal(keys[1], (d, h, k), d**-0.5)  # [D, H, K]
        self.value = _normal(keys[2], (d, h, k), d**-0.5)  # [D, H, K]
        self.output = _normal(keys[3], (h, k, d), (h * k) ** -0.5)  # [H, K, D]
        self.dropout = config.dropout

    def queries(self, x: Array) -> Array:
        """Project [..., D] to queries [..., H, K]."""
        return jnp.einsum("...d,dhk->...hk", x, self.query[...].astype(x.dtype))

    def keys_values(self, x: Array) -> tuple[Array, Array]:
        """Project [B, L, D] to keys and values [B, H, L, K]: head-major, to read caches without a transpose."""
        keys = jnp.einsum("bld,dhk->blhk", x, self.key[...].astype(x.dtype))  # [B, L, H, K]
        values = jnp.einsum("bld,dhk->blhk", x, self.value[...].astype(x.dtype))  # [B, L, H, K]
        # A product written head-major at once has XLA's CPU code turn the weights round at every call.
        return keys.swapaxes(1, 2), values.swapaxes(1, 2)

    def attend(
        self, queries: Array, keys: Array, values: Array, biases: Biases, dropout_key: Array | None = None
    ) -> Array:
        """Mix values by the softmax of queries times keys plus biases, and project back: `project` of `mix`."""
        return self.project(self.mix(queries, keys, values, biases, dropout_key))

    def attend_by_head(self, queries: Array, keys: Array, values: Array, biases: Biases) -> Array:
        """Do what `attend` does without dropout, one head after another: only one head's scores exist at a time.

        A CPU is fastest with scores that stay in its caches, where all of [B, H, Q, L] rarely fit.
        """

        def mix_head(head: Array) -> Array:
            # A bias for all heads, such as the mask, has an axis of 1 there.
            of_head = partial(jax.lax.dynamic_slice_in_dim, start_index=head, slice_size=1)
            own_biases = tuple(bias if bias.shape[1] == 1 else of_head(bias, axis=1) for bias in biases)
            mixed = self.mix(of_head(queries, axis=2), of_head(keys, axis=1), of_head(values, axis=1), own_biases)
            return mixed[:, :, 0]  # [B, Q, K]

        # `map` is a loop: `vmap` would bring all heads' scores back.
        return self.project(jnp.moveaxis(jax.lax.map(mix_head, jnp.arange(queries.shape[2])), 0, 2))

    def mix(
        self, queries: Array, keys: Array, values: Array, biases: Biases, dropout_key: Array | None = None
    ) -> Array:
        """Mix values by the softmax of queries times keys plus biases.

        Args:
            queries: [B, Q, H, K].
            keys: [B, H, L, K]. Rows that share their keys, as a prompt's samples do in cross-attention, are queries
                of one row.
            values: [B, H, L, K].
            biases: each broadcastable to [B, H, Q, L]: relative position bias, mask. They come apart because their
                sum would be as large as the scores.

        Returns:
            [B, Q, H, K].
        """
        # Both products head-major, [Q, K] x [K, L] and [Q, L] x [L, K]: einsum would order the second one so that XLA's
        # CPU code takes several times as long.
        scores = (queries.swapaxes(1, 2) @ keys.swapaxes(2, 3)).astype(jnp.float32)  # [B, H, Q, L]
        # The softmax is in float32 whatever the dtype: bfloat16 has too few bits to add L weights up.
        weights = jax.nn.softmax(sum(biases, scores), axis=-1).astype(values.dtype)
        weights = dropout(weights, self.dropout, dropout_key)
        return (weights @ values).swapaxes(1, 2)

    def project(self, mixed: Array) -> Array:
        """Bring mixed values [..., H, K] back to the model's width [..., D]."""
        return jnp.einsum("...hk,hkd->...d", mixed, self.output[...].astype(mixed.dtype))


class FeedForward(nnx.Module):
    """relu (T5 1.0) or gated gelu (T5 1.1)."""

    def __init__(self, config: ModelConfig, key: Array) -> None:
        d, f = config.d_model, config.d_ff
        keys = jax.random.split(key, 3)
        self.inner = _normal(keys[0], (d, f), d**-0.5)  # [D, F]
        if config.feed_forward == "gated-gelu":
            self.gate = _normal(keys[1], (d, f), d**-0.5)  # [D, F]
        self.outer = _normal(keys[2], (f, d), f**-0.5)  # [F, D]
        self.gated = config.feed_forward == "gated-gelu"
        self.dropout = config.dropout

    def __call__(self, x: Array, dropout_key: Array | None = None) -> Array:
        """Run x [..., D] through the hidden width F."""
        hidden = x @ self.inner[...].astype(x.dtype)  # [..., F]
        if self.gated:
            # T5 1.1's gelu is the approximation by tanh; the exact one differs by up to 5e-4.
            hidden = hidden * jax.nn.gelu(x @ self.gate[...].astype(x.dtype), approximate=True)
        else:
            hidden = jax.nn.relu(hidden)
        return dropout(hidden, self.dropout, dropout_key) @ self.outer[...].astype(x.dtype)


class EncoderLayer(nnx.Module):
    """Self-attention and feed-forward, each after a norm and around a residual."""

    def __init__(self, config: ModelConfig, key: Array) -> None:
        attention_key, feed_forward_key = jax.random.split(key)
        self.attention_norm = Norm(config)
        self.attention = Attention(config, attention_key)
        self.feed_forward_norm = Norm(config)
        self.feed_forward = FeedForward(config, feed_forward_key)
        self.dropout = config.dropout

    def __call__(self, x: Array, biases: Biases, by_head: bool, key: Array | None = None) -> Array:
        """Run x [B, L, D]; `by_head`, see `T5.encode`, is for inference."""
        keys = _split(key, 4)
        y = self.attention_norm(x)  # [B, L, D]
        parts = self.attention.queries(y), *self.attention.keys_values(y), biases
        attended = self.attention.attend_by_head(*parts) if by_head else self.attention.attend(*parts, keys[0])
        x = x + dropout(attended, self.dropout, keys[1])
        return x + dropout(self.feed_forward(self.feed_forward_norm(x), keys[2]), self.dropout, keys[3])


class DecoderLayer(nnx.Module):
    """Causal self-attention, attention to the encoder, feed-forward."""

    def __init__(self, config: ModelConfig, key: Array) -> None:
        attention_key, cross_key, feed_forward_key = jax.random.split(key, 3)
        self.attention_norm = Norm(config)
        self.attention = Attention(config, attention_key)
        self.cross_norm = Norm(config)
        self.cross_attention = Attention(config, cross_key)
        self.feed_forward_norm = Norm(config)
        self.feed_forward = FeedForward(config, feed_forward_key)
        self.dropout = config.dropout

    def __call__(self, x: Array, biases: Biases, encoded: Array, cross_bias: Array, key: Array | None = None) -> Array:
        """Run whole target sequences, as training does: x [B, Q, D], encoded [B, L, D]."""
        keys = _split(key, 6)
        y = self.attention_norm(x)
        attended = self.attention.attend(self.attention.queries(y), *self.attention.keys_values(y), biases, keys[0])
        x = x + dropout(attended, self.dropout, keys[1])
        cross = self.cross_attention
        attended = cross.attend(cross.queries(self.cross_norm(x)), *cross.keys_values(encoded), (cross_bias,), keys[2])
        x = x + dropout(attended, self.dropout, keys[3])
        return x + dropout(self.feed_forward(self.feed_forward_norm(x), keys[4]), self.dropout, keys[5])


Layer = TypeVar("Layer", EncoderLayer, DecoderLayer)


class Stack(nnx.Module, Generic[Layer]):
    """N equal layers with their parameters on a leading axis, and what the stack owns once."""

    def __init__(
        self, config: ModelConfig, make_layer: Callable[[ModelConfig, Array], Layer], num_layers: int, key: Array
    ) -> None:
        layers_key, bias_key = jax.random.split(key)
        # One layer's structure serves all; only its arrays get a leading axis of N.
        graph = nnx.graphdef(nnx.eval_shape(lambda: make_layer(config, layers_key)))
        states = jax.vmap(lambda k: nnx.state(make_layer(config, k)))(jax.random.split(layers_key, num_layers))
        self.layers = nnx.merge(graph, states)
        # T5 has one table of position biases a stack, not one a layer.
        self.relative_bias = _normal(bias_key, (config.num_buckets, config.num_heads), config.d_model**-0.5)
        self.final_norm = Norm(config)
        self.num_layers = num_layers
        self.scan_layers = config.scan_layers
        self.remat = config.remat

    def scan(self, x: Array, key: Array | None, *arguments: Any) -> Array:
        """Run x through all layers, each with the same further arguments and its own child of the dropout key."""
        graph, states = nnx.split(self.layers)
        keys = None if key is None else jax.random.split(key, self.num_layers)  # [N]

        def run_layer(x: Array, layer: tuple[nnx.State[Any, Any], Array | None]) -> tuple[Array, None]:
            state, layer_key = layer
            return nnx.merge(graph, state)(x, *arguments, layer_key), None

        if self.remat != "none":
            # Attention's scores have a batch dimension, so `dots` recomputes them: nothing of size Q x L is kept.
            policy = jax.checkpoint_policies.dots_with_no_batch_dims_saveable if self.remat == "dots" else None
            # Out of a loop the compiler would merge the second computation with the first.
            run_layer = jax.checkpoint(run_layer, policy=policy, prevent_cse=not self.scan_layers)
        x, _ = jax.lax.scan(run_layer, x, (states, keys), unroll=1 if self.scan_layers else self.num_layers)
        return self.final_norm(x)

    def unstacked(self) -> list[Layer]:
        """Return the layers one by one, for a loop whose layers keep separate caches."""
        graph, states = nnx.split(self.layers)
        rows = [jax.tree.map(operator.itemgetter(n), states) for n in range(self.num_layers)]
        return [nnx.merge(graph, row) for row in rows]


def _split(key: Array | None, num: int) -> Array | list[None]:
    return [None] * num if key is None else jax.random.split(key, num)
