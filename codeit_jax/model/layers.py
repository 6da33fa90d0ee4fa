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

from codeit_jax.config.model_schema import ModelConfig
from codeit_jax.model.adapters import Adaptable, child_key, dropout

Array = jax.Array
Biases = tuple[Array, ...]
_ADAPTERS = 1 << 16  # places of adapters' keys, beside those that split a layer's
MASKED = -1e9  # finite, so that a row without any key gives a mean instead of NaN


def normal_param(key: Array, shape: tuple[int, ...], stddev: float) -> nnx.Param[Array]:
    """Draw a parameter; the key is consumed."""
    return nnx.Param(jax.random.normal(key, shape, jnp.float32) * stddev)


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
        return (y * jnp.broadcast_to(self.scale[...].astype(jnp.float32), y.shape)).astype(x.dtype)


class Attention(Adaptable):
    """Multi-head attention without scaling by the head width: T5 folds it into the initialization."""

    def __init__(self, config: ModelConfig, key: Array) -> None:
        d, h, k = config.d_model, config.num_heads, config.d_kv
        keys = jax.random.split(key, 4)
        # The factor K ** -0.5 that other transformers put on the scores is in the queries' initial weights instead.
        self.query = normal_param(keys[0], (d, h, k), (d * k) ** -0.5)  # [D, H, K]
        self.key = normal_param(keys[1], (d, h, k), d**-0.5)  # [D, H, K]
        self.value = normal_param(keys[2], (d, h, k), d**-0.5)  # [D, H, K]
        self.output = normal_param(keys[3], (h, k, d), (h * k) ** -0.5)  # [H, K, D]
        self.dropout = config.dropout
        self.add_adapters(config, key, {"query": 1, "key": 1, "value": 1, "output": 2})

    def queries(self, x: Array, adapter_key: Array | None = None) -> Array:
        """Project [..., D] to queries [..., H, K]."""
        queries = jnp.einsum("...d,dhk->...hk", x, self.query[...].astype(x.dtype))
        return self.adapted("query", x, queries, adapter_key)

    def keys_values(self, x: Array, adapter_key: Array | None = None) -> tuple[Array, Array]:
        """Project [B, L, D] to keys and values [B, H, L, K]: head-major, to read caches without a transpose."""
        keys = jnp.einsum("bld,dhk->blhk", x, self.key[...].astype(x.dtype))  # [B, L, H, K]
        values = jnp.einsum("bld,dhk->blhk", x, self.value[...].astype(x.dtype))  # [B, L, H, K]
        keys, values = self.adapted("key", x, keys, adapter_key), self.adapted("value", x, values, adapter_key)
        # A product written head-major at once has XLA's CPU code turn the weights round at every call.
        return keys.swapaxes(1, 2), values.swapaxes(1, 2)

    def attend(
        self,
        queries: Array,
        keys: Array,
        values: Array,
        biases: Biases,
        dropout_key: Array | None = None,
        adapter_key: Array | None = None,
    ) -> Array:
        """Mix values by the softmax of queries times keys plus biases, and project back: `project` of `mix`."""
        return self.project(self.mix(queries, keys, values, biases, dropout_key), adapter_key)

    def attend_by_head(
        self, queries: Array, keys: Array, values: Array, biases: Biases, adapter_key: Array | None = None
    ) -> Array:
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
        mixed = jnp.moveaxis(jax.lax.map(mix_head, jnp.arange(queries.shape[2])), 0, 2)
        return self.project(mixed, adapter_key)

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

    def project(self, mixed: Array, adapter_key: Array | None = None) -> Array:
        """Bring mixed values [..., H, K] back to the model's width [..., D]."""
        projected = jnp.einsum("...hk,hkd->...d", mixed, self.output[...].astype(mixed.dtype))
        return self.adapted("output", mixed, projected, adapter_key)


class FeedForward(Adaptable):
    """relu (T5 1.0) or gated gelu (T5 1.1)."""

    def __init__(self, config: ModelConfig, key: Array) -> None:
        d, f = config.d_model, config.d_ff
        keys = jax.random.split(key, 3)
        self.inner = normal_param(keys[0], (d, f), d**-0.5)  # [D, F]
        if config.feed_forward == "gated-gelu":
            self.gate = normal_param(keys[1], (d, f), d**-0.5)  # [D, F]
        self.outer = normal_param(keys[2], (f, d), f**-0.5)  # [F, D]
        self.gated = config.feed_forward == "gated-gelu"
        self.dropout = config.dropout
        matrices = ("inner", "gate", "outer") if self.gated else ("inner", "outer")
        self.add_adapters(config, key, dict.fromkeys(matrices, 1))

    def __call__(self, x: Array, dropout_key: Array | None = None, adapter_key: Array | None = None) -> Array:
        """Run x [..., D] through the hidden width F."""
        hidden = self.adapted("inner", x, x @ self.inner[...].astype(x.dtype), adapter_key)  # [..., F]
        if self.gated:
            gate = self.adapted("gate", x, x @ self.gate[...].astype(x.dtype), adapter_key)
            # T5 1.1's gelu is the approximation by tanh; the exact one differs by up to 5e-4.
            hidden = hidden * jax.nn.gelu(gate, approximate=True)
        else:
            hidden = jax.nn.relu(hidden)
        hidden = dropout(hidden, self.dropout, dropout_key)
        return self.adapted("outer", hidden, hidden @ self.outer[...].astype(x.dtype), adapter_key)


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
        keys, adapter_key = split_key(key, 4), child_key(key, _ADAPTERS)
        y = self.attention_norm(x)  # [B, L, D]
        parts = self.attention.queries(y, adapter_key), *self.attention.keys_values(y, adapter_key), biases
        attend = self.attention.attend_by_head if by_head else partial(self.attention.attend, dropout_key=keys[0])
        attended = attend(*parts, adapter_key=adapter_key)
        x = x + dropout(attended, self.dropout, keys[1])
        y = self.feed_forward(self.feed_forward_norm(x), keys[2], child_key(adapter_key, 1))
        return x + dropout(y, self.dropout, keys[3])


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
        keys = split_key(key, 6)
        adapter_keys = [child_key(key, _ADAPTERS + place) for place in range(3)]
        attention, y, k = self.attention, self.attention_norm(x), adapter_keys[0]
        attended = attention.attend(attention.queries(y, k), *attention.keys_values(y, k), biases, keys[0], k)
        x = x + dropout(attended, self.dropout, keys[1])
        cross, y, k = self.cross_attention, self.cross_norm(x), adapter_keys[1]
        attended = cross.attend(cross.queries(y, k), *cross.keys_values(encoded, k), (cross_bias,), keys[2], k)
        x = x + dropout(attended, self.dropout, keys[3])
        y = self.feed_forward(self.feed_forward_norm(x), keys[4], adapter_keys[2])
        return x + dropout(y, self.dropout, keys[5])


Layer = TypeVar("Layer", bound=nnx.Module)
Carry = TypeVar("Carry")


class Layers(nnx.Module, Generic[Layer]):
    """N equal layers with their parameters on a leading axis, and the norm after them."""

    def __init__(
        self, config: ModelConfig, make_layer: Callable[[ModelConfig, Array], Layer], num_layers: int, key: Array
    ) -> None:
        layers_key = key
        # One layer's structure serves all; only its arrays get a leading axis of N.
        graph = nnx.graphdef(nnx.eval_shape(lambda: make_layer(config, layers_key)))
        states = jax.vmap(lambda k: nnx.state(make_layer(config, k)))(jax.random.split(layers_key, num_layers))
        self.layers = nnx.merge(graph, states)
        self.final_norm = Norm(config)
        self.num_layers = num_layers
        self.scan_layers = config.scan_layers
        self.remat = config.remat

    def run(self, call: Callable[[Layer, Carry, Any], tuple[Carry, Any]], carry: Carry, inputs: Any) -> Any:
        """Call every layer, the first one first, with what the one before gave and with its own inputs.

        Args:
            call: of layer, carry and inputs; gives the next carry, and an output of this layer.
            carry: what the first layer is given.
            inputs: a tree of arrays [N, ...], or of None.

        Returns:
            The last carry, and the outputs [N, ...].
        """
        graph, states = nnx.split(self.layers)

        def run_layer(carry: Carry, layer: tuple[nnx.State[Any, Any], Any]) -> tuple[Carry, Any]:
            state, own = layer
            return call(nnx.merge(graph, state), carry, own)

        if self.remat != "none":
            # Attention's scores have a batch dimension, so `dots` recomputes them: nothing of size Q x L is kept.
            policy = jax.checkpoint_policies.dots_with_no_batch_dims_saveable if self.remat == "dots" else None
            # Out of a loop the compiler would merge the second computation with the first.
            run_layer = jax.checkpoint(run_layer, policy=policy, prevent_cse=not self.scan_layers)
        return jax.lax.scan(run_layer, carry, (states, inputs), unroll=1 if self.scan_layers else self.num_layers)

    def keys(self, key: Array | None) -> Array | None:
        """Split a dropout key into one for each layer [N]."""
        return None if key is None else jax.random.split(key, self.num_layers)

    def unstacked(self) -> list[Layer]:
        """Return the layers one by one, for a loop whose layers keep separate caches."""
        graph, states = nnx.split(self.layers)
        rows = [jax.tree.map(operator.itemgetter(n), states) for n in range(self.num_layers)]
        return [nnx.merge(graph, row) for row in rows]


class Stack(Layers[Layer]):
    """The layers of one of T5's two stacks, and what the stack owns once."""

    def __init__(
        self, config: ModelConfig, make_layer: Callable[[ModelConfig, Array], Layer], num_layers: int, key: Array
    ) -> None:
        layers_key, bias_key = jax.random.split(key)
        super().__init__(config, make_layer, num_layers, layers_key)
        # T5 has one table of position biases a stack, not one a layer.
        self.relative_bias = normal_param(bias_key, (config.num_buckets, config.num_heads), config.d_model**-0.5)

    def scan(self, x: Array, key: Array | None, *arguments: Any) -> Array:
        """Run x through all layers, each with the same further arguments and its own child of the dropout key."""

        def call(layer: Any, x: Array, layer_key: Array | None) -> tuple[Array, None]:
            return layer(x, *arguments, layer_key), None

        x, _ = self.run(call, x, self.keys(key))
        return self.final_norm(x)


def write_position(cache: tuple[Array, Array], new: tuple[Array, Array], step: Array) -> tuple[Array, Array]:
    """Write keys and values [R, H, 1, K] of one position into a cache."""
    # All rows are at one position, so one slice is written; inside the loop XLA does it in place.
    keys, values = (jax.lax.dynamic_update_slice(c, n, (0, 0, step, 0)) for c, n in zip(cache, new, strict=True))
    return keys, values


def split_key(key: Array | None, num: int) -> Array | list[None]:
    """Split a key; as many times None without one."""
    return [None] * num if key is None else jax.random.split(key, num)
