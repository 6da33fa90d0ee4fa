"""Running sampled programs on their tasks' demonstrations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from codeit_jax.arc import TaskSet
from interpreter import InterpreterPool, Job, Outcome


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


def execute(
    programs: Mapping[str, Sequence[str]],
    tasks: TaskSet,
    pool: InterpreterPool,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Execution]:
    """Run each task's programs on its demonstration inputs; a task is one job, so its programs share common calls.

    Args:
        programs: task id -> program texts; a text given twice runs once.
        tasks: where the inputs come from; test inputs are never run here.
        pool: the interpreter's workers.
        on_progress: called with executions done and executions in all.

    Returns:
        One execution for each distinct program, by task id and then in the order given.
    """
    task_ids = sorted(programs)
    distinct = {task_id: list(dict.fromkeys(programs[task_id])) for task_id in task_ids}
    jobs = [Job(programs=distinct[task_id], grids=tasks[task_id].demonstration_inputs) for task_id in task_ids]
    results = pool.run(jobs, on_progress=on_progress)
    return [
        Execution(task_id=task_id, program=program, outcomes=tuple(outcomes))
        for task_id, rows in zip(task_ids, results, strict=True)
        for program, outcomes in zip(distinct[task_id], rows, strict=True)
    ]
