"""AdamW as the configuration wants it."""

from collections.abc import Callable
from typing import Any

import jax
import optax

from codeit_jax.config.errors import UserError
from codeit_jax.config.schema import TrainingConfig


def make_optimizer(config: TrainingConfig) -> optax.GradientTransformation:
    """Return AdamW with optional clipping, at the rate of `learning_rate_schedule`.

    Raises:
        UserError: the settings of the schedule contradict each other.
    """
    # The schedule counts the optimizer's own steps: a fresh optimizer for each stage begins it again.
    rate = learning_rate_schedule(config)
    adamw = optax.adamw(rate, b1=config.beta1, b2=config.beta2, weight_decay=config.weight_decay)
    clipped = optax.chain(optax.clip_by_global_norm(config.clip_norm), adamw) if config.clip_norm else adamw
    return optax.GradientTransformation(clipped.init, _promoting(clipped.update))


def _promoting(update: Callable[..., Any]) -> Callable[..., Any]:
    """Allow optax to raise a float to the power of an integer step, which strict promotion refuses."""

    def promote(*arguments: Any) -> Any:
        # Around optax alone: everything of our own stays under strict promotion, which the tests switch on.
        with jax.numpy_dtype_promotion("standard"):
            return update(*arguments)

    return promote


def learning_rate_schedule(config: TrainingConfig) -> optax.ScalarOrSchedule:
    """Return the rate by the number of steps taken: linear warm-up, then constant as in the paper, or a decay.

    Raises:
        UserError: a decay without steps, steps without a decay, or a decay that ends above its start.
    """
    if (config.schedule == "constant") != (config.decay_steps == 0):
        expected = "0 for the constant schedule" if config.decay_steps else f"at least 1 for schedule {config.schedule}"
        raise UserError(f"training.decay_steps is {config.decay_steps}, expected {expected}")
    if config.min_learning_rate > config.learning_rate:
        raise UserError(
            f"training.min_learning_rate is {config.min_learning_rate}, expected at most training.learning_rate, "
            f"which is {config.learning_rate}"
        )
    after: optax.ScalarOrSchedule = config.learning_rate
    if config.schedule == "linear":
        after = optax.linear_schedule(config.learning_rate, config.min_learning_rate, config.decay_steps)
    elif config.schedule == "cosine":
        lowest = config.min_learning_rate / config.learning_rate
        after = optax.cosine_decay_schedule(config.learning_rate, config.decay_steps, alpha=lowest)
    if not config.warmup_steps:
        return after
    warmup = optax.linear_schedule(0.0, config.learning_rate, config.warmup_steps)
    return warmup if config.schedule == "constant" else optax.join_schedules([warmup, after], [config.warmup_steps])
