"""Searching many tasks, in rounds: a few programs are tried for every task, then more where none was found.

So a search has a result at any time, and one that is stopped early equals a shorter one. A round starts each task from
scratch: with budgets that grow by a factor of four, the repeated work is a third of the whole.

The programs that run here are composed by the search itself, every call is bounded by deterministic limits, and no text
from outside is read. So plain worker processes are enough; like those of the interpreter's pool they give up the rights
that they don't need, and die with this process.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import interpreter
from codeit_jax.arc import Task
from codeit_jax.config.errors import CodeitError
from codeit_jax.evaluation import Candidate
from codeit_jax.search.budget import Budget
from codeit_jax.search.enumeration import search_program
from interpreter.pool.sandbox import confine

WORKER_BYTES = 2 << 30
"""Address space of a worker in bytes: a backstop, some four times what a search keeps at most."""

FIRST_ROUND_PROGRAMS = 2_500
"""Programs tried for each task in the first round: all of one call, and a few of two."""

_GROWTH = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskSearch:
    """Result of the search for one task in one round.

    Attributes:
        task_id: the task.
        limit: programs that could be tried.
        tried: programs that were tried.
        end: why it ended: a larger limit would give nothing else (`complete`), the limit was reached, or time ran out.
        candidates: the programs found, in the order of finding.
        core_seconds: processor time used.
    """

    task_id: str
    limit: int
    tried: int
    end: Literal["complete", "limit", "time"]
    candidates: tuple[Candidate, ...]
    # Not compared: by programs, two searches are equal wherever they ran.
    core_seconds: float = field(default=0.0, compare=False)


class Round(NamedTuple):
    """A round of searches, which must be consumed before the next.

    Attributes:
        limit: programs that are tried for each task.
        num_tasks: the number of tasks searched in this round.
        searches: results as they come in, in any order; fewer than num_tasks if time runs out.
    """

    limit: int
    num_tasks: int
    searches: Iterator[TaskSearch]


def search_rounds(
    tasks: Collection[Task],
    budget: Budget,
    max_lines: int,
    *,
    num_workers: int = 0,
    known: Mapping[str, TaskSearch] | None = None,
) -> Generator[Round, None, None]:
    """Search programs for each task on its demonstrations; the tests only score.

    Args:
        tasks: the tasks.
        budget: time is for all tasks together; programs are for each task in its last round. By programs, the result
            depends neither on the machine nor on the number of workers.
        max_lines: the largest size of a program.
        num_workers: processes; 0 for one per core.
        known: an earlier search's last result for each task, to continue from.

    Yields:
        Rounds, until no task needs another one or time runs out.

    Raises:
        CodeitError: a worker was killed.
    """
    last = dict(known or {})
    deadline = None if budget.seconds is None else time.monotonic() + budget.seconds
    with _Workers(num_workers or len(os.sched_getaffinity(0)), max_lines, deadline) as workers:
        while not workers.is_late:
            limits = {task.id: _next_limit(last.get(task.id), budget.programs) for task in tasks}
            # The smallest first: after a resume, tasks that the deadline cut off catch up before the others go deeper.
            limit = min(filter(None, limits.values()), default=None)
            if limit is None:
                break
            chosen = [task for task in tasks if limits[task.id] == limit]
            yield Round(limit, len(chosen), _noted(workers.search(chosen, limit), last))


def _next_limit(search: TaskSearch | None, most: int | None) -> int | None:
    """Return how many programs may be tried for a task next, given its last search; None if it needs none."""
    if search is None:
        limit = FIRST_ROUND_PROGRAMS
    # Time ran out in the middle of this limit: the same again.
    elif search.end == "time":
        limit = search.limit
    elif search.end == "complete" or (most is not None and search.limit >= most):
        return None
    else:
        limit = search.limit * _GROWTH
    return limit if most is None else min(limit, most)


def _noted(searches: Iterable[TaskSearch], last: dict[str, TaskSearch]) -> Iterator[TaskSearch]:
    for search in searches:
        last[search.task_id] = search
        yield search


class _Workers:
    """Processes that search, a task each at a time, until a deadline."""

    def __init__(self, number: int, max_lines: int, deadline: float | None) -> None:
        self._number = number
        self._max_lines = max_lines
        self._deadline = deadline
        self._others = multiprocessing.active_children()
        # Not fork: the parent may have threads (JAX's, the progress bar's), and a fork with threads can deadlock.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(number, mp_context=context, initializer=_start_worker)

    def __enter__(self) -> "_Workers":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            # `shutdown` waits for searches that are running, and one may have minutes left. The executor doesn't tell
            # its processes, so they are the children that weren't there before.
            for process in set(multiprocessing.active_children()).difference(self._others):
                process.terminate()
        self._pool.shutdown(cancel_futures=True)

    @property
    def is_late(self) -> bool:
        """Whether the deadline has passed."""
        return self._deadline is not None and time.monotonic() >= self._deadline

    def search(self, tasks: Sequence[Task], limit: int) -> Iterator[TaskSearch]:
        """Yield the result for each task as it ends; none is started after the deadline."""
        running: set[Future[TaskSearch]] = set()
        # Reversed, to be popped from the end. Tasks are submitted one per free worker, not all at once: each gets the
        # time that is left when it starts.
        waiting = list(tasks)[::-1]
        try:
            while running or (waiting and not self.is_late):
                while waiting and len(running) < self._number and not self.is_late:
                    left = None if self._deadline is None else max(0.0, self._deadline - time.monotonic())
                    budget = Budget(seconds=left, programs=limit)
                    running.add(self._pool.submit(_search_task, waiting.pop(), budget, self._max_lines))
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        # The kernel kills a process for memory; the executor can't say more than that one is gone.
        except BrokenProcessPool:
            raise CodeitError("a search process was killed; with fewer workers each has more memory") from None


def _start_worker() -> None:
    """Confine a worker; finding this function has already imported everything that it needs."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C reaches every process: this one ends without a traceback
    confine(WORKER_BYTES)


def _search_task(task: Task, budget: Budget, max_lines: int) -> TaskSearch:
    # The processor's time, not the wall's: workers may share cores, with each other and with other jobs.
    start = time.process_time()
    result = search_program(task.demonstrations, budget, max_lines)
    assert budget.programs is not None
    # Run from scratch, with the default limits: what is reported holds for the program as anyone else runs it.
    candidates = [
        Candidate.from_outcomes(
            task,
            str(program),
            [interpreter.run(program, grid) for grid in task.inputs],
            origin="search",
            work=result.tried,
        )
        for program in result.programs
    ]
    stopped_by: Literal["limit", "time"] = "limit" if result.tried == budget.programs else "time"
    return TaskSearch(
        task_id=task.id,
        limit=budget.programs,
        tried=result.tried,
        # With a program found, more budget would find larger ones only.
        end="complete" if result.is_complete or candidates else stopped_by,
        candidates=tuple(candidates),
        core_seconds=round(time.process_time() - start, 3),
    )
