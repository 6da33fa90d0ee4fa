"""What a run changes, what a stage reports, and where its randomness comes from.

Everything random is a pure function of the seed, the meta-iteration and the stage, so that nothing of it is saved.
"""

import zlib
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from codeit_jax.evaluation.solutions import SolutionTable
from codeit_jax.training.experience_replay import ExperienceReplay
from codeit_jax.training.train_step import StepMetrics, TrainState

PRETRAINING = -1
"""The iteration number of what happens before the first meta-iteration."""


@dataclass(kw_only=True)
class RunState:
    """What a run changes; a checkpoint holds exactly this.

    Attributes:
        iteration: meta-iteration to do next, or that is being learnt from; `PRETRAINING` first.
        steps: steps of this iteration's learning stage that were taken; None before that stage.
        train: parameters and optimizer.
        replay: the experiences.
        solutions: programs that reproduce something.
        sampled: texts' checksums of all programs sampled, to count distinct ones.
        num_sampled: programs sampled.
    """

    iteration: int
    steps: list[StepMetrics] | None
    train: TrainState
    replay: ExperienceReplay
    solutions: SolutionTable
    sampled: set[int]
    num_sampled: int = 0

    @property
    def name(self) -> str:
        """The meta-iteration, for people."""
        return "pretraining" if self.iteration == PRETRAINING else f"meta-iteration {self.iteration}"


@dataclass(frozen=True, kw_only=True)
class StageRecord:
    """One line of metrics.jsonl: a stage's numbers and its seconds."""

    iteration: int
    stage: str
    seconds: float
    values: dict[str, Any]

    def to_row(self) -> dict[str, Any]:
        """Return the line; wall-clock fields begin with `t_`."""
        return {"iteration": self.iteration, "stage": self.stage, **self.values, "t_seconds": round(self.seconds, 3)}


def stage_key(seed: int, iteration: int, stage: str) -> jax.Array:
    """Return the JAX key of one stage of one meta-iteration."""
    key = jax.random.fold_in(jax.random.key(seed), iteration - PRETRAINING)
    return jax.random.fold_in(key, zlib.crc32(stage.encode()))


def stage_rng(seed: int, iteration: int, stage: str) -> np.random.Generator:
    """Return the NumPy generator of one stage of one meta-iteration."""
    return np.random.default_rng([seed, iteration - PRETRAINING, zlib.crc32(stage.encode())])
