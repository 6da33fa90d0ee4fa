"""Running many programs on many tasks: which reproduce a demonstration of which task?"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import interpreter
from codeit_jax.arc import Example, Grid, Task, TaskSet, area, reproduced
from codeit_jax.config.schema import Screen
from codeit_jax.evaluation.candidates import Candidate
from codeit_jax.hindsight import BEFORE_TRAINING, Execution, Origin
from codeit_jax.hindsight.executions import arc_outcome
from interpreter.pool.jobs import Results

_TASKS_AHEAD = 4  # keeps the workers busy, and bounds the outcomes held at once

T = TypeVar("T")

Observer = Callable[[Task, Sequence[str], Iterable[Sequence[Grid | None]]], None]
"""Is given a task, canonical texts, and for each of them the grids that it gives, None where it gives none."""


def find_candidates(
    executions: Mapping[tuple[str, str], Execution],
    tasks: TaskSet,
    initial_programs: Mapping[str, Origin],
    *,
    pool: interpreter.InterpreterPool,
    iteration: int,
    work: int,
) -> list[Candidate]:
    """Run programs of the policy on the tests, to score them.

    Args:
        executions: of programs that solve a demonstration, on the demonstrations, by task and canonical text.
        tasks: theirs; the tests' outputs are read here, to score only.
        initial_programs: by canonical text, who wrote the seeds and mutants that the run started from.
        pool: runs the programs.
        iteration: the meta-iteration.
        work: programs tried for each task until its end.

    Returns:
        A candidate for each execution.
    """
    # The tests wait until here: what reaches a prompt, a priority or a choice never saw them.
    jobs = [interpreter.Job([text], tasks[task_id].test_inputs) for task_id, text in executions]
    return [
        Candidate.from_outcomes(
            tasks[task_id],
            text,
            (*execution.outcomes, *outcomes),
            origin="policy",
            iteration=iteration,
            work=work,
            copy_of=initial_programs.get(text),
        )
        for ((task_id, text), execution), [outcomes] in zip(executions.items(), pool.run(jobs), strict=True)
    ]


def score_executions(
    executed: Iterable[tuple[Task, Sequence[Execution]]],
    origin: Origin,
    work: Callable[[Task, int], int],
    *,
    pool: interpreter.InterpreterPool,
    iteration: int = BEFORE_TRAINING,
) -> Iterator[tuple[Task, list[Candidate]]]:
    """Run programs that reproduce a demonstration on the tests, to score them.

    Args:
        executed: tasks, each with executions of distinct programs on its demonstrations.
        origin: who wrote the programs.
        work: given a task and a position among its executions, the programs tried for the task by then.
        pool: runs the programs.
        iteration: the meta-iteration.

    Yields:
        Each task with its candidates, in the order given.
    """
    hits = (
        (task, {n: executions[n] for n in _hits([e.outcomes for e in executions], task.demonstrations)})
        for task, executions in executed
    )
    # Ahead, so that nobody waits for a few programs behind the many that the workers have been given.
    tested = _ahead(
        ((task, found), pool.submit([interpreter.Job([e.program for e in found.values()], task.test_inputs)]))
        for task, found in hits
    )
    for (task, found), [rows] in tested:
        candidates = [
            Candidate.from_outcomes(
                task,
                execution.program,
                (*execution.outcomes, *row),
                origin=origin,
                iteration=iteration,
                work=work(task, place),
            )
            for (place, execution), row in zip(found.items(), rows, strict=True)
        ]
        yield task, candidates


def screen_tasks(
    programs: Sequence[interpreter.Program],
    tasks: Iterable[Task],
    origins: Sequence[Origin],
    *,
    pool: interpreter.InterpreterPool,
    screen: Screen = "all",
    observe: Observer | None = None,
) -> Iterator[tuple[Task, dict[int, Candidate]]]:
    """Find the programs that reproduce a demonstration of a task, and what else of it they reproduce.

    Every program runs on the demonstrations, and those that are candidates then run on the tests. A program that fails
    on one demonstration may still reproduce another, so with `all` none is left out anywhere.

    Args:
        programs: the programs; they are run sorted, since those that begin alike share calls.
        tasks: the tasks; the tests' outputs are read to score only.
        origins: who wrote each program.
        pool: runs the programs.
        screen: `all`; or `smallest_demonstration`, which overlooks programs that reproduce only larger ones.
        observe: is shown what all programs give for the screened demonstrations of each task.

    Yields:
        Each task with its candidates, by ascending position of the program.
    """
    # By their lines, not their texts: programs that share a prefix of calls become neighbors, and the pool runs what
    # neighbors share once. `order` leads back: number in the sorted list -> position in `programs`.
    order = sorted(range(len(programs)), key=lambda position: programs[position].lines)
    texts = [str(programs[position]) for position in order]

    def submit_demonstrations(task: Task) -> interpreter.Pending:
        return pool.submit([interpreter.Job(texts, [shown.input for shown in _screened(task, screen)])])

    def submit_rest(task: Task, hits: Iterable[int]) -> interpreter.Pending:
        inputs = task.test_inputs if screen == "all" else task.inputs
        return pool.submit([interpreter.Job([texts[number] for number in hits], inputs)])

    # Two pipelines of lazy iterators, one fed by the other: while the hits of one task run on its tests, the next
    # tasks already run on their demonstrations.
    demonstrations = _ahead((task, submit_demonstrations(task)) for task in tasks)
    if observe is not None:
        demonstrations = _observed(demonstrations, texts, observe)
    # Outcomes of the many programs that reproduce nothing are dropped here.
    hits = ((task, _hits(rows, _screened(task, screen))) for task, [rows] in demonstrations)
    whole = _ahead(((task, rows), submit_rest(task, rows)) for task, rows in hits)
    for (task, first_rows), [rest_rows] in whole:
        candidates = {}
        for (number, first), rest in zip(first_rows.items(), rest_rows, strict=True):
            # Back into the order of the programs, so that what is found doesn't depend on how they were sorted.
            position = order[number]
            candidates[position] = Candidate.from_outcomes(
                task,
                texts[number],
                (*first, *rest) if screen == "all" else rest,
                origin=origins[position],
                work=position + 1,
            )
        yield task, dict(sorted(candidates.items()))


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


def _observed(
    demonstrations: Iterable[tuple[Task, Results]], texts: Sequence[str], observe: Observer
) -> Iterator[tuple[Task, Results]]:
    """Yield the same, each after it has been shown to an observer."""
    for task, [rows] in demonstrations:
        observe(task, texts, ([arc_outcome(outcome).grid for outcome in row] for row in rows))
        yield task, [rows]


def _screened(task: Task, screen: Screen) -> Sequence[Example]:
    """Return the demonstrations on which every program runs."""
    if screen == "all":
        return task.demonstrations
    # Of equal ones the first: `min` is stable.
    return [min(task.demonstrations, key=lambda example: area(example.input))]


def _hits(
    rows: Sequence[Sequence[interpreter.Outcome]], examples: Sequence[Example]
) -> dict[int, Sequence[interpreter.Outcome]]:
    """Return number and outcomes of the programs that reproduce one of the examples."""
    return {
        number: row for number, row in enumerate(rows) if any(reproduced([outcome.grid for outcome in row], examples))
    }
