"""Running proposals on every input of their parent's task."""

from collections.abc import Sequence

import interpreter
from codeit_jax.arc import Grid, TaskSet

_OK = interpreter.Status.OK


def valid_outputs(
    proposals: Sequence[tuple[str, interpreter.Program]], tasks: TaskSet, pool: interpreter.InterpreterPool
) -> list[tuple[Grid, ...] | None]:
    """Run programs on the inputs of their task's demonstrations and tests.

    Most failing programs fail everywhere, so the smallest input goes first and the others only follow where it gave a
    grid. The programs of one task go together, because they share most of their calls.

    Args:
        proposals: pairs of a task id and a program.
        tasks: the tasks.
        pool: runs the programs.

    Returns:
        Per proposal the outputs, demonstrations first; None unless all are valid grids.
    """
    by_task: dict[str, list[int]] = {}
    for index, (task_id, _) in enumerate(proposals):
        by_task.setdefault(task_id, []).append(index)
    inputs = {task_id: tasks[task_id].demonstration_inputs + tasks[task_id].test_inputs for task_id in by_task}
    smallest = {task_id: min(range(len(grids)), key=lambda k: _area(grids[k])) for task_id, grids in inputs.items()}

    def run(groups: dict[str, list[int]], grids: dict[str, Sequence[Grid]]) -> dict[int, list[interpreter.Outcome]]:
        jobs = [interpreter.Job([proposals[k][1] for k in group], grids[task_id]) for task_id, group in groups.items()]
        results = pool.run(jobs)
        return {
            k: row
            for group, rows in zip(groups.values(), results, strict=True)
            for k, row in zip(group, rows, strict=True)
        }

    first = run(by_task, {task_id: [grids[smallest[task_id]]] for task_id, grids in inputs.items()})
    alive = {task_id: [k for k in group if first[k][0].status is _OK] for task_id, group in by_task.items()}
    alive = {task_id: group for task_id, group in alive.items() if group}
    rest = run(
        alive,
        {task_id: inputs[task_id][: smallest[task_id]] + inputs[task_id][smallest[task_id] + 1 :] for task_id in alive},
    )
    outputs: list[tuple[Grid, ...] | None] = [None] * len(proposals)
    for index, outcomes in rest.items():
        outcomes.insert(smallest[proposals[index][0]], first[index][0])
        if all(outcome.status is _OK for outcome in outcomes):
            outputs[index] = tuple(outcome.grid for outcome in outcomes if outcome.grid is not None)
    return outputs


def _area(grid: Grid) -> int:
    return len(grid) * len(grid[0])
