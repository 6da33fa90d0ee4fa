"""One jitted fine-tuning step: state and batch in, state and metrics out."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from codeit_jax.model import Params, T5Model
from codeit_jax.parallel.mesh import replicated
from codeit_jax.parallel.rules import param_shardings
from codeit_jax.training.loss import token_nll


@partial(jax.tree_util.register_dataclass, data_fields=("step", "params", "opt_state"), meta_fields=())
@dataclass(frozen=True, kw_only=True)
class TrainState:
    """What training changes.

    Attributes:
        step: int32 scalar, optimizer steps taken.
        params: nested dict of float32 arrays.
        opt_state: the optimizer's state.
    """

    step: jax.Array
    params: Params
    opt_state: Any


@partial(
    jax.tree_util.register_dataclass,
    data_fields=("encoder_input_tokens", "encoder_mask", "decoder_input_tokens", "decoder_target_tokens", "loss_mask"),
    meta_fields=(),
)
@dataclass(frozen=True, kw_only=True)
class TrainBatch:
    """B examples padded to one shape.

    Attributes:
        encoder_input_tokens: int32 [B, L].
        encoder_mask: bool [B, L].
        decoder_input_tokens: int32 [B, T], the targets shifted right behind the start token.
        decoder_target_tokens: int32 [B, T].
        loss_mask: bool [B, T], true at targets that count.
    """

    encoder_input_tokens: jax.Array
    encoder_mask: jax.Array
    decoder_input_tokens: jax.Array
    decoder_target_tokens: jax.Array
    loss_mask: jax.Array


@partial(jax.tree_util.register_dataclass, data_fields=("loss", "grad_norm", "num_tokens", "skipped"), meta_fields=())
@dataclass(frozen=True, kw_only=True)
class StepMetrics:
    """Scalars of one step.

    Attributes:
        loss: mean negative log-likelihood of a target token, in nats.
        grad_norm: global norm of the gradient, before clipping.
        num_tokens: targets that counted.
        skipped: whether the step was left out because loss or gradient weren't finite.
    """

    loss: jax.Array
    grad_norm: jax.Array
    num_tokens: jax.Array
    skipped: jax.Array


def init_state(model: T5Model, optimizer: optax.GradientTransformation, mesh: Mesh, key: jax.Array) -> TrainState:
    """Create the state with fresh parameters, every array born with its sharding; the key is consumed."""
    shardings = jax.tree.map(lambda leaf: leaf.sharding, abstract_state(model, optimizer, mesh))
    return jax.jit(_create_state, static_argnums=(0, 1), out_shardings=shardings)(model, optimizer, key)


def state_from_params(optimizer: optax.GradientTransformation, mesh: Mesh, params: Params) -> TrainState:
    """Create the state with given parameters, every array put where `init_state` puts it."""
    params = jax.device_put(params, param_shardings(mesh, params))
    step = jax.device_put(jnp.zeros((), jnp.int32), replicated(mesh))
    return TrainState(step=step, params=params, opt_state=init_opt_state(optimizer, mesh, params))


def init_opt_state(optimizer: optax.GradientTransformation, mesh: Mesh, params: Params) -> Any:
    """Create the state of an optimizer that starts anew, every array born with its sharding."""
    shardings = param_shardings(mesh, jax.eval_shape(optimizer.init, params))
    return jax.jit(optimizer.init, out_shardings=shardings)(params)


def abstract_state(model: T5Model, optimizer: optax.GradientTransformation, mesh: Mesh) -> TrainState:
    """Describe the state by `jax.ShapeDtypeStruct` leaves with shardings, without computing anything."""
    state = jax.eval_shape(partial(_create_state, model, optimizer), jax.random.key(0))
    return jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        state,
        param_shardings(mesh, state),
    )


def _create_state(model: T5Model, optimizer: optax.GradientTransformation, key: jax.Array) -> TrainState:
    params = model.init(key)
    return TrainState(step=jnp.zeros((), jnp.int32), params=params, opt_state=optimizer.init(params))


@partial(jax.jit, static_argnames=("model", "optimizer"), donate_argnames=("state",))
def train_step(
    model: T5Model, optimizer: optax.GradientTransformation, state: TrainState, batch: TrainBatch, key: jax.Array
) -> tuple[TrainState, StepMetrics]:
    """Take one optimizer step.

    A step whose loss or gradient isn't finite changes nothing but is reported as skipped.

    Args:
        state: donated.
        key: for dropout; consumed.
    """

    def loss_fn(params: Params) -> tuple[jax.Array, jax.Array]:
        network = model.bind(params)
        encoder_key, decoder_key = jax.random.split(key) if model.config.dropout else (None, None)
        encoded = network.encode(batch.encoder_input_tokens, batch.encoder_mask, encoder_key)
        hidden = network.decode(batch.decoder_input_tokens, encoded, batch.encoder_mask, decoder_key)
        total, count = token_nll(network.logits(hidden), batch.decoder_target_tokens, batch.loss_mask)
        return total / jnp.maximum(count, 1), count

    (loss, num_tokens), gradient = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    grad_norm = optax.tree.norm(gradient)
    updates, opt_state = optimizer.update(gradient, state.opt_state, state.params)
    stepped = TrainState(step=state.step + 1, params=optax.apply_updates(state.params, updates), opt_state=opt_state)
    finite = jnp.isfinite(loss) & jnp.isfinite(grad_norm)
    state = jax.tree.map(lambda new, old: jnp.where(finite, new, old), stepped, state)
    return state, StepMetrics(loss=loss, grad_norm=grad_norm, num_tokens=num_tokens, skipped=~finite)
