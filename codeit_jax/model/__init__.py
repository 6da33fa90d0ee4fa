"""Policies in Flax NNX behind one surface, and their weights in the published file formats."""

from codeit_jax.model.adapters import Params
from codeit_jax.model.families import build_model
from codeit_jax.model.policy import PolicyModel, PolicyNetwork
from codeit_jax.model.t5 import T5Model

__all__ = ["Params", "PolicyModel", "PolicyNetwork", "T5Model", "build_model"]
