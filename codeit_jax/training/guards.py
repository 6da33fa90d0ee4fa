"""Guards of the learning stage: steps that aren't finite, and loss spikes."""

import math
from collections.abc import Sequence

import numpy as np

from codeit_jax.config.errors import DivergedError
from codeit_jax.config.schema import TrainingConfig
from codeit_jax.training.train_step import StepMetrics

WINDOW = 16  # steps whose mean loss a new loss is compared with
LEAST = 4  # of them; fewer are no measure


def spike_limit(steps: Sequence[StepMetrics], number: int, factor: float) -> float:
    """Return the loss above which the step of this number, counted from 0, is a spike.

    The last step but one is the newest that is looked at: the last one may still run on the device.

    Args:
        steps: of the learning stage; all before `number - 1` are on the host.
        number: of the step.
        factor: times the mean of the window.

    Returns:
        The limit in nats; infinity while there are too few steps to compare with.
    """
    # Without skipped steps: one loss that isn't finite would make the mean so too, and a spike would hide the next.
    recent = [float(step.loss) for step in steps[max(0, number - 1 - WINDOW) : max(0, number - 1)] if not step.skipped]
    return factor * float(np.mean(recent)) if len(recent) >= LEAST else math.inf


def count_spikes(steps: Sequence[StepMetrics], factor: float) -> int:
    """Count the finite losses above their limits."""
    # Afterwards and from the numbers alone, so that a stage counts the same whether or not it was interrupted.
    losses = [float(step.loss) for step in steps]
    return sum(math.isfinite(loss) and loss > spike_limit(steps, n, factor) for n, loss in enumerate(losses))


def check_skipped(steps: Sequence[StepMetrics], config: TrainingConfig) -> None:
    """Raise if the last steps were all skipped, more of them than allowed.

    Raises:
        DivergedError: with the number of the last good step.
    """
    run = 0
    while run < len(steps) and steps[-1 - run].skipped:
        run += 1
    if run > config.max_skipped_steps:
        cause = "wasn't finite or spiked" if config.skip_spikes else "wasn't finite"
        raise DivergedError(
            f"loss or gradient {cause} in {run} steps in a row, expected at most {config.max_skipped_steps}; the last "
            f"good step was number {len(steps) - run}: lower training.learning_rate or set training.clip_norm"
        )
