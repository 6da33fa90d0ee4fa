"""The learning stage: batches of one draw through the train step, with a guard against divergence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import numpy as np
import optax
from jax.sharding import Mesh

from codeit_jax.config import TextConfig, TrainingConfig
from codeit_jax.errors import DivergedError
from codeit_jax.model import T5Model
from codeit_jax.parallel.mesh import batch_sharding, num_batch_shards
from codeit_jax.text.tokenizer import Tokenizer
from codeit_jax.training.batches import PlannedBatch, collate, plan_batches, useful_share
from codeit_jax.training.experience_replay import Draw
from codeit_jax.training.step import StepMetrics, TrainState, train_step

METRICS_EVERY = 16  # steps between reads of the device's scalars: each read waits for the device


@dataclass(frozen=True, kw_only=True)
class LearningMetrics:
    """What a learning stage did.

    Attributes:
        num_steps: optimizer steps, skipped ones included.
        num_skipped: steps left out because something wasn't finite.
        loss: mean over the steps of the mean loss of a target token, in nats; None if no step was taken.
        final_loss: the same over the last tenth of the steps.
        num_target_tokens: targets that counted.
        useful_share: share of all padded positions that held a token.
    """

    num_steps: int
    num_skipped: int
    loss: float | None
    final_loss: float | None
    num_target_tokens: int
    useful_share: float


class Learner:
    """Trains on draws.

    Args:
        model: the network.
        optimizer: of the step.
        tokenizer: for special tokens.
        config: batch size, epochs, guards.
        text: bucket lengths.
        mesh: batches are split over its `data` and `fsdp` axes.
    """

    def __init__(
        self,
        model: T5Model,
        optimizer: optax.GradientTransformation,
        tokenizer: Tokenizer,
        config: TrainingConfig,
        text: TextConfig,
        mesh: Mesh,
    ) -> None:
        self._model = model
        self._optimizer = optimizer
        self._tokenizer = tokenizer
        self._config = config
        self._text = text
        self._sharding = batch_sharding(mesh)
        shards = num_batch_shards(mesh)
        self._batch_size = -(-config.batch_size // shards) * shards

    def plan(self, draw: Draw, epochs: int, rng: np.random.Generator) -> list[PlannedBatch]:
        """Lay out every batch of every epoch; `rng` is consumed."""
        return [batch for _ in range(epochs) for batch in plan_batches(draw, self._text, self._batch_size, rng)]

    def train(
        self,
        state: TrainState,
        draw: Draw,
        plan: Sequence[PlannedBatch],
        key: jax.Array,
        *,
        taken: Sequence[StepMetrics] = (),
        should_stop: Callable[[], bool] = lambda: False,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> tuple[TrainState, list[StepMetrics]]:
        """Take a step for each planned batch.

        Args:
            state: donated.
            draw: where the batches' rows come from.
            plan: the batches.
            key: for dropout; each step's is folded from it by its position, so that training can go on in the middle.
            taken: the plan's first steps, if they were taken before.
            should_stop: asked before each step.
            on_progress: called with batches done and in all.

        Returns:
            The new state, and all steps of the plan that were taken: fewer than planned if it was asked to stop.

        Raises:
            DivergedError: too many steps in a row weren't finite.
        """
        steps = list(taken)
        while len(steps) < len(plan) and not should_stop():
            batch = collate(
                draw,
                plan[len(steps)],
                self._tokenizer,
                batch_size=self._batch_size,
                pad_loss=self._config.pad_loss,
            )
            batch = jax.device_put(batch, self._sharding)
            step_key = jax.random.fold_in(key, len(steps))
            state, metrics = train_step(self._model, self._optimizer, state, batch, step_key)
            steps.append(metrics)
            if len(steps) % METRICS_EVERY == 0:
                steps[-METRICS_EVERY:] = jax.device_get(steps[-METRICS_EVERY:])
                self._check(steps)
                if on_progress is not None:
                    on_progress(len(steps), len(plan))
        steps = jax.device_get(steps)
        self._check(steps)
        return state, steps

    def summarize(self, draw: Draw, plan: Sequence[PlannedBatch], taken: Sequence[StepMetrics]) -> LearningMetrics:
        """Return the metrics of a learning stage."""
        losses = np.array([float(metrics.loss) for metrics in taken if not bool(metrics.skipped)])
        tail = losses[-max(1, len(losses) // 10) :]
        return LearningMetrics(
            num_steps=len(taken),
            num_skipped=len(taken) - len(losses),
            loss=float(losses.mean()) if losses.size else None,
            final_loss=float(tail.mean()) if losses.size else None,
            num_target_tokens=sum(int(metrics.num_tokens) for metrics in taken),
            useful_share=useful_share(draw, plan, self._batch_size),
        )

    def _check(self, steps: Sequence[StepMetrics]) -> None:
        limit = self._config.max_skipped_steps
        run = 0
        for number, metrics in enumerate(steps, start=1):
            run = run + 1 if bool(metrics.skipped) else 0
            if run > limit:
                raise DivergedError(
                    f"loss or gradient wasn't finite in {run} steps in a row, expected at most {limit}; the last good "
                    f"step of this learning stage was number {number - run}, the last checkpoint is sound: "
                    "lower training.learning_rate or set training.clip_norm"
                )
