"""Exact and twin tests of the train step: AdamW by hand, guards, parts of a batch, sharding, precision, memory."""

import warnings
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from codeit_jax.config.schema import HardwareConfig, ModelConfig, TrainingConfig
from codeit_jax.model import T5Model
from codeit_jax.parallel import batch_sharding, make_mesh, param_shardings
from codeit_jax.training import TrainBatch, TrainState, init_state, make_optimizer, train_step
from codeit_jax.training.compilation import compilations
from codeit_jax.training.train_step import batch_gradient, token_nll

SIZES = {"d_model": 16, "d_ff": 24, "d_kv": 4, "num_heads": 2, "num_encoder_layers": 1, "num_decoder_layers": 1}
MODEL = T5Model(ModelConfig(**SIZES, dropout=0.0), 400)
CONFIG = TrainingConfig(learning_rate=1e-2, batch_size=8, clip_norm=0.5, max_skipped_steps=2)
OPTIMIZER = make_optimizer(CONFIG)


def make_batch(seed: int = 0, rows: int = 8) -> TrainBatch:
    """Make a batch of one part."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(3, 300, (rows, 6)).astype(np.int32)
    batch = TrainBatch(
        encoder_input_tokens=rng.integers(3, 400, (rows, 10)).astype(np.int32),
        encoder_mask=np.arange(10)[None] < rng.integers(1, 11, (rows, 1)),
        decoder_input_tokens=np.insert(targets, 0, 1, axis=1)[:, :6].astype(np.int32),
        decoder_target_tokens=targets,
        loss_mask=np.arange(6)[None] < rng.integers(1, 7, (rows, 1)),
    )
    return jax.tree.map(lambda array: array[None], batch)


def take(state, batch, key, model=MODEL, loss_limit=np.inf):
    return train_step(model, OPTIMIZER, state, batch, key, np.float32(loss_limit))


def split_rows(mesh):
    """Return the sharding of a batch whose parts are split over the devices by rows."""
    return NamedSharding(mesh, PartitionSpec(None, *batch_sharding(mesh).spec))


@pytest.fixture
def state(random_params) -> TrainState:
    params = random_params(MODEL)
    return TrainState(step=jnp.zeros((), jnp.int32), params=params, opt_state=OPTIMIZER.init(params))


def test_loss_is_the_mean_over_masked_in_targets():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 3, 5))
    targets = rng.integers(0, 5, (2, 3))
    mask = np.array([[True, True, False], [True, False, False]])
    total, count = token_nll(jnp.asarray(logits), jnp.asarray(targets), jnp.asarray(mask))
    want = sum(
        np.log(np.exp(logits[b, t]).sum()) - logits[b, t, targets[b, t]]
        for b in range(2)
        for t in range(3)
        if mask[b, t]
    )
    np.testing.assert_allclose(total, want, rtol=1e-5)
    assert int(count) == 3


def test_one_step_is_clipped_adamw(state):
    """The first AdamW step by hand: m / (sqrt(v) + eps) is the gradient's sign, plus decay."""
    before = jax.tree.map(np.asarray, state.params)
    after, metrics = take(state, make_batch(), jax.random.key(0))
    moved = jax.tree.map(lambda new, old: np.asarray(new) - old, after.params, before)
    change = (
        moved["decoder"]["final_norm"]["scale"]
        + CONFIG.learning_rate * CONFIG.weight_decay * before["decoder"]["final_norm"]["scale"]
    )
    np.testing.assert_allclose(np.abs(change), CONFIG.learning_rate, rtol=1e-2)
    assert int(after.step) == 1
    assert not bool(metrics.skipped)
    assert int(metrics.num_tokens) == make_batch().loss_mask.sum()


def test_training_lowers_the_loss(state):
    losses = []
    for _ in range(30):
        state, metrics = take(state, make_batch(), jax.random.key(0))
        losses.append(float(metrics.loss))
    assert losses[-1] < 0.5 * losses[0]


def test_a_step_that_is_not_finite_changes_nothing(state):
    params = jax.tree.map(np.array, state.params)
    params["embedding"][5, 3] = np.inf
    broken = TrainState(step=state.step, params=jax.tree.map(jnp.asarray, params), opt_state=state.opt_state)
    after, metrics = take(broken, make_batch(), jax.random.key(0))
    assert bool(metrics.skipped)
    assert int(after.step) == 0
    jax.tree.map(np.testing.assert_array_equal, after.params, params)


def test_eight_devices_take_the_step_of_one(state):
    """Loss and parameters within float32 rounding: sums over rows are taken in another order."""
    mesh = make_mesh(HardwareConfig(data=2, fsdp=2, tensor=2), jax.devices())
    copy = jax.tree.map(jnp.copy, state)
    single, one = take(state, make_batch(), jax.random.key(0))
    sharded_state = jax.device_put(copy, param_shardings(mesh, copy))
    sharded_batch = jax.device_put(make_batch(), split_rows(mesh))
    sharded, eight = take(sharded_state, sharded_batch, jax.random.key(0))
    np.testing.assert_allclose(eight.loss, one.loss, rtol=1e-5)
    np.testing.assert_allclose(eight.grad_norm, one.grad_norm, rtol=1e-4)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-4), sharded.params, single.params)


@pytest.mark.parametrize("devices", [1, 8])
def test_a_batch_in_parts_gives_the_step_of_the_whole(state, devices):
    """Parts with very different numbers of targets: the mean is over the batch's targets."""
    batch = make_batch(1)
    batch.encoder_mask[0, :4, 5:] = False
    batch.loss_mask[0, :4, 2:] = False
    parts = jax.tree.map(lambda array: array.reshape(2, 4, -1), batch)
    copy = jax.tree.map(jnp.copy, state)
    whole, one = take(state, batch, jax.random.key(0))
    if devices > 1:
        mesh = make_mesh(HardwareConfig(data=2, fsdp=2, tensor=2), jax.devices())
        copy = jax.device_put(copy, param_shardings(mesh, copy))
        parts = jax.device_put(parts, split_rows(mesh))
    summed, two = take(copy, parts, jax.random.key(0))
    assert int(one.num_tokens) == int(two.num_tokens) == batch.loss_mask.sum()
    np.testing.assert_allclose(two.loss, one.loss, rtol=1e-5)
    np.testing.assert_allclose(two.grad_norm, one.grad_norm, rtol=1e-4)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-4), summed.params, whole.params)


def test_a_whole_step_is_one_program(state):
    """Of any number of parts: one call, one executable, nothing compiled or dispatched beside it."""
    parts = jax.tree.map(lambda array: array.reshape(4, 2, -1), make_batch())
    count = compilations()
    lowered = train_step.lower(MODEL, OPTIMIZER, state, parts, jax.random.key(0), np.float32(np.inf))
    before = count.number
    lowered.compile()
    assert count.number == before + 1
    take(state, parts, jax.random.key(0))
    assert count.number == before + 1


def test_the_sum_of_gradients_is_split_like_the_parameters(state):
    """Propagation must shard the accumulator of a scan that begins with zeros: a whole copy wouldn't fit."""
    mesh = make_mesh(HardwareConfig(data=1, fsdp=4, tensor=2), jax.devices())
    state = jax.device_put(state, param_shardings(mesh, state))
    parts = jax.device_put(jax.tree.map(lambda array: array.reshape(2, 4, -1), make_batch()), split_rows(mesh))
    compiled = jax.jit(batch_gradient, static_argnums=0).lower(MODEL, state.params, parts, jax.random.key(0)).compile()
    _, _, shardings = compiled.output_shardings
    embedding = shardings["embedding"]
    assert embedding.shard_shape((400, 16)) == (200, 4)


def test_a_loss_above_the_limit_is_left_out(state):
    before = jax.tree.map(np.asarray, state.params)
    state, metrics = take(state, make_batch(), jax.random.key(0), loss_limit=1.0)
    assert bool(metrics.skipped)
    assert float(metrics.loss) > 1.0
    jax.tree.map(np.testing.assert_array_equal, state.params, before)


def test_the_state_is_updated_in_place(state):
    before = jax.tree.leaves((state.params, state.opt_state))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # JAX warns of donated memory that it couldn't use
        after, _ = take(state, make_batch(), jax.random.key(0))
    assert all(leaf.is_deleted() for leaf in before)
    addresses = {leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves(after)}
    assert len(addresses) == len(jax.tree.leaves(after))


def test_bfloat16_computes_but_keeps_nothing(state):
    """Weights, gradients and the optimizer's state stay float32; the loss moves by bfloat16's rounding, 2 ** -8."""
    half = T5Model(replace(MODEL.config, dtype="bfloat16"), 400)
    batch, key = make_batch(), jax.random.key(0)
    _, _, gradient = jax.jit(batch_gradient, static_argnums=0)(half, state.params, batch, key)
    assert {leaf.dtype for leaf in jax.tree.leaves(gradient)} == {np.dtype(np.float32)}
    copy = jax.tree.map(jnp.copy, state)
    after, low = take(state, batch, key, model=half)
    assert {leaf.dtype for leaf in jax.tree.leaves((after.params, after.opt_state))} <= {
        np.dtype(np.float32),
        np.dtype(np.int32),
    }
    _, exact = take(copy, batch, key)
    assert float(low.loss) != float(exact.loss)
    np.testing.assert_allclose(low.loss, exact.loss, rtol=1e-2)
    np.testing.assert_allclose(low.grad_norm, exact.grad_norm, rtol=5e-2)


@pytest.mark.slow
def test_saving_memory_and_unrolling_change_no_gradient(random_params):
    config = replace(MODEL.config, num_encoder_layers=2, num_decoder_layers=2)
    params = random_params(T5Model(config, 400))
    gradients = []
    for scan_layers, remat in ((True, "none"), (True, "layer"), (False, "dots")):
        model = T5Model(replace(config, scan_layers=scan_layers, remat=remat), 400)
        total = jax.jit(batch_gradient, static_argnums=0)(model, params, make_batch(), jax.random.key(3))
        gradients.append(jax.tree.map(np.asarray, total))
    for other in gradients[1:]:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-5), other, gradients[0])


def test_parameters_are_born_sharded():
    mesh = make_mesh(HardwareConfig(data=2, fsdp=2, tensor=2), jax.devices())
    state = init_state(MODEL, OPTIMIZER, mesh, jax.random.key(0))
    inner = state.params["encoder"]["layers"]["feed_forward"]["inner"]
    assert inner.sharding.spec == jax.sharding.PartitionSpec(None, "fsdp", "tensor")
    moments = [leaf for leaf in jax.tree.leaves(state.opt_state) if leaf.shape == inner.shape]
    assert moments
    assert all(leaf.sharding.is_equivalent_to(inner.sharding, leaf.ndim) for leaf in moments)
