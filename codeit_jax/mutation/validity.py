"""Running proposals on every input of their parent's task."""

from collections.abc import Callable, Mapping, Sequence

import interpreter
from codeit_jax.arc import Grid, Task, TaskSet, area, has_grid_size

Proposals = Sequence[tuple[str, interpreter.Program]]
"""Pairs of a task id and a program."""


def valid_outputs(
    proposals: Proposals, tasks: TaskSet, pool: interpreter.InterpreterPool
) -> list[tuple[Grid, ...] | None]:
    """Run programs on the inputs of their task's demonstrations and tests.

    Args:
        proposals: pairs of a task id and a program.
        tasks: the tasks.
        pool: runs the programs.

    Returns:
        Per proposal the outputs, demonstrations first; None unless all are valid grids.
    """
    everything = range(len(proposals))
    orders = {task_id: _smallest_first(tasks[task_id]) for task_id, _ in proposals}

    def ordered_inputs(task_id: str) -> list[Grid]:
        inputs = tasks[task_id].inputs
        return [inputs[k] for k in orders[task_id]]

    # In two passes: most programs that fail do so everywhere, and on the smallest input that costs least.
    first = _run(proposals, everything, lambda task_id: ordered_inputs(task_id)[:1], pool)
    alive = [index for index in everything if first[index] is not None]
    rest = _run(proposals, alive, lambda task_id: ordered_inputs(task_id)[1:], pool)
    outputs: list[tuple[Grid, ...] | None] = [None] * len(proposals)
    for index in alive:
        start, end = first[index], rest[index]
        if start is not None and end is not None:
            # Back to the task's order, which the caller splits into demonstrations and tests.
            by_position = dict(zip(orders[proposals[index][0]], start + end, strict=True))
            outputs[index] = tuple(by_position[k] for k in range(len(by_position)))
    return outputs


def _smallest_first(task: Task) -> list[int]:
    inputs = task.inputs
    return sorted(range(len(inputs)), key=lambda k: area(inputs[k]))


def _run(
    proposals: Proposals,
    chosen: Sequence[int],
    inputs_of: Callable[[str], list[Grid]],
    pool: interpreter.InterpreterPool,
) -> Mapping[int, list[Grid] | None]:
    """Run the chosen proposals, one job a task; return by index the outputs, None unless all are valid grids."""
    # One job for all programs of a task: mutants of one parent share most of their calls, which a job makes once.
    by_task: dict[str, list[int]] = {}
    for index in chosen:
        by_task.setdefault(proposals[index][0], []).append(index)
    jobs = [
        interpreter.Job([proposals[index][1] for index in group], inputs_of(task_id))
        for task_id, group in by_task.items()
    ]
    outputs: dict[int, list[Grid] | None] = {}
    for group, rows in zip(by_task.values(), pool.run(jobs), strict=True):
        for index, row in zip(group, rows, strict=True):
            # One failure among the grids makes the row shorter, and the proposal invalid.
            grids = [outcome.grid for outcome in row if outcome.grid is not None and has_grid_size(outcome.grid)]
            outputs[index] = grids if len(grids) == len(row) else None
    return outputs
