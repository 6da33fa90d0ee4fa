"""Running many programs on many tasks: which reproduce a demonstration of which task?"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import interpreter
from codeit_jax.arc import Example, Grid, Task
from codeit_jax.evaluation import Candidate
from interpreter.pool.jobs import Results

_TASKS_AHEAD = 4  # keeps the workers busy, and bounds the outcomes held at once

T = TypeVar("T")


class Screened(NamedTuple):
    """A candidate, and the position of its program among those screened."""

    position: int
    candidate: Candidate


def screen_programs(
    programs: Sequence[interpreter.Program],
    tasks: Collection[Task],
    *,
    pool: interpreter.InterpreterPool,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Screened]:
    """Find what `screen_tasks` yields for each task, in one list by task and then by position.

    Args:
        programs, tasks, pool: see there.
        on_progress: called with tasks done and tasks in all.
    """
    screened: list[Screened] = []
    for number, (_, found) in enumerate(screen_tasks(programs, tasks, pool=pool), start=1):
        screened.extend(found)
        if on_progress is not None:
            on_progress(number, len(tasks))
    return screened


def screen_tasks(
    programs: Sequence[interpreter.Program], tasks: Iterable[Task], *, pool: interpreter.InterpreterPool
) -> Iterator[tuple[Task, list[Screened]]]:
    """Find the programs that reproduce the smallest demonstration of a task, and what else of it they reproduce.

    Almost all programs miss almost all tasks, so each runs on the smallest demonstration first and only those that
    reproduce it go on; a program that reproduces only larger demonstrations is overlooked.

    Args:
        programs: the programs; they are run sorted, since those that begin alike share calls.
        tasks: the tasks; the tests' outputs are read to score only.
        pool: runs the programs.

    Yields:
        Each task with its candidates, by position.
    """
    order = sorted(range(len(programs)), key=lambda position: programs[position].lines)
    texts = [str(programs[position]) for position in order]

    def submit_first(task: Task) -> interpreter.Pending:
        return pool.submit([interpreter.Job(texts, [_smallest(task).input])])

    def submit_whole(task: Task, hits: Sequence[int]) -> interpreter.Pending:
        grids = task.demonstration_inputs + task.test_inputs
        return pool.submit([interpreter.Job([texts[number] for number in hits], grids)])

    first = _ahead((task, submit_first(task)) for task in tasks)
    hits = ((task, _hits(task, rows)) for task, [rows] in first)
    whole = _ahead(((task, numbers), submit_whole(task, numbers)) for task, numbers in hits)
    for (task, numbers), [rows] in whole:
        found = [
            Screened(order[number], _candidate(task, texts[number], row))
            for number, row in zip(numbers, rows, strict=True)
        ]
        yield task, sorted(found, key=lambda entry: entry.position)


def _ahead(submitted: Iterable[tuple[T, interpreter.Pending]]) -> Iterator[tuple[T, Results]]:
    """Yield results in order, each when some more have been submitted, so that the workers never wait."""
    waiting: deque[tuple[T, interpreter.Pending]] = deque()
    for entry in submitted:
        waiting.append(entry)
        if len(waiting) > _TASKS_AHEAD:
            item, pending = waiting.popleft()
            yield item, pending.result()
    for item, pending in waiting:
        yield item, pending.result()


def _smallest(task: Task) -> Example:
    return min(task.demonstrations, key=lambda example: _area(example.input))


def _hits(task: Task, rows: Sequence[Sequence[interpreter.Outcome]]) -> list[int]:
    wanted = _smallest(task).output
    return [number for number, [outcome] in enumerate(rows) if outcome.grid == wanted]


def _candidate(task: Task, text: str, row: Sequence[interpreter.Outcome]) -> Candidate:
    shown = len(task.demonstrations)
    return Candidate(
        task_id=task.id,
        program=text,
        demonstrations=_reproduced(task.demonstrations, row[:shown]),
        tests=_reproduced(task.tests, row[shown:]),
    )


def _reproduced(examples: Sequence[Example], outcomes: Sequence[interpreter.Outcome]) -> tuple[bool, ...]:
    return tuple(outcome.grid == example.output for example, outcome in zip(examples, outcomes, strict=True))


def _area(grid: Grid) -> int:
    return len(grid) * len(grid[0])
