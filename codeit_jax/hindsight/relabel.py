"""Hindsight relabeling (paper, section 3.2): what a program really produced takes the place of what was wanted."""

from collections.abc import Iterable

from codeit_jax.arc import Example, Task, TaskSet, reproduced
from codeit_jax.config.schema import HindsightConfig
from codeit_jax.hindsight.executions import Execution
from codeit_jax.hindsight.experience import Experience, Origin


def solved_demonstrations(execution: Execution, task: Task) -> tuple[bool, ...]:
    """Return for each demonstration whether the program produced the wanted output."""
    return reproduced((outcome.grid for outcome in execution.outcomes), task.demonstrations)


def demonstration_performance(solved: tuple[bool, ...]) -> float:
    """Return the share of demonstrations solved, 0 to 1."""
    return sum(solved) / len(solved)


def relabel(
    execution: Execution, task: Task, config: HindsightConfig, *, origin: Origin, iteration: int
) -> Experience | None:
    """Turn an execution into an experience, or into nothing if it teaches nothing true.

    With relabeling every demonstration on which the program gives a valid grid counts, with that grid as its output.
    Without it (ablation A2) only demonstrations whose wanted output was produced count.

    Args:
        execution: the program's outcomes on the task's demonstrations.
        task: the task that it was sampled for.
        config: whether to relabel, and how many demonstrations count.
        origin: who wrote the program.
        iteration: the meta-iteration.

    Returns:
        The experience; None if there is no example.
    """
    # Demonstrations only: an execution has no outcomes on tests.
    solved = solved_demonstrations(execution, task)
    # What the prompt shows is what the experience and its priority are made of.
    kept = slice(config.num_demonstrations)
    rows = zip(execution.outcomes[kept], task.demonstrations[kept], solved[kept], strict=True)
    examples = tuple(
        Example(input=wanted.input, output=outcome.grid)
        for outcome, wanted, is_solved in rows  # those that failed leave the others: an example needs one grid
        if outcome.grid is not None and (config.relabel or is_solved)
    )
    if not examples:
        return None
    return Experience(
        task_id=execution.task_id,
        program=execution.program,
        examples=examples,
        demonstration_performance=demonstration_performance(solved[kept]),
        origin=origin,
        iteration=iteration,
    )


def relabel_all(
    executions: Iterable[Execution], tasks: TaskSet, config: HindsightConfig, *, origin: Origin, iteration: int
) -> list[Experience]:
    """Return the experiences that `relabel` makes of executions, in their order.

    Args:
        executions: of programs for any of the tasks.
        tasks: theirs.
        config, origin, iteration: see `relabel`.
    """
    relabeled = (relabel(e, tasks[e.task_id], config, origin=origin, iteration=iteration) for e in executions)
    return [experience for experience in relabeled if experience is not None]
