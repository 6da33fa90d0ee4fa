"""Running many programs on many tasks: which reproduce a demonstration of which task?"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import interpreter
from codeit_jax.arc import Example, Grid, Task, TaskSet
from codeit_jax.evaluation import Candidate

_TASKS_AT_ONCE = 8  # bounds the outcomes held at once


class Screened(NamedTuple):
    """A candidate, and the position of its program among those screened."""

    position: int
    candidate: Candidate


def screen_programs(
    programs: Sequence[interpreter.Program],
    tasks: TaskSet,
    *,
    pool: interpreter.InterpreterPool,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Screened]:
    """Find the programs that reproduce the smallest demonstration of a task, and what else of it they reproduce.

    Almost all programs miss almost all tasks, so each runs on the smallest demonstration first and only those that
    reproduce it go on; a program that reproduces only larger demonstrations is overlooked.

    Args:
        programs: the programs; neighbours that share calls share their work.
        tasks: the tasks; the tests' outputs are read to score only.
        pool: runs the programs.
        on_progress: called with tasks done and tasks in all.

    Returns:
        The candidates, by task and then by position.
    """
    screened: list[Screened] = []
    for start in range(0, len(tasks), _TASKS_AT_ONCE):
        group = list(tasks[start : start + _TASKS_AT_ONCE])
        screened.extend(_screen_group(programs, group, pool))
        if on_progress is not None:
            on_progress(start + len(group), len(tasks))
    return screened


def _screen_group(
    programs: Sequence[interpreter.Program], tasks: Sequence[Task], pool: interpreter.InterpreterPool
) -> Iterator[Screened]:
    smallest = [min(task.demonstrations, key=lambda example: _area(example.input)) for task in tasks]
    first = pool.run([interpreter.Job(programs, [example.input]) for example in smallest])
    hits = [
        [position for position, [outcome] in enumerate(outcomes) if outcome.grid == example.output]
        for outcomes, example in zip(first, smallest, strict=True)
    ]
    whole = [
        interpreter.Job([programs[position] for position in positions], task.demonstration_inputs + task.test_inputs)
        for task, positions in zip(tasks, hits, strict=True)
    ]
    for task, positions, rows in zip(tasks, hits, pool.run(whole), strict=True):
        for position, row in zip(positions, rows, strict=True):
            num_demonstrations = len(task.demonstrations)
            candidate = Candidate(
                task_id=task.id,
                program=str(programs[position]),
                demonstrations=_reproduced(task.demonstrations, row[:num_demonstrations]),
                tests=_reproduced(task.tests, row[num_demonstrations:]),
            )
            yield Screened(position, candidate)


def _reproduced(examples: Sequence[Example], outcomes: Sequence[interpreter.Outcome]) -> tuple[bool, ...]:
    return tuple(outcome.grid == example.output for example, outcome in zip(examples, outcomes, strict=True))


def _area(grid: Grid) -> int:
    return len(grid) * len(grid[0])
