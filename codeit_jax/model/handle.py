"""The handle of a network that is written as an NNX module: makes its parameters, and binds them."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Generic, TypeVar

import jax
import numpy as np
from flax import nnx

from codeit_jax.config.model_schema import ModelConfig
from codeit_jax.model.adapters import Params

Network = TypeVar("Network", bound=nnx.Module)


@dataclass(frozen=True)
class ModelHandle(Generic[Network]):
    """A network without its parameters: hashable, so it can be a static argument of `jax.jit`.

    A subclass names its module, which is built of configuration, vocabulary size and key.
    """

    config: ModelConfig
    vocabulary_size: int
    network: ClassVar[type[Any]]

    def init(self, key: jax.Array) -> Params:
        """Draw fresh parameters: a nested dict of float32 arrays, layers stacked on the leading axis.

        Args:
            key: a JAX key; consumed.
        """
        # A pure dict, for checkpoints too: `nnx.State` would add a level `value` to every path.
        params: Params = nnx.to_pure_dict(nnx.state(self.network(self.config, self.vocabulary_size, key)))
        return params

    def abstract_params(self) -> Params:
        """Return the parameters' shapes and dtypes, without computing anything."""
        shapes: Params = jax.eval_shape(self.init, jax.random.key(0))
        return shapes

    def bind(self, params: Params) -> Network:
        """Return the network with these parameters; for use inside a traced function."""
        graph, abstract = _skeleton(self)
        state = jax.tree.map(lambda leaf: leaf, abstract)  # a copy: the next line replaces leaves in place
        nnx.replace_by_pure_dict(state, params)
        network: Network = nnx.merge(graph, state)
        return network

    def num_parameters(self) -> int:
        """Count the parameters, the shared embedding once."""
        return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(self.abstract_params()))


@lru_cache(maxsize=32)
def _skeleton(model: ModelHandle[Any]) -> tuple[nnx.GraphDef[Any], nnx.State[Any, Any]]:
    """Return structure and abstract parameters, once: tracing the constructor takes longer than a small step."""
    make = model.network
    return nnx.split(nnx.eval_shape(lambda: make(model.config, model.vocabulary_size, jax.random.key(0))))
