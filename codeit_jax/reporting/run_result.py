"""What a report says about a run: its scores, its curve, and its solved tasks with the grids of their programs."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeit_jax.arc import Task, TaskSet, load_tasks
from codeit_jax.config.errors import StorageError
from codeit_jax.config.interpreter_limits import limits_from_config
from codeit_jax.evaluation import Candidate, select_candidates
from codeit_jax.evaluation.solutions import SolutionTable
from codeit_jax.reporting.run_reader import check_same_task, read_lines, read_run_config, read_solutions
from interpreter import InterpreterPool, Job, Outcome


@dataclass(frozen=True, kw_only=True)
class SolvedTask:
    """A task for which some program reproduces all demonstrations.

    Attributes:
        task: the task.
        best: the program that the selection rule ranks first.
        num_programs: programs that reproduce at least one demonstration.
        outcomes: the best program's outcomes, on the demonstrations and then the tests.
    """

    task: Task
    best: Candidate
    num_programs: int
    outcomes: Sequence[Outcome]


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """Result of one run, finished or not.

    Attributes:
        name: name of its directory.
        settings: settings that a result must be quoted with, by name.
        report: counts of solved tasks as in `summary.json`, for the programs found so far.
        num_tasks: number of tasks searched.
        scores: rows of the scoring stage, one per meta-iteration.
        solved: the solved tasks, ordered by id.
    """

    name: str
    settings: dict[str, str]
    report: dict[str, dict[str, int]]
    num_tasks: int
    scores: list[dict[str, Any]]
    solved: list[SolvedTask]


def read_run_result(run: Path) -> RunResult:
    """Read a run, finished or not, and run its best programs again for their grids.

    Raises:
        UserError: not a run directory, or its tasks don't exist any more.
        StorageError: a file of the run is damaged.
    """
    config = read_run_config(run)
    tasks = load_tasks(config.data.search_tasks)[: config.data.num_search_tasks]
    solutions = read_solutions(run)
    with InterpreterPool(config.interpreter.num_workers, limits_from_config(config.interpreter)) as pool:
        solved = list(_solved_tasks(solutions, tasks, pool))
    return RunResult(
        name=run.expanduser().resolve().name,
        settings={
            "tasks": f"{config.data.search_tasks}, {len(tasks)} ({tasks.snapshot}, digest {tasks.digest})",
            "seed": str(config.seed),
            "tokenizer": config.text.tokenizer,
            "weights": config.model.weights or "from scratch",
            "samples of a task": str(config.sampling.samples_per_task),
        },
        report=SolutionTable(solutions).report(tasks),
        num_tasks=len(tasks),
        scores=list(_score_rows(run)),
        solved=solved,
    )


def _solved_tasks(found: Sequence[Candidate], tasks: TaskSet, pool: InterpreterPool) -> Iterator[SolvedTask]:
    by_task: dict[str, list[Candidate]] = {}
    for candidate in found:
        by_task.setdefault(candidate.task_id, []).append(candidate)
    best = {task_id: select_candidates(candidates, 1) for task_id, candidates in by_task.items()}
    for task in tasks:
        for candidate in best.get(task.id, []):
            check_same_task(candidate, task)
    shown = [task for task in tasks if any(c.solves_demonstrations for c in best.get(task.id, []))]
    jobs = [Job([best[task.id][0].program], task.inputs) for task in shown]
    for task, [outcomes] in zip(shown, pool.run(jobs), strict=True):
        num_programs = len({candidate.program for candidate in by_task[task.id]})
        yield SolvedTask(task=task, best=best[task.id][0], num_programs=num_programs, outcomes=outcomes)


def _score_rows(run: Path) -> Iterator[dict[str, Any]]:
    path = run.expanduser() / "metrics.jsonl"
    for number, row in read_lines(path):
        if isinstance(row, dict) and row.get("stage") == "score":
            if not isinstance(row.get("iteration"), int) or not all(
                isinstance(row.get(key), dict) and isinstance(row[key].get("pass@3"), int)
                for key in ("policy", "cumulative")
            ):
                raise StorageError(f"{path}:{number}: not the scores of a meta-iteration ({json.dumps(row)[:60]})")
            yield row
