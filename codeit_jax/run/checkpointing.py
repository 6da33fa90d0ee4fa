"""A run's state from nothing, from a checkpoint, and into one."""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from codeit_jax.config.errors import StorageError, UserError, first_line
from codeit_jax.config.interpreter_limits import limits_from_config
from codeit_jax.evaluation.solutions import SolutionTable
from codeit_jax.mutation.parents import Parents
from codeit_jax.reporting.run_reader import read_solutions
from codeit_jax.run.components import Components
from codeit_jax.run.first_stage import FirstStage
from codeit_jax.run.initial_data import initial_experiences, screen_initial_programs, seed_experiences
from codeit_jax.run.initial_weights import initial_adapters, initial_key, load_initial_params
from codeit_jax.run.monitor import Monitor
from codeit_jax.run.provenance import check_inputs, provenance
from codeit_jax.run.state import PRETRAINING, RunState, Stage, iteration_name
from codeit_jax.storage import checkpoint
from codeit_jax.storage.checkpoint import Checkpoint
from codeit_jax.storage.faults import fault_point
from codeit_jax.storage.run_directory import RunDirectory
from codeit_jax.training.experience_replay import ExperienceReplay
from codeit_jax.training.train_step import StepMetrics, TrainState, abstract_state, init_state, state_from_params

SAMPLED_FILE = "sampled.npy"
POPULATIONS_FILE = "populations.json"


def first_state(parts: Components, directory: RunDirectory, monitor: Monitor) -> RunState:
    """Make the state before pretraining: weights, and seed programs and mutants in the replay.

    Args:
        parts: of the run.
        directory: the run's; keeps what is made until the first checkpoint has it.
        monitor: is given the candidates among the initial programs, and decides when to stop.

    Raises:
        PreemptedError: asked to stop.
        UserError: the weights or the seed programs aren't as they should be.
        StorageError: the disk is full or can't be written.
    """
    # Weights first: a folder that can't be read shows before the minutes that the mutants take.
    train = _initial_train_state(parts)
    replay = _new_replay(parts)
    with monitor.stage(PRETRAINING, "prompts") as stage:
        prompts = [prompt for _, prompt in parts.prompts]
        # In the order of the tasks' ids: a task's length is found by its place.
        stage.note(truncated=sum(p.truncated for p in prompts), token_counts=[p.full_length for p in prompts])
    of_seeds = seed_experiences(parts)
    with FirstStage(parts, directory, monitor) as first_stage:
        with monitor.stage(PRETRAINING, "mutate") as stage:
            experiences, programs = initial_experiences(parts, of_seeds, first_stage.mutants())
            too_long = replay.add(experiences)
            fault_point("mutate")
            stage.note(experiences=len(experiences), programs=len(programs), too_long=too_long)
        initial_programs = {str(program): origin for origin, program in programs}
        monitor.keep_initial_programs(initial_programs)
        solutions = SolutionTable(screen_initial_programs(programs, first_stage, parts, monitor))
    monitor.keep_solutions(list(solutions))
    return RunState(
        iteration=PRETRAINING,
        stage=Stage.LEARN,
        train=train,
        replay=replay,
        initial_programs=initial_programs,
        solutions=solutions,
        sampled=set(),
        populations=first_stage.populations,
    )


def restored_state(
    parts: Components, directory: RunDirectory, saved: Checkpoint, say: Callable[[str], None]
) -> RunState:
    """Read the state that a checkpoint holds, and drop from the line files what was written after it.

    Args:
        parts: of the run.
        directory: the run's.
        saved: the checkpoint, whose manifest was verified.
        say: prints a line for what may differ, or is dropped.

    Raises:
        UserError: the data or the tokenizer are others than the checkpoint's.
        StorageError: the checkpoint isn't one of this version.
    """
    check_inputs(saved, parts, say)  # before anything is truncated
    directory.cut_line_files(saved.line_marks, say)
    # All processes read the line files below, and only the first one truncates them.
    parts.hosts.wait()
    # Shapes, types and shardings of this run's mesh: the one that saved may have had other devices.
    target = vars(abstract_state(parts.model, parts.optimizer, parts.mesh))
    try:
        replay = _new_replay(parts)
        replay.load(saved.replay)
        return RunState(
            iteration=saved.meta["iteration"],
            stage=Stage(saved.meta["stage"]),
            steps=tuple(_step_metrics(step) for step in saved.meta["steps"]),
            train=TrainState(**checkpoint.restore_state(saved, target)),
            replay=replay,
            initial_programs={row["program"]: row["origin"] for row in directory.read("initial_programs.jsonl")},
            solutions=SolutionTable(read_solutions(directory.path)),
            sampled=set(np.load(saved.replay / SAMPLED_FILE).tolist()),
            num_sampled=saved.meta["num_sampled"],
            **_restored_populations(parts, saved),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        # It is whole, so another version's: something is missing in it, or means something else.
        problem = f"{type(error).__name__}: {first_line(error)}"
        raise StorageError(
            f"{saved.state.parent}: not a checkpoint of this version ({problem}); resume with codeit_jax "
            f"{saved.meta['machine'].get('codeit_jax')}, which wrote it"
        ) from None


def check_tokenizer(saved: Checkpoint, name: str, digest: str) -> None:
    """Refuse a checkpoint that was made with another vocabulary: its embedding rows mean other tokens.

    Args:
        saved: the checkpoint.
        name: of the tokenizer.
        digest: of the tokenizer's vocabulary.

    Raises:
        UserError: the digests differ.
    """
    inputs = saved.meta.get("inputs")
    expected = inputs.get("text.tokenizer") if isinstance(inputs, dict) else None
    if expected != digest:
        raise UserError(
            f"the {name} tokenizer has digest {digest[:12]}, expected {str(expected)[:12]} as in checkpoint "
            f"{saved.number}: its vocabulary changed since"
        )


def save_state(parts: Components, directory: RunDirectory, number: int, state: RunState) -> None:
    """Write a checkpoint; all processes have to call it.

    Args:
        parts: of the run.
        directory: the run's.
        number: larger than that of any checkpoint there.
        state: isn't changed.

    Raises:
        DivergedError: an array holds NaN or infinity.
        StorageError: the disk is full or can't be written.
    """

    def save_replay(folder: Path) -> None:
        state.replay.save(folder)
        # The set is the same in all processes. Sorted: a set's order depends on its history, and equal states are to
        # have equal files.
        if parts.hosts.is_first:
            np.save(folder / SAMPLED_FILE, np.array(sorted(state.sampled), np.uint64))
            if state.populations:
                rows = {task_id: parents.to_row() for task_id, parents in state.populations.items()}
                content = json.dumps({"num_guided": state.num_guided, "populations": rows})
                (folder / POPULATIONS_FILE).write_text(content, encoding="utf-8")

    checkpoint.save(
        directory,
        number,
        # By field name: whoever only samples restores the parameters alone (`checkpoint.restore_part`).
        state=vars(state.train),
        save_replay=save_replay,
        meta={
            "iteration": state.iteration,
            "stage": state.stage.value,
            "steps": [_plain_numbers(step) for step in state.steps],
            "num_sampled": state.num_sampled,
            **provenance(parts),
        },
        keep=parts.config.checkpoint.keep,
        hosts=parts.hosts,
    )


def describe(meta: Mapping[str, Any]) -> str:
    """Return where in a run a checkpoint was made, for people."""
    name = iteration_name(meta["iteration"])
    return f"{name}, learning step {len(meta['steps'])}" if meta["steps"] else name


def _initial_train_state(parts: Components) -> TrainState:
    # With adapters the weights are those that stay as they are, which `parts` has.
    adapts = bool(parts.frozen.params) or parts.model.config.lora_weights is not None
    params = initial_adapters(parts.model) if adapts else load_initial_params(parts.config.model, parts.tokenizer)
    if params is None:
        return init_state(parts.model, parts.optimizer, parts.mesh, initial_key(parts.config.seed))
    return state_from_params(parts.optimizer, parts.mesh, params)


def _restored_populations(parts: Components, saved: Checkpoint) -> dict[str, Any]:
    """Return the fields of the state that guided mutation has; none if it is off."""
    if not parts.config.search.guided_programs:
        return {}
    content = json.loads((saved.replay / POPULATIONS_FILE).read_text(encoding="utf-8"))
    limits = limits_from_config(parts.config.interpreter)
    populations = {
        task.id: Parents.from_rows(task, limits, [content["populations"][task.id]]) for task in parts.search_tasks
    }
    return {"num_guided": content["num_guided"], "populations": populations}


def _new_replay(parts: Components) -> ExperienceReplay:
    return ExperienceReplay(parts.config.replay, parts.config.text, parts.tokenizer, parts.hosts)


def _plain_numbers(step: StepMetrics) -> dict[str, Any]:
    """Return a step's metrics as JSON values, which `_step_metrics` takes back."""
    # Each float32 is a float64 too, whose decimal digits JSON keeps: what a resumed stage sums up is the same bits.
    values = {name: np.asarray(value).item() for name, value in vars(step).items()}
    # JSON has no NaN and no infinity, which the loss of a skipped step is: by name.
    return {name: value if math.isfinite(value) else str(value) for name, value in values.items()}


def _step_metrics(values: Mapping[str, Any]) -> StepMetrics:
    plain: dict[str, Any] = {name: float(value) if isinstance(value, str) else value for name, value in values.items()}
    return StepMetrics(**plain)
