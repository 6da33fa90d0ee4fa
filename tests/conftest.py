"""Shared set-up: eight CPU devices for the sharding tests, and caches that live as long as the test run."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import settings

from codeit_jax.config.schema import ModelConfig
from codeit_jax.model import Params, T5Model
from codeit_jax.model.huggingface import load_pretrained

GOLDEN = Path(__file__).parent / "model" / "data"
GOLDEN_VOCABULARY = 41

# Through jax.config, not the environment: subprocesses started by tests should see the machine as users do.
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 8)
# Compiling takes longer than all else here: these programs run for milliseconds. With XLA flags, as the gate runs the
# tests of floats, everything is compiled as users have it.
jax.config.update("jax_disable_most_optimizations", "XLA_FLAGS" not in os.environ)
# What NumPy would bend into shape is an error here: operands of unequal rank, of unequal dtype. No transfer guard:
# tests hand NumPy's arrays to jitted functions throughout, and on a CPU the way back is never a transfer.
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

# A shell lets what it starts in the background ignore the interrupt, and all that this starts in turn.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run: a change is judged by itself. `--hypothesis-profile=default` looks for new ones.
settings.register_profile("fixed", derandomize=True)
settings.load_profile("fixed")


@pytest.fixture(scope="session")
def random_params() -> Callable[..., Params]:
    """Make random parameters on the host: compiling a model's own initialization takes longer than most tests."""

    def make(model: T5Model, seed: int = 0) -> Params:
        rng = np.random.default_rng(seed)

        def leaf(path: tuple[Any, ...], shape: jax.ShapeDtypeStruct) -> jax.Array:
            name = jax.tree_util.keystr(path)
            scale = 1.0 if "embedding" in name else shape.shape[-1] ** -0.5
            center = 1.0 if "norm" in name else 0.0
            return jax.numpy.asarray(center + scale * rng.normal(size=shape.shape), np.float32)

        return jax.tree_util.tree_map_with_path(leaf, model.abstract_params())

    return make


@pytest.fixture(params=["relu-tied", "gated-gelu-untied"])
def golden(request: pytest.FixtureRequest) -> tuple[T5Model, Params, dict[str, np.ndarray]]:
    """Load a small model and what transformers' torch T5 made of it (`tests/model/make_golden.py`)."""
    feed_forward, _, tie = request.param.rpartition("-")
    config = ModelConfig(
        d_model=16,
        d_ff=24,
        d_kv=4,
        num_heads=3,
        num_encoder_layers=2,
        num_decoder_layers=2,
        feed_forward=feed_forward,
        tie_embeddings=tie == "tied",
        dropout=0.0,
    )
    folder = GOLDEN / request.param
    params = load_pretrained(folder, config, GOLDEN_VOCABULARY)
    return T5Model(config, GOLDEN_VOCABULARY), params, dict(np.load(folder / "expected.npz"))
