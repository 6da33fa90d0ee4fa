"""What a report says about a run: its scores, its curve, and its solved tasks with the grids of their programs."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeit_jax.arc import Task, TaskSet, load_tasks
from codeit_jax.config.errors import StorageError
from codeit_jax.config.interpreter_limits import limits_from_config
from codeit_jax.evaluation import Candidate, SolvedTask, solve_report, solved_rows, solved_tasks
from codeit_jax.reporting.run_reader import (
    check_same_task,
    read_lines,
    read_run_config,
    read_sampled_solutions,
    read_solutions,
)
from interpreter import InterpreterPool, Job, Outcome


@dataclass(frozen=True, kw_only=True)
class ShownTask:
    """A task of the gallery.

    Attributes:
        task: the task.
        solved: the program that solves it, and the rows that count it.
        outcomes: the program's outcomes, on the demonstrations and then the tests.
    """

    task: Task
    solved: SolvedTask
    outcomes: Sequence[Outcome]


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """Result of one run, finished or not.

    Attributes:
        name: name of its directory.
        settings: settings that a result must be quoted with, by name.
        report: counts of solved tasks as in `summary.json`, for the programs found so far.
        num_tasks: number of tasks searched.
        screen: how seeds and mutants were screened, as in `summary.json`.
        scores: rows of the scoring stage, one per meta-iteration.
        shown: the tasks that pass@3 counts, ordered by id.
    """

    name: str
    settings: dict[str, str]
    report: dict[str, dict[str, int]]
    num_tasks: int
    screen: str | None
    scores: list[dict[str, Any]]
    shown: list[ShownTask]


def read_run_result(run: Path) -> RunResult:
    """Read a run, finished or not, and run its best programs again for their grids.

    Raises:
        UserError: not a run directory, or its tasks don't exist any more.
        StorageError: a file of the run is damaged.
    """
    config = read_run_config(run)
    tasks = load_tasks(config.data.search_tasks)[: config.data.num_search_tasks]
    *_, last = [[], *read_sampled_solutions(run).values()]
    solutions = read_solutions(run)
    with InterpreterPool(config.interpreter.num_workers, limits_from_config(config.interpreter)) as pool:
        shown = list(_shown_tasks(solutions, tasks, pool))
    return RunResult(
        name=run.expanduser().resolve().name,
        settings={
            "tasks": f"{config.data.search_tasks}, {len(tasks)} ({tasks.snapshot}, digest {tasks.digest})",
            "seed": str(config.seed),
            "tokenizer": config.text.tokenizer,
            "weights": config.model.weights or "from scratch",
            "samples of a task": str(config.sampling.samples_per_task),
        },
        report=solved_rows(solutions, tasks) | {"policy_last": solve_report(last, tasks)},
        num_tasks=len(tasks),
        screen=config.mutation.candidates if config.mutation.score_tasks else None,
        scores=list(_score_rows(run)),
        shown=shown,
    )


def _shown_tasks(found: Sequence[Candidate], tasks: TaskSet, pool: InterpreterPool) -> Iterator[ShownTask]:
    for candidate in found:
        if candidate.task_id in tasks:
            check_same_task(candidate, tasks[candidate.task_id])
    solved = solved_tasks(found, tasks)
    jobs = [Job([one.candidate.program], tasks[one.task_id].inputs) for one in solved]
    for one, [outcomes] in zip(solved, pool.run(jobs), strict=True):
        yield ShownTask(task=tasks[one.task_id], solved=one, outcomes=outcomes)


def _score_rows(run: Path) -> Iterator[dict[str, Any]]:
    path = run.expanduser() / "metrics.jsonl"
    for number, row in read_lines(path):
        if isinstance(row, dict) and row.get("stage") == "score":
            if not _is_count(row.get("iteration")) or not all(
                isinstance(row.get(key), dict) and _is_count(row[key].get("pass@3")) for key in ("policy", "cumulative")
            ):
                raise StorageError(f"{path}:{number}: not the scores of a meta-iteration ({json.dumps(row)[:60]})")
            yield row


def _is_count(value: Any) -> bool:
    # Bounded, since the curve's places are floats.
    return type(value) is int and 0 <= value < 1 << 53
