"""Guided mutation: for each task, mutants of the programs that come closest to its demonstrations so far.

What becomes of a task is a function of its population, the seed and the number of programs. So it depends neither on
the other tasks nor on the number of workers, and a population that was written down continues as it would have.
"""

import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

import interpreter
from codeit_jax.hindsight import Execution
from codeit_jax.hindsight.executions import arc_outcome
from codeit_jax.mutation.parents import Parents

ROUND_PROGRAMS = 128
"""Children that are drawn from the same parents and run together: with more, more calls are shared, and those that come
closer are parents later."""

# Workers run the rounds of some tasks while this process draws those of others. A constant: the processes of a run on
# several hosts have to submit the same jobs in the same order.
_TASKS_AT_ONCE = 16


@dataclass
class _TaskInWork:
    """One task between its rounds: the children that run now, and the executions of those before."""

    parents: Parents
    num_asked: int = 0
    children: list[str] = field(default_factory=list)
    pending: interpreter.Pending | None = None
    executions: list[Execution] = field(default_factory=list)


def guided_pass(
    populations: Iterable[Parents], num_programs: int, *, seed: Sequence[int], pool: interpreter.InterpreterPool
) -> Iterator[tuple[Parents, list[Execution]]]:
    """Draw, run and observe children for each task.

    Args:
        populations: one for each task; they change in place.
        num_programs: for each task; in rounds, each of which has the parents that the one before left.
        seed: decides the children, with the population; another pass needs another one.
        pool: runs the children, on the demonstrations alone.

    Yields:
        The populations in the order given, each with the executions of its children in the order of drawing. The texts
        are distinct and new for the task. There may be fewer than were asked for.
    """
    waiting = iter(populations)
    working: deque[_TaskInWork] = deque()
    while True:
        while len(working) < _TASKS_AT_ONCE and (parents := next(waiting, None)) is not None:
            working.append(_begin_round(_TaskInWork(parents), num_programs, seed, pool))
        if not working:
            return
        task = working.popleft()
        _end_round(task)
        # All tasks have as many rounds, even those that run out of children, so they end in the order given.
        if task.num_asked < num_programs:
            working.append(_begin_round(task, num_programs, seed, pool))
        else:
            yield task.parents, task.executions


def _begin_round(
    work: _TaskInWork, num_programs: int, seed: Sequence[int], pool: interpreter.InterpreterPool
) -> _TaskInWork:
    task = work.parents.task
    count = min(ROUND_PROGRAMS, num_programs - work.num_asked)
    # From what identifies the round: no task depends on how many numbers another drew.
    rng = np.random.default_rng([*seed, zlib.crc32(task.id.encode()), work.num_asked])
    work.children = work.parents.propose(count, rng)
    work.pending = pool.submit([interpreter.Job(work.children, task.demonstration_inputs)])
    work.num_asked += count
    return work


def _end_round(work: _TaskInWork) -> None:
    assert work.pending is not None
    [rows] = work.pending.result()
    executions = [
        Execution(task_id=work.parents.task.id, program=program, outcomes=tuple(map(arc_outcome, row)))
        for program, row in zip(work.children, rows, strict=True)
    ]
    work.parents.observe(work.children, ([outcome.grid for outcome in e.outcomes] for e in executions))
    work.executions += executions
