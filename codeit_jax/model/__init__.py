"""T5 in Flax NNX, and its weights in the published file format."""

from codeit_jax.model.t5 import Params, T5Model

__all__ = ["Params", "T5Model"]
