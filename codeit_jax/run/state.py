"""What a run changes, the stage it is in, and where its randomness comes from.

Everything random is a pure function of the seed, the meta-iteration and the stage, so that nothing of it is saved.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import jax
import numpy as np

from codeit_jax.config.schema import Config
from codeit_jax.evaluation.solutions import SolutionTable
from codeit_jax.hindsight import BEFORE_TRAINING, Origin
from codeit_jax.mutation.parents import Parents
from codeit_jax.training.experience_replay import ExperienceReplay
from codeit_jax.training.train_step import StepMetrics, TrainState

PRETRAINING = BEFORE_TRAINING
"""The iteration number of the pretraining: a meta-iteration that only learns."""


class Stage(Enum):
    """Where in its meta-iteration a run can be stopped and resumed."""

    # An enum, not "has it steps?": before the first step a learning stage has none, and must not sample again.
    SAMPLE = "sample"  # nothing of it is done
    LEARN = "learn"  # the programs are in the replay, and some steps may have been taken


@dataclass(frozen=True, kw_only=True)
class RunState:
    """What a run changes; a checkpoint holds exactly this.

    Whoever takes a state and returns one may change its replay, table and set in place, as JAX does with donated
    buffers: the state given is consumed.

    Attributes:
        iteration: meta-iteration that is done next, or that is being learned from; `PRETRAINING` first.
        stage: how far it came.
        steps: of this iteration's learning stage, those that were taken.
        train: parameters and optimizer.
        replay: the experiences.
        initial_programs: seeds and mutants by canonical text, and which of the two each is.
        solutions: programs that reproduce something.
        sampled: checksums of all distinct programs sampled, to count them.
        num_sampled: programs sampled.
        populations: by task, the parents of guided mutation; empty if that is off.
        num_guided: guided mutants made.
    """

    iteration: int
    stage: Stage
    steps: tuple[StepMetrics, ...] = ()
    train: TrainState
    replay: ExperienceReplay
    initial_programs: Mapping[str, Origin]
    solutions: SolutionTable
    sampled: set[int]
    num_sampled: int = 0
    populations: Mapping[str, Parents] = field(default_factory=dict)
    num_guided: int = 0

    @property
    def name(self) -> str:
        """The meta-iteration, for people."""
        return iteration_name(self.iteration)


def iteration_name(iteration: int) -> str:
    """Return what people call a meta-iteration."""
    return "pretraining" if iteration == PRETRAINING else f"meta-iteration {iteration}"


def stage_key(seed: int, iteration: int, stage: str) -> jax.Array:
    """Return the JAX key of one stage of one meta-iteration.

    Args:
        seed: of the run.
        iteration: `PRETRAINING` or larger.
        stage: any name; each use of randomness has its own.
    """
    # Shifted, for what is folded in is unsigned and `PRETRAINING` is -1.
    key = jax.random.fold_in(jax.random.key(seed), iteration - PRETRAINING)
    # A checksum, not hash(): that differs from process to process, and all processes need the same key.
    return jax.random.fold_in(key, zlib.crc32(stage.encode()))


def stage_rng(seed: int, iteration: int, stage: str) -> np.random.Generator:
    """Return the NumPy generator of one stage of one meta-iteration; see `stage_key` for the arguments."""
    # A sequence, not a sum: NumPy hashes all of it, so that neighboring seeds and iterations share no stream.
    return np.random.default_rng([seed, iteration - PRETRAINING, zlib.crc32(stage.encode())])


def programs_tried(config: Config, num_initial: int, iteration: int, *, guided: bool) -> int:
    """Return how many programs have been tried for each task in a meta-iteration and before.

    Args:
        config: of the run.
        num_initial: seeds and mutants.
        iteration: the meta-iteration, whose samples are included.
        guided: whether its guided mutants are included, too.
    """
    screened = num_initial if config.mutation.score_tasks else 0
    samples = (iteration + 1) * config.sampling.samples_per_task
    return screened + samples + (iteration + guided) * config.search.guided_programs
