"""Low-rank adapters (LoRA, Hu et al., 2021) of any layer's matrices, and the tree of parameters in two parts.

A matrix W with adapters A and B computes x W + alpha / rank * (x A) B. The parameters of both are in one nested dict,
`query`, `query_lora_a` and `query_lora_b` side by side; what is learned and what stays as it is are two trees of it.

Shape letters: N layers, R rank; a matrix has input axes and output axes, of which a head's are two.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from codeit_jax.config.model_schema import ModelConfig

Params = dict[str, Any]
"""A nested dict of arrays: all that the trees of this room are."""

SUFFIXES = ("_lora_a", "_lora_b")
FROZEN_DTYPE = jnp.bfloat16
_PLACE = 1 << 16


def dropout(x: jax.Array, rate: float, key: jax.Array | None) -> jax.Array:
    """Zero elements with probability `rate` and rescale the rest; the identity without a key."""
    if key is None or rate == 0.0:
        return x
    keep = jax.random.bernoulli(key, 1.0 - rate, x.shape)
    # The zero has the dtype of x, lest a float32 constant promote activations in bfloat16.
    return jnp.where(keep, x / (1.0 - rate), jnp.zeros((), x.dtype))


def child_key(key: jax.Array | None, place: int) -> jax.Array | None:
    """Return the key of a place, folded from that of the whole; None without one."""
    return None if key is None else jax.random.fold_in(key, place)


class Adaptable(nnx.Module):
    """A module whose matrices may have adapters: the order of `matrices` tells their random keys apart."""

    matrices: tuple[str, ...]

    def add_adapters(self, config: ModelConfig, key: jax.Array, num_inputs: Mapping[str, int]) -> None:
        """Give adapters to the matrices that the configuration names: A uniform as PEFT draws it, B zero.

        Args:
            config: rank, alpha, dropout, targets.
            key: consumed; not read without adapters.
            num_inputs: how many leading axes of a matrix are inputs, by its name.
        """
        self.matrices = tuple(num_inputs)
        self.lora_scale = config.lora_alpha / max(config.lora_rank, 1)
        self.lora_dropout = config.lora_dropout
        if config.lora_rank:
            key = jax.random.fold_in(key, _PLACE)  # the matrices' own keys are split from it
        for place, (name, axes) in enumerate(num_inputs.items()):
            if config.lora_rank and name in config.lora_targets:
                inputs, outputs = getattr(self, name)[...].shape[:axes], getattr(self, name)[...].shape[axes:]
                bound = math.prod(inputs) ** -0.5
                shape = (*inputs, config.lora_rank)
                down = jax.random.uniform(jax.random.fold_in(key, place), shape, jnp.float32, -bound, bound)
                setattr(self, f"{name}_lora_a", nnx.Param(down))
                setattr(self, f"{name}_lora_b", nnx.Param(jnp.zeros((config.lora_rank, *outputs), jnp.float32)))

    def adapted(self, name: str, x: jax.Array, y: jax.Array, key: jax.Array | None = None) -> jax.Array:
        """Add to y, which is x through the matrix of that name, what the adapter adds; y as it is without one.

        Args:
            name: of the matrix.
            x: [..., inputs].
            y: [..., outputs].
            key: of the module, for dropout of the adapter's input; folded by the matrix's place.
        """
        if not hasattr(self, f"{name}_lora_a"):
            return y
        down = getattr(self, f"{name}_lora_a")[...].astype(x.dtype)  # [inputs, R]
        up = getattr(self, f"{name}_lora_b")[...].astype(x.dtype)  # [R, outputs]
        x = dropout(x, self.lora_dropout, child_key(key, self.matrices.index(name)))
        return y + jnp.tensordot(jnp.tensordot(x, down, down.ndim - 1), up, 1) * self.lora_scale


def is_adapter(name: str) -> bool:
    """Return whether a parameter of this name, the last of its path, is an adapter's."""
    return name.endswith(SUFFIXES)


def split_frozen(params: Params) -> tuple[Params, Params]:
    """Split parameters into what is learned and what stays as it is: adapters and the rest; without them all of it."""
    if not any(is_adapter(path.rpartition("/")[2]) for path, _ in leaves(params)):
        return params, {}
    return _chosen(params, adapters=True), _chosen(params, adapters=False)


def join(learned: Params, frozen: Params | None) -> Params:
    """Return both parts as one tree; arrays are shared, not copied."""
    if not frozen:
        return learned
    joined = dict(frozen)
    for name, value in learned.items():
        joined[name] = join(value, frozen.get(name, {})) if isinstance(value, dict) else value
    return joined


def merge(params: Params, config: ModelConfig) -> Params:
    """Return parameters without adapters, each added to its matrix in float32; the matrices keep their types.

    Args:
        params: NumPy arrays, layers on the leading axis.
        config: of the network.
    """
    merged: Params = {}
    for name, value in params.items():
        if isinstance(value, dict):
            merged[name] = merge(value, config)
        elif not is_adapter(name):
            merged[name] = value
            if f"{name}_lora_a" in params:
                down, up = (np.asarray(params[name + suffix], np.float32) for suffix in SUFFIXES)
                flat = down.reshape(len(down), -1, config.lora_rank) @ up.reshape(len(up), config.lora_rank, -1)
                added = flat.reshape(value.shape) * np.float32(config.lora_alpha / config.lora_rank)
                merged[name] = (np.asarray(value, np.float32) + added).astype(value.dtype)
    return merged


def leaves(params: Params, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and array of every parameter: `decoder/layers/attention/query`."""
    for name, value in params.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{name}/")
        else:
            yield prefix + name, value


def _chosen(params: Params, *, adapters: bool) -> Params:
    """Return the adapters of a tree, or all but them; without empty branches."""
    chosen: Params = {}
    for name, value in params.items():
        if isinstance(value, dict):
            if branch := _chosen(value, adapters=adapters):
                chosen[name] = branch
        elif is_adapter(name) == adapters:
            chosen[name] = value
    return chosen
