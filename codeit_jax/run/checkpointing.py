"""A run's state from nothing, from a checkpoint, and into one."""

from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from codeit_jax.config.errors import UserError
from codeit_jax.evaluation.solutions import Solution, SolutionTable
from codeit_jax.reporting.progress import Reporter
from codeit_jax.run.components import Workbench
from codeit_jax.run.initial_data import initial_experiences, screen_initial_programs
from codeit_jax.run.initial_weights import load_initial_params
from codeit_jax.run.state import PRETRAINING, RunState, StageRecord, stage_key
from codeit_jax.storage import checkpoint
from codeit_jax.storage.faults import fault_point
from codeit_jax.storage.run_directory import RunDirectory
from codeit_jax.training.experience_replay import ExperienceReplay
from codeit_jax.training.train_step import StepMetrics, TrainState, abstract_state, init_state, state_from_params

SAMPLED_FILE = "sampled.npy"


def first_state(bench: Workbench, reporter: Reporter, record: Callable[[StageRecord], None]) -> RunState:
    """Make the state before the first meta-iteration: weights, and seeds and mutants in the replay.

    Args:
        bench: the run's tools.
        reporter: shows progress.
        record: takes the stages' numbers.
    """
    train = _initial_train_state(bench)
    start = perf_counter()
    replay = _new_replay(bench)
    experiences, programs = initial_experiences(bench, reporter)
    too_long = replay.add(experiences)
    fault_point("mutate")
    record(
        StageRecord(
            iteration=PRETRAINING,
            stage="mutate",
            seconds=perf_counter() - start,
            values={"experiences": len(experiences), "programs": len(programs), "too_long": too_long},
        )
    )
    solutions = SolutionTable(screen_initial_programs(bench, programs, reporter, record))
    return RunState(iteration=PRETRAINING, steps=[], train=train, replay=replay, solutions=solutions, sampled=set())


def restored_state(bench: Workbench, directory: RunDirectory, cut: checkpoint.Cut) -> RunState:
    """Read the state that a checkpoint holds, and drop from the line files what was written after it.

    Raises:
        UserError: the tokenizer has another vocabulary than the checkpoint's.
        StorageError: a line file is shorter than it was at the checkpoint, or damaged.
    """
    tokenizer = bench.tokenizer
    if cut.meta["tokenizer"] != tokenizer.digest:
        raise UserError(
            f"the {tokenizer.name} tokenizer has digest {tokenizer.digest[:12]}, expected "
            f"{cut.meta['tokenizer'][:12]} as in checkpoint {cut.number}: its vocabulary changed since"
        )
    directory.cut_line_files(cut.meta["line_files"])
    bench.hosts.wait()  # the first process has cut them
    steps = cut.meta["steps"]
    target = vars(abstract_state(bench.model, bench.optimizer, bench.mesh))
    replay = _new_replay(bench)
    replay.load(cut.replay)
    return RunState(
        iteration=cut.meta["iteration"],
        steps=None if steps is None else [StepMetrics(**step) for step in steps],
        train=TrainState(**checkpoint.restore_state(cut, target)),
        replay=replay,
        solutions=SolutionTable(map(Solution.from_row, directory.read("solutions.jsonl"))),
        sampled=set(np.load(cut.replay / SAMPLED_FILE).tolist()),
        num_sampled=cut.meta["num_sampled"],
    )


def save_state(bench: Workbench, directory: RunDirectory, number: int, state: RunState) -> None:
    """Write a checkpoint; all processes have to call it."""

    def save_replay(folder: Path) -> None:
        state.replay.save(folder)
        if bench.hosts.is_first:
            np.save(folder / SAMPLED_FILE, np.array(sorted(state.sampled), np.uint64))

    checkpoint.save(
        directory,
        number,
        state=vars(state.train),
        save_replay=save_replay,
        meta={
            "iteration": state.iteration,
            "steps": None if state.steps is None else [_plain_numbers(step) for step in state.steps],
            "num_sampled": state.num_sampled,
            "tokenizer": bench.tokenizer.digest,
        },
        keep=bench.config.checkpoint.keep,
        hosts=bench.hosts,
    )


def describe(meta: Mapping[str, Any]) -> str:
    """Say where in a run a checkpoint was made."""
    stage = "pretraining" if meta["iteration"] == PRETRAINING else f"meta-iteration {meta['iteration']}"
    return f"{stage}, learning step {len(meta['steps'])}" if meta["steps"] else stage


def _initial_train_state(bench: Workbench) -> TrainState:
    params = load_initial_params(bench.config.model, bench.tokenizer)
    if params is None:
        key = stage_key(bench.config.seed, PRETRAINING, "init")
        return init_state(bench.model, bench.optimizer, bench.mesh, key)
    return state_from_params(bench.optimizer, bench.mesh, params)


def _new_replay(bench: Workbench) -> ExperienceReplay:
    return ExperienceReplay(bench.config.replay, bench.config.text, bench.tokenizer, bench.hosts)


def _plain_numbers(step: StepMetrics) -> dict[str, Any]:
    """Return a step's metrics as JSON values, which `StepMetrics(**...)` takes back."""
    return {name: np.asarray(value).item() for name, value in vars(step).items()}
