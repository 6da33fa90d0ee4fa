"""The parameters as the sampling loop wants them, made once for each policy update rather than once a token."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax

from codeit_jax.model import Params, PolicyModel
from codeit_jax.parallel.sharding_rules import param_path

# Norms and position biases are added up in float32 whatever the computation's dtype.
_FLOAT32 = ("scale", "relative_bias")


@partial(jax.tree_util.register_dataclass, data_fields=("params", "head", "token_ids"), meta_fields=())
@dataclass(frozen=True, kw_only=True)
class SamplingPolicy:
    """A policy that draws among A tokens, the columns of its logits.

    Attributes:
        params: nested dict of arrays in the computation's dtype.
        head: [A, D], the rows of the output head of these tokens; None takes all rows.
        token_ids: int32 [A] ascending; None is the whole vocabulary.
    """

    params: Params
    head: jax.Array | None
    token_ids: jax.Array | None

    def tokens(self, columns: jax.Array) -> jax.Array:
        """Return the token ids of columns, int32."""
        return columns if self.token_ids is None else self.token_ids[columns]


def make_policy(model: PolicyModel, params: Params, token_ids: jax.Array | None = None) -> SamplingPolicy:
    """Cast the float32 master weights to the model's dtype and gather the head of the tokens that may be drawn."""
    if model.config.dtype != "float32":  # casting float32 to itself would copy all of it
        params = _cast(model, params)
    # Gathered once, not at each step; with CodeT5's vocabulary A is 594 of 32,100 rows.
    head = None if token_ids is None else _head(model, params, token_ids)
    return SamplingPolicy(params=params, head=head, token_ids=token_ids)


# Nothing is donated: training still needs the float32 masters.
@partial(jax.jit, static_argnames="model")
def _cast(model: PolicyModel, params: Params) -> Params:
    def cast(path: tuple[Any, ...], leaf: jax.Array) -> jax.Array:
        kept = param_path(path).rpartition("/")[2] in _FLOAT32
        return leaf if kept else leaf.astype(model.config.dtype)

    casted: Params = jax.tree_util.tree_map_with_path(cast, params)
    return casted


@partial(jax.jit, static_argnames="model")
def _head(model: PolicyModel, params: Params, token_ids: jax.Array) -> jax.Array:
    return model.bind(params).head_rows(token_ids)
