"""One fine-tuning step: state and batch in, state and metrics out, jitted as a whole.

A batch too large for the devices comes in N equal parts. Their gradients are added up, each already divided by the
number of targets in the whole batch, so that the parts give what the batch would in one piece.

Shape letters: N parts of a batch, B rows of a part, L prompt length, T program length.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from codeit_jax.model import Params, PolicyModel
from codeit_jax.model.adapters import join, split_frozen
from codeit_jax.parallel.mesh import replicated
from codeit_jax.parallel.sharding_rules import param_shardings


@partial(jax.tree_util.register_dataclass, data_fields=("step", "params", "opt_state"), meta_fields=())
@dataclass(frozen=True, kw_only=True)
class TrainState:
    """What training changes.

    Attributes:
        step: int32 scalar, optimizer steps taken.
        params: nested dict of float32 arrays, those that are learned.
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
    """N parts of B examples each, padded to one shape; NumPy arrays until they are put on the devices.

    Attributes:
        encoder_input_tokens: int32 [N, B, L].
        encoder_mask: bool [N, B, L].
        decoder_input_tokens: int32 [N, B, T], the targets shifted right behind the start token.
        decoder_target_tokens: int32 [N, B, T].
        loss_mask: bool [N, B, T], true at targets that count.
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


def init_state(model: PolicyModel, optimizer: optax.GradientTransformation, mesh: Mesh, key: jax.Array) -> TrainState:
    """Create the state with fresh parameters, every array born with its sharding.

    Args:
        model: the network.
        optimizer: of the step.
        mesh: the devices of all processes.
        key: consumed.
    """
    # Born sharded: a state that is created on one device first doesn't fit there at the sizes that need a mesh.
    shardings = jax.tree.map(lambda leaf: leaf.sharding, abstract_state(model, optimizer, mesh))
    state: TrainState = jax.jit(_create_state, static_argnums=(0, 1), out_shardings=shardings)(model, optimizer, key)
    return state


def state_from_params(optimizer: optax.GradientTransformation, mesh: Mesh, params: Params) -> TrainState:
    """Create the state with given parameters, every array placed where `init_state` places it.

    Args:
        optimizer: of the step.
        mesh: the devices of all processes.
        params: NumPy or JAX arrays; not donated.
    """
    params = jax.device_put(params, param_shardings(mesh, params))
    step = jax.device_put(jnp.zeros((), jnp.int32), replicated(mesh))
    return TrainState(step=step, params=params, opt_state=init_opt_state(optimizer, mesh, params))


def init_opt_state(optimizer: optax.GradientTransformation, mesh: Mesh, params: Params) -> Any:
    """Create the state of an optimizer that starts from scratch, every array born with its sharding.

    Args:
        optimizer: of the step.
        mesh: the devices of all processes.
        params: read for shapes and types; not donated.
    """
    # The rules read a path's dict keys only: a moment has those of its parameter, and is placed like it.
    shardings = param_shardings(mesh, jax.eval_shape(optimizer.init, params))
    return jax.jit(optimizer.init, out_shardings=shardings)(params)


def abstract_state(model: PolicyModel, optimizer: optax.GradientTransformation, mesh: Mesh) -> TrainState:
    """Describe the state by `jax.ShapeDtypeStruct` leaves with shardings, without computing anything.

    Args:
        model: the network.
        optimizer: of the step.
        mesh: the devices of all processes.
    """
    # Any key: only shapes and types come of it.
    state = jax.eval_shape(partial(_create_state, model, optimizer), jax.random.key(0))
    described: TrainState = jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        state,
        param_shardings(mesh, state),
    )
    return described


def _create_state(model: PolicyModel, optimizer: optax.GradientTransformation, key: jax.Array) -> TrainState:
    params, _ = split_frozen(model.init(key))
    return TrainState(step=jnp.zeros((), jnp.int32), params=params, opt_state=optimizer.init(params))


# Static arguments are compared with ==: an optimizer is a pair of functions, equal to no other one built alike.
# The state is donated: parameters and moments are updated in place, else both would be in memory twice.
@partial(jax.jit, static_argnames=("model", "optimizer"), donate_argnames=("state",))
def train_step(
    model: PolicyModel,
    optimizer: optax.GradientTransformation,
    state: TrainState,
    batch: TrainBatch,
    key: jax.Array,
    loss_limit: jax.Array,
    frozen: Params | None = None,
) -> tuple[TrainState, StepMetrics]:
    """Take one optimizer step.

    A step whose loss or gradient isn't finite, or whose loss is above the limit, changes nothing but is reported as
    skipped.

    Args:
        model: static; its parameters are the state's, and those that are frozen.
        optimizer: static.
        state: donated.
        batch: its mean loss is over the targets of all parts.
        key: for dropout, folded by the part's number.
        loss_limit: float32 scalar, in nats; infinity for none.
        frozen: parameters that stay as they are; not donated.

    Returns:
        The new state, and the metrics of the step.
    """
    loss, num_tokens, gradient = batch_gradient(model, state.params, batch, key, frozen)
    grad_norm = optax.tree.norm(gradient)
    updates, opt_state = optimizer.update(gradient, state.opt_state, state.params)
    stepped = TrainState(step=state.step + 1, params=optax.apply_updates(state.params, updates), opt_state=opt_state)
    sound = jnp.isfinite(loss) & jnp.isfinite(grad_norm) & (loss <= loss_limit)
    # `isfinite` of the loss as well: an infinite one isn't above a limit of infinity.
    # A select, not lax.cond: it costs less than a copy of the donated state in a branch, and nothing is read back.
    # The optimizer's moments and its count are selected too: a skipped step leaves no trace.
    state = jax.tree.map(lambda new, old: jnp.where(sound, new, old), stepped, state)
    return state, StepMetrics(loss=loss, grad_norm=grad_norm, num_tokens=num_tokens, skipped=~sound)


def batch_gradient(
    model: PolicyModel, params: Params, batch: TrainBatch, key: jax.Array, frozen: Params | None = None
) -> tuple[jax.Array, jax.Array, Params]:
    """Return a batch's mean loss, its number of targets and its gradient, summed part by part.

    Args:
        model: static under `jit`.
        params: float32 leaves; the gradient is like them, whatever type the network computes in.
        batch: see `train_step`.
        key: for dropout.
        frozen: parameters that stay as they are, of any type; None where all are learned.

    Returns:
        Float32 scalar, int32 scalar, and a tree like `params`.
    """
    # Of the whole batch, before any part: each part is divided by it, and the sum is the mean. At least 1, for a batch
    # without targets must not give NaN. float32, as the losses that it divides are.
    num_targets = jnp.maximum(jnp.sum(batch.loss_mask), 1).astype(jnp.float32)

    def loss_fn(params: Params, part: TrainBatch, number: jax.Array) -> tuple[jax.Array, jax.Array]:
        # Without dropout no key enters the graph. Folded by number: parts must not share their masks.
        drops = model.config.dropout or (model.config.lora_rank and model.config.lora_dropout)
        nll, count = part_nll(model, join(params, frozen), part, jax.random.fold_in(key, number) if drops else None)
        return nll / num_targets, count

    def part_gradient(part: TrainBatch, number: jax.Array) -> tuple[jax.Array, jax.Array, Params]:
        (loss, count), gradient = jax.value_and_grad(loss_fn, has_aux=True)(params, part, number)
        return loss, count, gradient

    def add_part(total: Any, numbered: tuple[TrainBatch, jax.Array]) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, part_gradient(*numbered)), None

    num_parts = len(batch.loss_mask)  # static: it is part of the shape
    first = jax.tree.map(lambda leaf: leaf[0], batch)
    # A batch in one part needs no second gradient in memory to add to.
    if num_parts == 1:
        return part_gradient(first, jnp.int32(0))
    # The scan begins with zeros, not with the first part's gradient, which would have the network compiled twice.
    # They have no sharding of their own: the partitioner gives the carry that of the gradients added to it.
    zeros = jax.tree.map(jnp.zeros_like, jax.eval_shape(part_gradient, first, jnp.int32(0)))
    total, _ = jax.lax.scan(add_part, zeros, (batch, jnp.arange(num_parts, dtype=jnp.int32)))
    loss, num_tokens, gradient = total
    return loss, num_tokens, gradient


def part_nll(
    model: PolicyModel, params: Params, part: TrainBatch, key: jax.Array | None
) -> tuple[jax.Array, jax.Array]:
    """Return the summed negative log-likelihood of a part's targets, and how many there are; arguments as elsewhere."""
    network = model.bind(params)
    hidden = network.program_states(part.encoder_input_tokens, part.encoder_mask, part.decoder_input_tokens, key)
    return token_nll(network.logits(hidden), part.decoder_target_tokens, part.loss_mask)  # of float32 [B, T, V]


def token_nll(logits: jax.Array, targets: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Sum the negative log-likelihood over the masked-in targets (paper, section 3.2).

    Args:
        logits: float32 [B, T, V].
        targets: int32 [B, T].
        mask: bool [B, T], true at targets that count.

    Returns:
        The sum in nats, and how many targets it is over: divide once, so that parts of a batch can be added up.
    """
    return jnp.sum(target_nll(logits, targets, mask)), jnp.sum(mask)


def target_nll(logits: jax.Array, targets: jax.Array, mask: jax.Array) -> jax.Array:
    """Return the negative log-likelihood of each target in nats, float32 [B, T], 0 where the mask is false.

    Args:
        logits: float32 [B, T, V].
        targets: int32 [B, T].
        mask: bool [B, T].
    """
    chosen = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]  # [B, T]
    nll = jax.nn.logsumexp(logits, axis=-1) - chosen  # [B, T]
    # A select, not a product with the mask: infinity times zero would be NaN.
    return jnp.where(mask, nll, 0.0)
