"""The learning stage: batches of one draw through the train step."""

import math
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import partial

import jax
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from codeit_jax.config.schema import TextConfig, TrainingConfig
from codeit_jax.model import Params, PolicyModel
from codeit_jax.parallel.mesh import batch_sharding, num_batch_shards, put
from codeit_jax.text.tokenizer import Tokenizer
from codeit_jax.training.batches import BatchSizes, PlannedBatch, collate, plan_batches, prefetch
from codeit_jax.training.compilation import compile_ahead
from codeit_jax.training.experience_replay import Draw
from codeit_jax.training.guards import check_skipped, count_spikes, spike_limit
from codeit_jax.training.throughput import LearningTimes, StepTrace, Stopwatch, useful_share
from codeit_jax.training.train_step import StepMetrics, TrainBatch, TrainState, train_step


@dataclass(frozen=True, kw_only=True)
class LearningMetrics:
    """What a learning stage did.

    Attributes:
        num_steps: optimizer steps, skipped ones included.
        num_skipped: steps left out because something wasn't finite, or the loss spiked and that was to be left out.
        num_spikes: steps whose loss was far above the mean of those before.
        loss: mean over the steps of the mean loss of a target token, in nats; None if no step was taken.
        final_loss: the same over the last tenth of the steps.
        num_target_tokens: targets that counted.
        useful_share: share of the arithmetic (FLOPs) that went into real tokens, not into padding.
    """

    num_steps: int
    num_skipped: int
    num_spikes: int
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
        trace: of some steps for the profiler.
        frozen: parameters that no step changes, beside those that are learned.
    """

    def __init__(
        self,
        model: PolicyModel,
        optimizer: optax.GradientTransformation,
        tokenizer: Tokenizer,
        config: TrainingConfig,
        text: TextConfig,
        mesh: Mesh,
        trace: StepTrace | None = None,
        frozen: Params | None = None,
    ) -> None:
        self._model = model
        self._optimizer = optimizer
        self._tokenizer = tokenizer
        self._config = config
        self._text = text
        self._mesh = mesh
        # [N, B, L]: the parts come one after another on all devices, so the rows of each are split, not the parts.
        self._sharding = NamedSharding(mesh, PartitionSpec(None, *batch_sharding(mesh).spec))
        self._sizes = BatchSizes(
            batch_size=config.batch_size,
            tokens_per_device=config.tokens_per_device,
            num_shards=num_batch_shards(mesh),
        )
        self._trace = trace
        self._frozen = frozen or None  # an empty dict would be another tree than none, compiled for again
        self._compiled = False  # once a process: all stages have the same shapes

    def describe(self) -> str:
        """Return a line on how a batch is split into parts that fit the devices."""
        shapes = sorted(self._sizes.shapes(self._text), key=lambda shape: shape[2:])
        devices = f"{self._mesh.size} device{'s' * (self._mesh.size > 1)}"
        parts = " to ".join(
            f"{num_parts} x {rows} of {prompt_length} + {program_length} tokens"
            for num_parts, rows, prompt_length, program_length in (shapes[0], shapes[-1])
        )
        return f"training batch: {self._config.batch_size} examples in {parts}, {len(shapes)} shapes, on {devices}"

    def plan(self, draw: Draw, epochs: int, rng: np.random.Generator) -> list[PlannedBatch]:
        """Lay out every batch of every epoch.

        Args:
            draw: the rows.
            epochs: how often each row comes.
            rng: consumed.
        """
        epoch = partial(plan_batches, draw, self._text, self._sizes, rng, self._config.steps)
        return [batch for _ in range(epochs) for batch in epoch()]

    def learn(
        self,
        state: TrainState,
        draw: Draw,
        plan: Sequence[PlannedBatch],
        key: jax.Array,
        *,
        taken: Sequence[StepMetrics] = (),
        should_stop: Callable[[], bool] = lambda: False,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> tuple[TrainState, list[StepMetrics], LearningTimes]:
        """Take a step for each planned batch.

        Args:
            state: donated; after an error it is gone, and the last checkpoint is what there is.
            draw: where the batches' rows come from.
            plan: the batches.
            key: for dropout; each step's is folded from it by its position, so that training can resume in the middle.
            taken: the plan's first steps, if they were taken before.
            should_stop: asked before each step.
            on_progress: called with batches done and in all.

        Returns:
            The new state; all steps of the plan that were taken, fewer than planned if it was asked to stop; and what
            those of this call took.

        Raises:
            DivergedError: too many steps in a row weren't finite.
        """
        # `steps` holds NumPy metrics but for the last, whose arrays the device may still compute.
        watch, steps, todo = Stopwatch(), list(taken), range(len(taken), len(plan))
        if todo:
            with watch.time("compile"):
                self._compile(state, key)
        batches = prefetch(lambda number: self._load(draw, plan[number]), todo)
        with self._trace or nullcontext(), watch.time("steps"), closing(batches):
            for number, batch in zip(todo, watch.feed(batches), strict=False):
                # Between two steps the state is whole: nothing of a step is ever saved half.
                if should_stop():
                    break
                if self._trace is not None:
                    self._trace.before_step()
                # float32, not a Python float: that is weakly typed, and would have the step traced once more.
                limit = np.float32(self._loss_limit(steps, number))
                step_key = jax.random.fold_in(key, number)
                state, metrics = train_step(self._model, self._optimizer, state, batch, step_key, limit, self._frozen)
                steps.append(metrics)
                # Read the step before while this one computes: the device always has one to continue with.
                self._read(steps, number - 1, len(taken))
                on_progress(number, len(plan))
            self._read(steps, len(steps) - 1, len(taken))
            on_progress(len(steps), len(plan))
        return state, steps, watch.report(self._model, self._mesh, draw, plan[len(taken) : len(steps)])

    def summarize(self, draw: Draw, plan: Sequence[PlannedBatch], taken: Sequence[StepMetrics]) -> LearningMetrics:
        """Return the metrics of a learning stage.

        Args:
            draw: where the batches' rows came from.
            plan: the batches.
            taken: the steps of all calls, one for each batch.
        """
        # A skipped step changed nothing, so its loss says nothing; it may be NaN, too.
        losses = np.array([float(metrics.loss) for metrics in taken if not bool(metrics.skipped)])
        tail = losses[-max(1, len(losses) // 10) :]
        return LearningMetrics(
            num_steps=len(taken),
            num_skipped=len(taken) - len(losses),
            num_spikes=count_spikes(taken, self._config.spike_factor),
            loss=float(losses.mean()) if losses.size else None,
            final_loss=float(tail.mean()) if losses.size else None,
            num_target_tokens=sum(int(metrics.num_tokens) for metrics in taken),
            useful_share=useful_share(self._model, draw, plan),
        )

    def _compile(self, state: TrainState, key: jax.Array) -> None:
        if not self._compiled:
            shapes = self._sizes.shapes(self._text)
            step_key = jax.random.fold_in(key, 0)
            compile_ahead(self._model, self._optimizer, state, shapes, self._sharding, step_key, self._frozen)
            self._compiled = True

    def _load(self, draw: Draw, batch: PlannedBatch) -> TrainBatch:
        """Place a batch on the devices, in the prefetching thread: the copy overlaps with the step before."""
        loaded: TrainBatch = put(collate(draw, batch, self._tokenizer, pad_loss=self._config.pad_loss), self._sharding)
        return loaded

    def _loss_limit(self, steps: Sequence[StepMetrics], number: int) -> float:
        return spike_limit(steps, number, self._config.spike_factor) if self._config.skip_spikes else math.inf

    def _read(self, steps: list[StepMetrics], number: int, first: int) -> None:
        """Wait for a step, if it was taken here, and check that training is sound."""
        # Of an earlier call they are numbers already.
        if number >= first:
            steps[number] = jax.device_get(steps[number])
            check_skipped(steps[: number + 1], self._config)
