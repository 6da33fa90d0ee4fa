"""Exact tests of the train step: a twin of AdamW, guards, sharding, and training on from the middle."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codeit_jax.config import ModelConfig, ParallelConfig, TextConfig, TrainingConfig
from codeit_jax.errors import DivergedError
from codeit_jax.model import T5Model
from codeit_jax.parallel import batch_sharding, make_mesh, param_shardings
from codeit_jax.text import build_tokenizer
from codeit_jax.training import TrainBatch, TrainState, init_state, make_optimizer, train_step
from codeit_jax.training.learner import Learner
from codeit_jax.training.loss import token_nll

SIZES = {"d_model": 16, "d_ff": 24, "d_kv": 4, "num_heads": 2, "num_encoder_layers": 1, "num_decoder_layers": 1}
MODEL = T5Model(ModelConfig(**SIZES, dropout=0.0), 400)
CONFIG = TrainingConfig(learning_rate=1e-2, batch_size=8, clip_norm=0.5, max_skipped_steps=2)
OPTIMIZER = make_optimizer(CONFIG)


def make_batch(seed: int = 0, rows: int = 8) -> TrainBatch:
    rng = np.random.default_rng(seed)
    targets = rng.integers(3, 300, (rows, 6)).astype(np.int32)
    return TrainBatch(
        encoder_input_tokens=rng.integers(3, 400, (rows, 10)).astype(np.int32),
        encoder_mask=np.arange(10)[None] < rng.integers(1, 11, (rows, 1)),
        decoder_input_tokens=np.insert(targets, 0, 1, axis=1)[:, :6].astype(np.int32),
        decoder_target_tokens=targets,
        loss_mask=np.arange(6)[None] < rng.integers(1, 7, (rows, 1)),
    )


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
    after, metrics = train_step(MODEL, OPTIMIZER, state, make_batch(), jax.random.key(0))
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
        state, metrics = train_step(MODEL, OPTIMIZER, state, make_batch(), jax.random.key(0))
        losses.append(float(metrics.loss))
    assert losses[-1] < 0.5 * losses[0]


def test_a_step_that_is_not_finite_changes_nothing(state):
    params = jax.tree.map(np.array, state.params)
    params["embedding"][5, 3] = np.inf
    broken = TrainState(step=state.step, params=jax.tree.map(jnp.asarray, params), opt_state=state.opt_state)
    after, metrics = train_step(MODEL, OPTIMIZER, broken, make_batch(), jax.random.key(0))
    assert bool(metrics.skipped)
    assert int(after.step) == 0
    jax.tree.map(np.testing.assert_array_equal, after.params, params)


def test_eight_devices_take_the_step_of_one(state):
    """Loss and parameters within float32 rounding: sums over rows are taken in another order."""
    mesh = make_mesh(ParallelConfig(data=2, fsdp=2, tensor=2), jax.devices())
    copy = jax.tree.map(jnp.copy, state)
    single, one = train_step(MODEL, OPTIMIZER, state, make_batch(), jax.random.key(0))
    sharded_state = jax.device_put(copy, param_shardings(mesh, copy))
    sharded_batch = jax.device_put(make_batch(), batch_sharding(mesh))
    sharded, eight = train_step(MODEL, OPTIMIZER, sharded_state, sharded_batch, jax.random.key(0))
    np.testing.assert_allclose(eight.loss, one.loss, rtol=1e-5)
    np.testing.assert_allclose(eight.grad_norm, one.grad_norm, rtol=1e-4)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-4), sharded.params, single.params)


def test_parameters_are_born_sharded():
    mesh = make_mesh(ParallelConfig(data=2, fsdp=2, tensor=2), jax.devices())
    state = init_state(MODEL, OPTIMIZER, mesh, jax.random.key(0))
    inner = state.params["encoder"]["layers"]["feed_forward"]["inner"]
    assert inner.sharding.spec == jax.sharding.PartitionSpec(None, "fsdp", "tensor")
    moments = [leaf for leaf in jax.tree.leaves(state.opt_state) if leaf.shape == inner.shape]
    assert moments
    assert all(leaf.sharding.is_equivalent_to(inner.sharding, leaf.ndim) for leaf in moments)


class TestLearner:
    """The learning stage on a draw."""

    text = TextConfig(prompt_buckets=(16,), program_buckets=(8,))
    tokenizer = build_tokenizer("native")

    def learner(self) -> Learner:
        mesh = make_mesh(ParallelConfig(), jax.devices()[:1])
        return Learner(MODEL, OPTIMIZER, self.tokenizer, CONFIG, self.text, mesh)

    def draw(self):
        from codeit_jax.replay import TokenRows
        from codeit_jax.training.experience_replay import Draw

        rng = np.random.default_rng(3)
        rows = [TokenRows.from_rows([rng.integers(3, 300, 7) for _ in range(40)]) for _ in range(2)]
        return Draw(
            prompts=rows[0], programs=rows[1], origins=np.zeros(40, np.int8), performance=np.zeros(40, np.float32)
        )

    def test_going_on_in_the_middle_gives_the_same_bits(self, state):
        learner, draw = self.learner(), self.draw()
        plan = learner.plan(draw, 2, np.random.default_rng(0))
        copy = jax.tree.map(jnp.copy, state)
        whole, all_steps = learner.train(state, draw, plan, jax.random.key(4))
        assert len(all_steps) == len(plan) == 10
        stops = iter([False, False, False, True])
        part, taken = learner.train(copy, draw, plan, jax.random.key(4), should_stop=lambda: next(stops))
        assert len(taken) == 3
        rest, steps = learner.train(part, draw, plan, jax.random.key(4), taken=taken)
        assert learner.summarize(draw, plan, steps) == learner.summarize(draw, plan, all_steps)
        jax.tree.map(np.testing.assert_array_equal, rest.params, whole.params)

    def test_too_many_skipped_steps_stop_the_run(self, state):
        params = jax.tree.map(lambda leaf: leaf * jnp.nan, state.params)
        learner, draw = self.learner(), self.draw()
        plan = learner.plan(draw, 1, np.random.default_rng(0))
        broken = TrainState(step=state.step, params=params, opt_state=state.opt_state)
        with pytest.raises(DivergedError, match="3 steps in a row, expected at most 2"):
            learner.train(broken, draw, plan, jax.random.key(0))

    def test_an_empty_draw_is_no_error(self, state):
        draw = self.draw()
        empty = type(draw)(
            prompts=draw.prompts[:0],
            programs=draw.programs[:0],
            origins=draw.origins[:0],
            performance=draw.performance[:0],
        )
        learner = self.learner()
        plan = learner.plan(empty, 1, np.random.default_rng(0))
        after, steps = learner.train(state, empty, plan, jax.random.key(0))
        metrics = learner.summarize(empty, plan, steps)
        assert (metrics.num_steps, metrics.loss, metrics.final_loss) == (0, None, None)
        assert int(after.step) == 0
