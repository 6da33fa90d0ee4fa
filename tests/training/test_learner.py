"""Exact and contract tests of the learning stage: same bits however it is fed, cut and stopped; compiled once."""

from dataclasses import asdict

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from codeit_jax.config.errors import DivergedError
from codeit_jax.config.schema import HardwareConfig, ModelConfig, TextConfig, TrainingConfig
from codeit_jax.model import T5Model
from codeit_jax.parallel import batch_sharding, make_mesh
from codeit_jax.parallel.sharding_rules import param_shardings
from codeit_jax.replay import TokenRows
from codeit_jax.text import build_tokenizer
from codeit_jax.training import TrainState, make_optimizer, train_step
from codeit_jax.training.batches import collate, prefetch
from codeit_jax.training.compilation import compilations
from codeit_jax.training.experience_replay import Draw
from codeit_jax.training.learner import Learner
from codeit_jax.training.throughput import StepTrace

SIZES = {"d_model": 16, "d_ff": 24, "d_kv": 4, "num_heads": 2, "num_encoder_layers": 1, "num_decoder_layers": 1}
MODEL = T5Model(ModelConfig(**SIZES, dropout=0.1), 400)
# A row has at most 16 + 8 tokens, so a batch of 8 comes in two parts.
CONFIG = TrainingConfig(learning_rate=1e-2, batch_size=8, tokens_per_device=96, max_skipped_steps=2)
OPTIMIZER = make_optimizer(CONFIG)
TEXT = TextConfig(prompt_buckets=(8, 16), program_buckets=(8,))
TOKENIZER = build_tokenizer("native")


def make_learner(devices=1, trace=None):
    mesh = make_mesh(HardwareConfig(tensor=min(2, devices)), jax.devices()[:devices])
    return Learner(MODEL, OPTIMIZER, TOKENIZER, CONFIG, TEXT, mesh, trace), mesh


def make_draw(number=40, seed=3, prompt_length=16):
    rng = np.random.default_rng(seed)
    rows = [
        TokenRows.from_rows([rng.integers(3, 300, rng.integers(1, length + 1)) for _ in range(number)])
        for length in (prompt_length, 8)
    ]
    return Draw(
        prompts=rows[0], programs=rows[1], origins=np.zeros(number, np.int8), performance=np.zeros(number, np.float32)
    )


def make_state(random_params, mesh):
    params = random_params(MODEL)
    state = TrainState(step=jnp.zeros((), jnp.int32), params=params, opt_state=OPTIMIZER.init(params))
    return jax.device_put(state, param_shardings(mesh, state))


def plan_of(learner, draw, epochs=1):
    return learner.plan(draw, epochs, np.random.default_rng(0))


KEY = jax.random.key(4)


def test_going_on_in_the_middle_gives_the_same_bits(random_params):
    (learner, mesh), draw = make_learner(), make_draw()
    plan = plan_of(learner, draw, epochs=2)
    whole, all_steps, _ = learner.learn(make_state(random_params, mesh), draw, plan, KEY)
    assert len(all_steps) == len(plan) == 10
    stops = iter([False, False, False, True])
    part, taken, _ = learner.learn(make_state(random_params, mesh), draw, plan, KEY, should_stop=lambda: next(stops))
    assert len(taken) == 3
    rest, steps, _ = learner.learn(part, draw, plan, KEY, taken=taken)
    assert learner.summarize(draw, plan, steps) == learner.summarize(draw, plan, all_steps)
    jax.tree.map(np.testing.assert_array_equal, rest.params, whole.params)


def test_batches_made_ahead_give_the_bits_of_a_plain_loop(random_params):
    (learner, mesh), draw = make_learner(), make_draw()
    plan = plan_of(learner, draw)
    fed, steps, _ = learner.learn(make_state(random_params, mesh), draw, plan, KEY)
    state = make_state(random_params, mesh)
    parts = NamedSharding(mesh, PartitionSpec(None, *batch_sharding(mesh).spec))
    for number, planned in enumerate(plan):
        batch = collate(draw, planned, TOKENIZER)
        assert len(batch.loss_mask) == 2
        key = jax.random.fold_in(KEY, number)
        state, metrics = train_step(MODEL, OPTIMIZER, state, jax.device_put(batch, parts), key, np.float32(np.inf))
        assert float(metrics.loss) == float(steps[number].loss)
        assert int(metrics.num_tokens) == batch.loss_mask.sum()
    jax.tree.map(np.testing.assert_array_equal, fed.params, state.params)


@pytest.mark.parametrize("devices", [1, pytest.param(8, marks=pytest.mark.slow)])
def test_everything_is_compiled_before_the_first_step(random_params, devices):
    """The first draw has short prompts only; what the second needs besides was compiled with it."""
    learner, mesh = make_learner(devices)
    short, mixed = make_draw(16, prompt_length=7), make_draw(48)
    count = compilations()
    state, _, _ = learner.learn(make_state(random_params, mesh), short, plan_of(learner, short), KEY)
    plan = plan_of(learner, mixed)
    assert len({batch.shape for batch in plan}) == 2
    before = count.number
    _, _, second = learner.learn(state, mixed, plan, KEY)
    assert count.number == before
    assert second.t_compilations == 0


def test_the_stage_tells_its_times(random_params):
    (learner, mesh), draw = make_learner(), make_draw()
    plan = plan_of(learner, draw)
    _, steps, times = learner.learn(make_state(random_params, mesh), draw, plan, KEY)
    assert all(name.startswith("t_") for name in asdict(times))
    seconds = times.t_step_seconds * len(plan)
    tokens = (draw.prompts.lengths + draw.programs.lengths).sum()
    assert times.t_tokens_per_second == pytest.approx(tokens / seconds)
    assert times.t_mfu is None  # nobody publishes a CPU's peak
    assert 0 <= times.t_feed_seconds <= seconds
    assert not any(name.startswith("t_") for name in asdict(learner.summarize(draw, plan, steps)))


def test_too_many_skipped_steps_stop_the_run(random_params):
    (learner, mesh), draw = make_learner(), make_draw()
    broken = make_state(lambda model: jax.tree.map(lambda leaf: leaf * jnp.nan, random_params(model)), mesh)
    with pytest.raises(DivergedError, match="3 steps in a row, expected at most 2.* was number 0:"):
        learner.learn(broken, draw, plan_of(learner, draw), KEY)


def test_an_empty_draw_is_no_error(random_params):
    (learner, mesh), draw = make_learner(), make_draw(0)
    plan = plan_of(learner, draw)
    after, steps, times = learner.learn(make_state(random_params, mesh), draw, plan, KEY)
    metrics = learner.summarize(draw, plan, steps)
    assert (metrics.num_steps, metrics.loss, metrics.final_loss, metrics.useful_share) == (0, None, None, 1.0)
    assert (times.t_tokens_per_second, times.t_step_seconds, times.t_compilations) == (None, None, 0)
    assert int(after.step) == 0


def test_a_batchs_parts_are_told():
    learner, _ = make_learner()
    expected = "training batch: 8 examples in 2 x 4 of 8 + 8 tokens to 2 x 4 of 16 + 8 tokens, 2 shapes, on 1 device"
    assert learner.describe() == expected


def test_prefetched_items_come_in_order_and_errors_where_they_belong():
    made = []

    def make(number):
        made.append(number)
        return 10 // (3 - number)

    items = prefetch(make, range(100))
    assert [next(items) for _ in range(3)] == [3, 5, 10]
    with pytest.raises(ZeroDivisionError):
        next(items)
    assert made == sorted(made)
    assert len(made) < 10
    assert list(prefetch(make, [])) == []


def test_a_trace_is_of_the_steps_asked_for(monkeypatch, tmp_path):
    calls, said = [], []
    monkeypatch.setattr(jax.profiler, "start_trace", lambda folder: calls.append(f"start {folder}"))
    monkeypatch.setattr(jax.profiler, "stop_trace", lambda: calls.append("stop"))
    trace = StepTrace(HardwareConfig(profile_start=3, profile_steps=2), tmp_path, said.append)
    for step in range(1, 10):
        trace.before_step()
        calls.append(step)
    trace.stop()
    # Step 6 is given to the device when steps 3 and 4 are done.
    assert calls == [1, 2, f"start {tmp_path}", 3, 4, 5, "stop", 6, 7, 8, 9]
    assert said == [f"profiled from learning step 3 on: xprof --logdir {tmp_path}"]


def test_a_trace_ends_with_its_learning_stage(random_params, tmp_path):
    said = []
    (learner, mesh), draw = (
        make_learner(trace=StepTrace(HardwareConfig(profile_start=5, profile_steps=50), tmp_path, said.append)),
        make_draw(),
    )
    learner.learn(make_state(random_params, mesh), draw, plan_of(learner, draw), KEY)
    assert len(said) == 1
    assert list(tmp_path.rglob("*.xplane.pb"))


def test_a_trace_is_written_when_its_learning_stage_fails(random_params, monkeypatch, tmp_path):
    calls, answers = [], iter([False, False])
    monkeypatch.setattr(jax.profiler, "start_trace", lambda folder: calls.append("start"))
    monkeypatch.setattr(jax.profiler, "stop_trace", lambda: calls.append("stop"))
    trace = StepTrace(HardwareConfig(profile_start=1, profile_steps=50), tmp_path, calls.append)
    (learner, mesh), draw = make_learner(trace=trace), make_draw()
    with pytest.raises(StopIteration):
        learner.learn(
            make_state(random_params, mesh), draw, plan_of(learner, draw), KEY, should_stop=lambda: next(answers)
        )
    assert calls[:2] == ["start", "stop"]
