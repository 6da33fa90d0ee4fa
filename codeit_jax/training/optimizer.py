"""AdamW as the configuration wants it."""

import optax

from codeit_jax.config import TrainingConfig


def make_optimizer(config: TrainingConfig) -> optax.GradientTransformation:
    """Return AdamW with optional linear warm-up and clipping; the rate is constant afterwards, as in the paper."""
    rate: optax.ScalarOrSchedule = config.learning_rate
    if config.warmup_steps:
        rate = optax.linear_schedule(0.0, config.learning_rate, config.warmup_steps)
    adamw = optax.adamw(rate, b1=config.beta1, b2=config.beta2, weight_decay=config.weight_decay)
    return optax.chain(optax.clip_by_global_norm(config.clip_norm), adamw) if config.clip_norm else adamw
