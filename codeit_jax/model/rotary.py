"""Rotary positions (Su et al., 2021) with the base and the stretching that a checkpoint's configuration names.

Shape letters: K head width, B rows, L positions.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from codeit_jax.config.model_schema import ModelConfig, RopeScaling

Angles = tuple[jax.Array, jax.Array]
"""Cosine and sine of each position's angles, float32 [B, 1, L, K / 2]: the 1 is for the heads."""

Frequencies = NDArray[np.float32]


def angles(config: ModelConfig, positions: jax.Array) -> Angles:
    """Return the angles of positions int32 [B, L]."""
    turned = positions.astype(jnp.float32)[:, None, :, None] * frequencies(config)[None, None, None]
    return jnp.cos(turned), jnp.sin(turned)


def rotate(x: jax.Array, by: Angles) -> jax.Array:
    """Turn heads [B, heads, L, K] by their positions' angles: each element of the first half with one of the second."""
    cosine, sine = by
    first, second = jnp.split(x.astype(jnp.float32), 2, axis=-1)
    # In float32: the angle of a far position has more digits than bfloat16.
    turned = jnp.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1)
    return turned.astype(x.dtype)


def frequencies(config: ModelConfig) -> Frequencies:
    """Return the angle from one position to the next, float32 [K / 2]."""
    return _SCALINGS[config.rope_scaling](config)


def _plain(config: ModelConfig, theta: float | None = None) -> Frequencies:
    # In float32 throughout, as the published checkpoints were trained.
    exponents = np.arange(0, config.d_kv, 2, dtype=np.float32) / np.float32(config.d_kv)
    return (1 / np.float32(config.rope_theta if theta is None else theta) ** exponents).astype(np.float32)


def _linear(config: ModelConfig) -> Frequencies:
    return _plain(config) / np.float32(config.rope_factor)


def _dynamic(config: ModelConfig) -> Frequencies:
    """Raise the base for the longest sequence of the run.

    Elsewhere it follows the longest of a batch, so that a sample would depend on the others, and keys in a cache on
    when they were written.
    """
    window = max(config.rope_window or 0, config.rope_length)
    factor = config.rope_factor
    stretch = factor * window / config.rope_length - (factor - 1)
    return _plain(config, config.rope_theta * stretch ** (config.d_kv / (config.d_kv - 2)))


def _llama3(config: ModelConfig) -> Frequencies:
    """Stretch what turns slowly, leave what turns fast, and go smoothly from one to the other."""
    plain = _plain(config)
    low, high = config.rope_low_frequency, config.rope_high_frequency
    turns = config.rope_length * plain / np.float32(2 * math.pi)
    kept = np.clip((turns - low) / (high - low), 0, 1).astype(np.float32)
    return np.asarray((1 - kept) * plain / np.float32(config.rope_factor) + kept * plain, np.float32)


_SCALINGS: dict[RopeScaling, Callable[[ModelConfig], Frequencies]] = {
    "none": _plain,
    "linear": _linear,
    "dynamic": _dynamic,
    "llama3": _llama3,
}
