"""Searching many tasks: one task a process at a time.

The programs that run here are composed by the search itself, every call is bounded by deterministic limits, and no text
from outside is read. So plain worker processes do; like those of the interpreter's pool they give up what they don't
need, and die with this process.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

import interpreter
from codeit_jax.arc import Example, Task, TaskSet
from codeit_jax.errors import CodeitError
from codeit_jax.evaluation import Candidate
from codeit_jax.search.budget import Budget
from codeit_jax.search.enumeration import search_program
from interpreter.sandbox import confine

WORKER_BYTES = 2 << 30
"""Address space of a worker: a backstop, some four times what a search keeps at most."""


def search_tasks(
    tasks: TaskSet | Sequence[Task],
    budget: Budget,
    max_lines: int,
    *,
    num_workers: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Candidate]:
    """Search programs for each task; only the demonstrations are searched with, the tests score.

    Args:
        tasks: the tasks.
        budget: time is for all tasks together, and what a task leaves goes to those after it; calls are for each task,
            and then the result depends neither on the machine nor on the number of workers.
        max_lines: the largest size of a program.
        num_workers: processes; 0 for one a core.
        on_progress: called with tasks done and tasks in all.

    Returns:
        The programs found, by task and then in the order of finding.

    Raises:
        CodeitError: a worker was killed.
    """
    workers = num_workers or len(os.sched_getaffinity(0))
    found: dict[int, list[Candidate]] = {}
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)
    try:
        for position, candidates in _completed(pool, tasks, _shares(budget, len(tasks), workers), max_lines, workers):
            found[position] = candidates
            if on_progress is not None:
                on_progress(len(found), len(tasks))
    except BrokenProcessPool:
        raise CodeitError("a search process was killed; with fewer workers each has more memory") from None
    finally:
        pool.shutdown(cancel_futures=True)
    return [candidate for position in sorted(found) for candidate in found[position]]


def _start_worker() -> None:
    """Confine a worker; that this function is found has imported all that it needs."""
    confine(WORKER_BYTES)


def _shares(budget: Budget, num_tasks: int, workers: int) -> Iterator[Budget]:
    """Yield the budget of each task, at the moment when it is started."""
    start = time.monotonic()
    for started in range(num_tasks):
        if budget.seconds is None:
            yield budget
        else:
            left = max(0.0, start + budget.seconds - time.monotonic())
            yield Budget(seconds=left * min(1.0, workers / (num_tasks - started)))


def _completed(
    pool: ProcessPoolExecutor, tasks: TaskSet | Sequence[Task], shares: Iterator[Budget], max_lines: int, workers: int
) -> Iterator[tuple[int, list[Candidate]]]:
    """Yield what is found for each task, by position, as the tasks end; no more are started than there are workers."""
    running: dict[Future[list[Candidate]], int] = {}
    waiting = list(enumerate(tasks))[::-1]
    while running or waiting:
        while waiting and len(running) < workers:
            position, task = waiting.pop()
            running[pool.submit(_search_task, task, next(shares), max_lines)] = position
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            yield running.pop(future), future.result()


def _search_task(task: Task, budget: Budget, max_lines: int) -> list[Candidate]:
    programs = search_program(task.demonstrations, budget, max_lines)
    return [
        Candidate(
            task_id=task.id,
            program=str(program),
            demonstrations=_reproduced(program, task.demonstrations),
            tests=_reproduced(program, task.tests),
        )
        for program in programs
    ]


def _reproduced(program: interpreter.Program, examples: Sequence[Example]) -> tuple[bool, ...]:
    return tuple(interpreter.run(program, example.input).grid == example.output for example in examples)
