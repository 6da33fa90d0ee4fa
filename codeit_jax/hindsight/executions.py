"""Running sampled programs on their tasks' demonstrations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from codeit_jax.arc import TaskSet
from interpreter import InterpreterPool, Job, Outcome, Pending


@dataclass(frozen=True, kw_only=True, slots=True)
class Execution:
    """One program run on one task's demonstrations.

    Attributes:
        task_id: the task.
        program: program text as sampled.
        outcomes: one for each demonstration, in the task's order.
    """

    task_id: str
    program: str
    outcomes: tuple[Outcome, ...]


class PendingExecutions:
    """Programs that are being run: see `submit_programs`.

    Args:
        programs: task id -> distinct program texts, in the order of the jobs.
        pending: the jobs' outcomes, one row for each program.
    """

    def __init__(self, programs: Mapping[str, Sequence[str]], pending: Pending) -> None:
        self._programs = programs
        self._pending = pending

    def result(self, on_progress: Callable[[int, int], None] | None = None) -> list[Execution]:
        """Wait for all outcomes.

        Args:
            on_progress: called with executions done and executions in all.

        Returns:
            One execution for each distinct program, by task id and then in the order given.
        """
        return [
            Execution(task_id=task_id, program=program, outcomes=tuple(outcomes))
            for (task_id, programs), rows in zip(self._programs.items(), self._pending.result(on_progress), strict=True)
            for program, outcomes in zip(programs, rows, strict=True)
        ]


def submit_programs(programs: Mapping[str, Sequence[str]], tasks: TaskSet, pool: InterpreterPool) -> PendingExecutions:
    """Submit each task's programs for its demonstration inputs; a task is one job, so its programs share common calls.

    Args:
        programs: task id -> program texts; a text given twice runs once.
        tasks: where the inputs come from; test inputs are never run here.
        pool: the interpreter's workers.

    Returns:
        The executions to come.
    """
    # Sorted by task: jobs, and with them what follows from their order, don't depend on how the caller built its dict.
    distinct = {task_id: list(dict.fromkeys(programs[task_id])) for task_id in sorted(programs)}
    jobs = [Job(programs=texts, grids=tasks[task_id].demonstration_inputs) for task_id, texts in distinct.items()]
    return PendingExecutions(distinct, pool.submit(jobs))


def execute(
    programs: Mapping[str, Sequence[str]],
    tasks: TaskSet,
    pool: InterpreterPool,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Execution]:
    """Run programs and wait for all outcomes: `submit_programs`, then its result.

    Args:
        programs, tasks, pool: see there.
        on_progress: called with executions done and executions in all.
    """
    return submit_programs(programs, tasks, pool).result(on_progress)
