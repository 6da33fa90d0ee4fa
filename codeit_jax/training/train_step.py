"""One fine-tuning step: state and batch in, state and metrics out.

A batch too large for the devices comes in parts, each padded to a shape of its own. Their gradients are added up, each
already divided by the number of targets in the whole batch, so that the parts give what the batch would in one piece.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding

from codeit_jax.model import Params, T5Model
from codeit_jax.parallel.mesh import replicated
from codeit_jax.parallel.sharding_rules import param_shardings
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
    """B examples padded to one shape: a batch or a part of one.

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
        skipped: whether the step was left out because loss or gradient weren't finite, or the loss was above its limit.
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


@partial(jax.tree_util.register_dataclass, data_fields=("loss", "num_tokens", "gradient"), meta_fields=())
@dataclass(frozen=True, kw_only=True)
class GradientSum:
    """What the parts of a batch have added up to.

    Attributes:
        loss: float32 scalar, their share of the mean loss.
        num_tokens: int32 scalar, their targets that counted.
        gradient: like the parameters, float32.
    """

    loss: jax.Array
    num_tokens: jax.Array
    gradient: Params


def train_step(
    model: T5Model,
    optimizer: optax.GradientTransformation,
    state: TrainState,
    parts: Sequence[TrainBatch],
    key: jax.Array,
    *,
    num_targets: int,
    loss_limit: float = math.inf,
) -> tuple[TrainState, StepMetrics]:
    """Take one optimizer step.

    A step whose loss or gradient isn't finite, or whose loss is above the limit, changes nothing but is reported as
    skipped.

    Args:
        state: donated.
        parts: the batch.
        key: for dropout, folded by the part's number.
        num_targets: targets that count in the whole batch.
        loss_limit: in nats.
    """
    total = zero_gradient(state.params)
    scale = np.float32(max(num_targets, 1))
    for number, part in enumerate(parts):
        total = add_gradient(model, state.params, total, part, scale, key, np.int32(number))
    return apply_gradient(optimizer, state, total, np.float32(loss_limit))


def zero_gradient(params: Params) -> GradientSum:
    """Return the sum over no parts, sharded like the parameters."""
    leaves, structure = jax.tree.flatten(params)
    return _zeros(structure, tuple((leaf.shape, leaf.sharding) for leaf in leaves))()


@lru_cache(maxsize=32)
def _zeros(
    structure: Any, described: tuple[tuple[tuple[int, ...], jax.sharding.Sharding], ...]
) -> Callable[[], GradientSum]:
    shardings = [sharding for _, sharding in described]
    scalar = replicated(shardings[0].mesh) if isinstance(shardings[0], NamedSharding) else shardings[0]

    def make() -> GradientSum:
        gradient = jax.tree.unflatten(structure, [jnp.zeros(shape, jnp.float32) for shape, _ in described])
        return GradientSum(loss=jnp.zeros((), jnp.float32), num_tokens=jnp.zeros((), jnp.int32), gradient=gradient)

    # Nothing else would tell the compiler to split the zeros: every device would hold all of them.
    like_params = jax.tree.unflatten(structure, shardings)
    return jax.jit(make, out_shardings=GradientSum(loss=scalar, num_tokens=scalar, gradient=like_params))


@partial(jax.jit, static_argnames=("model",), donate_argnames=("total",))
def add_gradient(
    model: T5Model,
    params: Params,
    total: GradientSum,
    batch: TrainBatch,
    num_targets: jax.Array,
    key: jax.Array,
    number: jax.Array,
) -> GradientSum:
    """Add one part's share of a batch's mean loss and of its gradient.

    Args:
        total: donated.
        num_targets: float32 scalar, of the whole batch.
        key: for dropout.
        number: int32 scalar, the part's place in the batch.
    """

    def loss_fn(params: Params) -> tuple[jax.Array, jax.Array]:
        network = model.bind(params)
        encoder_key, decoder_key = None, None
        if model.config.dropout:
            encoder_key, decoder_key = jax.random.split(jax.random.fold_in(key, number))
        encoded = network.encode(batch.encoder_input_tokens, batch.encoder_mask, encoder_key)
        hidden = network.decode(batch.decoder_input_tokens, encoded, batch.encoder_mask, decoder_key)
        nll, count = token_nll(network.logits(hidden), batch.decoder_target_tokens, batch.loss_mask)
        return nll / num_targets, count

    (loss, num_tokens), gradient = jax.value_and_grad(loss_fn, has_aux=True)(params)
    part = GradientSum(loss=loss, num_tokens=num_tokens, gradient=gradient)
    return jax.tree.map(jnp.add, total, part)


@partial(jax.jit, static_argnames=("optimizer",), donate_argnames=("state",))
def apply_gradient(
    optimizer: optax.GradientTransformation, state: TrainState, total: GradientSum, loss_limit: jax.Array
) -> tuple[TrainState, StepMetrics]:
    """Take the optimizer's step along a batch's gradient, unless the guards say no.

    Args:
        state: donated.
        total: over all parts of the batch; its memory can't serve any result, so donating it would only warn.
        loss_limit: float32 scalar, in nats.
    """
    grad_norm = optax.tree.norm(total.gradient)
    updates, opt_state = optimizer.update(total.gradient, state.opt_state, state.params)
    stepped = TrainState(step=state.step + 1, params=optax.apply_updates(state.params, updates), opt_state=opt_state)
    sound = jnp.isfinite(total.loss) & jnp.isfinite(grad_norm) & (total.loss <= loss_limit)
    state = jax.tree.map(lambda new, old: jnp.where(sound, new, old), stepped, state)
    return state, StepMetrics(loss=total.loss, grad_norm=grad_norm, num_tokens=total.num_tokens, skipped=~sound)
