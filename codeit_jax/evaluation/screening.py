"""Running many programs on many tasks: which reproduce a demonstration of which task?"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TypeVar

import interpreter
from codeit_jax.arc import Example, Task, TaskSet, area, reproduced
from codeit_jax.evaluation.candidates import Candidate
from codeit_jax.evaluation.solutions import SolutionTable
from codeit_jax.hindsight import Execution, Origin
from interpreter.pool.jobs import Results

_TASKS_AHEAD = 4  # keeps the workers busy, and bounds the outcomes held at once

T = TypeVar("T")


def find_candidates(
    executions: Sequence[Execution],
    tasks: TaskSet,
    known: SolutionTable,
    *,
    pool: interpreter.InterpreterPool,
    iteration: int,
) -> list[Candidate]:
    """Run programs of the policy on the tests, to score them.

    Args:
        executions: of programs that solve a demonstration, on the demonstrations.
        tasks: theirs; the tests' outputs are read here, to score only.
        known: programs found before, which aren't run again.
        pool: runs the programs.
        iteration: the meta-iteration.

    Returns:
        The candidates that aren't known yet.
    """
    # What a program does is a function of its text: the candidate of an earlier meta-iteration still holds.
    unknown = [e for e in executions if not known.is_known(e.task_id, e.program)]
    # The tests wait until here: what reaches a prompt, a priority or a choice never saw them.
    jobs = [interpreter.Job(programs=[e.program], grids=tasks[e.task_id].test_inputs) for e in unknown]
    return [
        Candidate.from_outcomes(
            tasks[e.task_id], e.program, (*e.outcomes, *outcomes), origin="policy", iteration=iteration
        )
        for e, [outcomes] in zip(unknown, pool.run(jobs), strict=True)
    ]


def screen_programs(
    programs: Sequence[interpreter.Program],
    tasks: Collection[Task],
    origins: Sequence[Origin],
    *,
    pool: interpreter.InterpreterPool,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Candidate]:
    """Find what `screen_tasks` yields for each task, in one list by task and then in the order of the programs.

    Args:
        programs, tasks, origins, pool: see `screen_tasks`.
        on_progress: called with tasks done and tasks in all.
    """
    candidates: list[Candidate] = []
    for number, (_, found) in enumerate(screen_tasks(programs, tasks, origins, pool=pool), start=1):
        candidates.extend(found.values())
        on_progress(number, len(tasks))
    return candidates


def screen_tasks(
    programs: Sequence[interpreter.Program],
    tasks: Iterable[Task],
    origins: Sequence[Origin],
    *,
    pool: interpreter.InterpreterPool,
) -> Iterator[tuple[Task, dict[int, Candidate]]]:
    """Find the programs that reproduce the smallest demonstration of a task, and what else of it they reproduce.

    Almost all programs miss almost all tasks, so each runs on the smallest demonstration first, and only those that
    reproduce it on all inputs; a program that reproduces only larger demonstrations is overlooked.

    Args:
        programs: the programs; they are run sorted, since those that begin alike share calls.
        tasks: the tasks; the tests' outputs are read to score only.
        origins: who wrote each program.
        pool: runs the programs.

    Yields:
        Each task with its candidates, by ascending position of the program.
    """
    # By their lines, not their texts: programs that share a prefix of calls become neighbors, and the pool runs what
    # neighbors share once. `order` leads back: number in the sorted list -> position in `programs`.
    order = sorted(range(len(programs)), key=lambda position: programs[position].lines)
    texts = [str(programs[position]) for position in order]

    def submit_first(task: Task) -> interpreter.Pending:
        return pool.submit([interpreter.Job(texts, [_smallest(task).input])])

    def submit_whole(task: Task, hits: Sequence[int]) -> interpreter.Pending:
        return pool.submit([interpreter.Job([texts[number] for number in hits], task.inputs)])

    # Two pipelines of lazy iterators, one fed by the other: while the hits of one task run on all of its inputs, the
    # next tasks already run on their smallest.
    first = _ahead((task, submit_first(task)) for task in tasks)
    hits = ((task, _hits(task, rows)) for task, [rows] in first)
    whole = _ahead(((task, numbers), submit_whole(task, numbers)) for task, numbers in hits)
    for (task, numbers), [rows] in whole:
        # Back into the order of the programs, so that what is found doesn't depend on how they were sorted.
        outcomes_by_position = {order[number]: row for number, row in zip(numbers, rows, strict=True)}
        yield (
            task,
            {
                position: Candidate.from_outcomes(task, str(programs[position]), row, origin=origins[position])
                for position, row in sorted(outcomes_by_position.items())
            },
        )


def _ahead(submitted: Iterable[tuple[T, interpreter.Pending]]) -> Iterator[tuple[T, Results]]:
    """Yield results in order, each when some more have been submitted, so that the workers never wait."""
    # In order, not as they finish: with several processes all have to ask for the same results in the same order.
    waiting: deque[tuple[T, interpreter.Pending]] = deque()
    for entry in submitted:
        waiting.append(entry)
        if len(waiting) > _TASKS_AHEAD:
            item, pending = waiting.popleft()
            yield item, pending.result()
    for item, pending in waiting:
        yield item, pending.result()


def _smallest(task: Task) -> Example:
    # Of equal ones the first: `min` is stable.
    return min(task.demonstrations, key=lambda example: area(example.input))


def _hits(task: Task, rows: Sequence[Sequence[interpreter.Outcome]]) -> list[int]:
    """Return the numbers of the programs that reproduce the smallest demonstration."""
    smallest = _smallest(task)
    return [number for number, [outcome] in enumerate(rows) if reproduced([outcome.grid], [smallest]) == (True,)]
