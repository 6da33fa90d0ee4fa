"""Shared set-up: eight CPU devices for the sharding tests, and caches that live as long as the test run."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import settings

from codeit_jax.model import Params, T5Model

# Through jax.config, not the environment: subprocesses started by tests should see the machine as users do.
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 8)

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
