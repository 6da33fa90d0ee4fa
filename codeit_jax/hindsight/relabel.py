"""Hindsight relabeling (paper, section 3.2): what a program really produced takes the place of what was wanted."""

from collections.abc import Iterable

from codeit_jax.arc import Example, Task, TaskSet, reproduced
from codeit_jax.config.schema import DemonstrationOrder, HindsightConfig
from codeit_jax.hindsight.executions import Execution
from codeit_jax.hindsight.experience import Experience, Origin
from codeit_jax.text.prompt import order_demonstrations


def solved_demonstrations(execution: Execution, task: Task) -> tuple[bool, ...]:
    """Return for each demonstration whether the program produced the wanted output."""
    return reproduced((outcome.grid for outcome in execution.outcomes), task.demonstrations)


def demonstration_performance(solved: tuple[bool, ...]) -> float:
    """Return the share of demonstrations solved, 0 to 1."""
    return sum(solved) / len(solved)


def relabel(
    execution: Execution,
    task: Task,
    config: HindsightConfig,
    *,
    origin: Origin,
    iteration: int,
    order: DemonstrationOrder = "cells",
) -> Experience | None:
    """Turn an execution into an experience, or into nothing if it teaches nothing true.

    With relabeling every demonstration on which the program gives a valid grid counts, with that grid as its output.
    Without it (ablation A2) only demonstrations whose wanted output was produced count.

    Args:
        execution: the program's outcomes on the task's demonstrations.
        task: the task that it was sampled for.
        config: whether to relabel, how many demonstrations may be learned from, and whether one that counts suffices.
        origin: who wrote the program.
        iteration: the meta-iteration.
        order: which demonstrations are the smallest.

    Returns:
        The experience; None if there is no example.
    """
    # Demonstrations only: an execution has no outcomes on tests.
    solved = solved_demonstrations(execution, task)
    places = smallest_places(task, config.num_demonstrations, order)
    examples = tuple(
        Example(input=task.demonstrations[place].input, output=grid)
        for place in places
        if (grid := execution.outcomes[place].grid) is not None and (config.relabel or solved[place])
    )
    if not examples or (config.keep == "all" and len(examples) < len(places)):
        return None
    return Experience(
        task_id=execution.task_id,
        program=execution.program,
        examples=examples,
        demonstration_performance=demonstration_performance(solved),
        origin=origin,
        iteration=iteration,
    )


def relabel_all(
    executions: Iterable[Execution],
    tasks: TaskSet,
    config: HindsightConfig,
    *,
    origin: Origin,
    iteration: int,
    order: DemonstrationOrder = "cells",
) -> list[Experience]:
    """Return the experiences that `relabel` makes of executions, in their order.

    Args:
        executions: of programs for any of the tasks.
        tasks: theirs.
        config, origin, iteration, order: see `relabel`.
    """
    relabeled = (
        relabel(e, tasks[e.task_id], config, origin=origin, iteration=iteration, order=order) for e in executions
    )
    return [experience for experience in relabeled if experience is not None]


def smallest_places(task: Task, count: int | None, order: DemonstrationOrder) -> list[int]:
    """Return where the smallest demonstrations stand in the task, ascending; without a count, all."""
    places = range(len(task.demonstrations))
    if count is None:
        return list(places)
    # By identity: two demonstrations of a task may be equal.
    chosen = {id(demonstration) for demonstration in order_demonstrations(task.demonstrations, order)[:count]}
    return [place for place in places if id(task.demonstrations[place]) in chosen]
