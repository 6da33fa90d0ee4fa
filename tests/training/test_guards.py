"""Exact tests of the guards against leaping losses, and of the optimizer's settings."""

import numpy as np
import pytest

from codeit_jax.config.errors import DivergedError, UserError
from codeit_jax.config.schema import TrainingConfig
from codeit_jax.training.guards import check_skipped, count_spikes, spike_limit
from codeit_jax.training.optimizer import learning_rate_schedule, make_optimizer
from codeit_jax.training.train_step import StepMetrics


def steps_of(losses, skipped=()):
    return [
        StepMetrics(loss=loss, grad_norm=1.0, num_tokens=5, skipped=number in skipped)
        for number, loss in enumerate(losses)
    ]


def test_a_loss_a_hundred_times_the_mean_before_is_counted():
    losses = [2.0] * 10
    assert count_spikes(steps_of(losses), 100.0) == 0
    losses[7] = 201.0
    assert count_spikes(steps_of(losses), 100.0) == 1
    losses[7] = 199.0
    assert count_spikes(steps_of(losses), 100.0) == 0
    losses[7] = float("nan")
    assert count_spikes(steps_of(losses, skipped={7}), 100.0) == 0


def test_the_first_losses_are_no_measure():
    steps = steps_of([1.0, 1.0, 1.0, 500.0, 500.0])
    assert [spike_limit(steps, number, 100.0) for number in range(5)] == [np.inf] * 5
    assert spike_limit(steps, 5, 100.0) == pytest.approx(100.0 * 503 / 4)


def test_the_limit_looks_back_sixteen_steps_and_never_at_the_last_or_at_skipped_ones():
    steps = steps_of([1000.0, *[2.0] * 15, 1e9, 7.0], skipped={16})
    assert spike_limit(steps, 18, 10.0) == pytest.approx(20.0)
    assert spike_limit(steps[:17], 18, 10.0) == spike_limit(steps, 18, 10.0)


def test_skipped_steps_count_only_in_a_row():
    config = TrainingConfig(max_skipped_steps=2)
    for skipped in ({0, 1}, {3, 4}, {0, 2, 4}):
        check_skipped(steps_of([1.0] * 5, skipped), config)
    with pytest.raises(DivergedError, match="wasn't finite in 3 steps in a row, expected at most 2;.* was number 2:"):
        check_skipped(steps_of([1.0] * 5, {2, 3, 4}), config)
    with pytest.raises(DivergedError, match="wasn't finite or spiked in 3"):
        check_skipped(steps_of([1.0] * 3, {0, 1, 2}), TrainingConfig(max_skipped_steps=2, skip_spikes=True))


def rates(steps, **settings):
    rate = learning_rate_schedule(TrainingConfig(learning_rate=1.0, **settings))
    return [float(rate(step)) if callable(rate) else rate for step in steps]


def test_the_rate_is_constant_unless_asked():
    assert rates([0, 10, 10_000]) == [1.0, 1.0, 1.0]
    assert rates([0, 5, 10, 10_000], warmup_steps=10) == [0.0, 0.5, 1.0, 1.0]


def test_the_rate_decays_to_its_least_and_stays():
    decay = {"warmup_steps": 10, "decay_steps": 100, "min_learning_rate": 0.2}
    linear = rates([5, 10, 60, 110, 500], schedule="linear", **decay)
    np.testing.assert_allclose(linear, [0.5, 1.0, 0.6, 0.2, 0.2], rtol=1e-6)
    # The cosine is the processor's, in float32.
    cosine = rates([5, 10, 35, 60, 110, 500], schedule="cosine", **decay)
    np.testing.assert_allclose(cosine, [0.5, 1.0, 0.2 + 0.4 * (1 + np.sqrt(0.5)), 0.6, 0.2, 0.2], rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"schedule": "cosine"}, "training.decay_steps is 0, expected at least 1 for schedule cosine"),
        ({"decay_steps": 5}, "training.decay_steps is 5, expected 0 for the constant schedule"),
        (
            {"schedule": "linear", "decay_steps": 5, "min_learning_rate": 1.0},
            "training.min_learning_rate is 1.0, expected at most training.learning_rate, which is 5e-05",
        ),
    ],
)
def test_a_schedule_that_contradicts_itself_is_a_user_error(settings, message):
    with pytest.raises(UserError, match=f"^{message}$"):
        make_optimizer(TrainingConfig(**settings))
