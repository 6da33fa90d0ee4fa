"""Guided mutation as a stage of the loop: children of what comes closest to each search task, whoever wrote it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from time import process_time

import numpy as np

from codeit_jax.arc import Task, TaskSet
from codeit_jax.config.interpreter_limits import limits_from_config
from codeit_jax.config.schema import Config
from codeit_jax.evaluation.screening import score_executions
from codeit_jax.hindsight import Execution, Experience, relabel_all
from codeit_jax.mutation.guided import guided_pass
from codeit_jax.mutation.parents import Parents
from codeit_jax.run.components import Components
from codeit_jax.run.monitor import Monitor
from codeit_jax.run.state import RunState, programs_tried


def new_populations(config: Config, tasks: TaskSet) -> dict[str, Parents]:
    """Return an empty population for each task, by its id; none if guided mutation is off."""
    if not config.search.guided_programs:
        return {}
    return {task.id: Parents(task, limits_from_config(config.interpreter)) for task in tasks}


def guided_mutation(
    state: RunState, sampled: Sequence[Execution], parts: Components, monitor: Monitor
) -> tuple[RunState, list[Experience]]:
    """Mutate what comes closest to each task: seeds, mutants, the policy's samples, and children of earlier stages.

    Args:
        state: consumed; its populations and its table of solutions grow.
        sampled: executions of what the policy sampled in this meta-iteration.
        parts: of the run.
        monitor: watches, and writes the new candidates.

    Returns:
        The state, and an experience for each child that gives a valid grid; none if guided mutation is off.
    """
    config, tasks = parts.config, parts.search_tasks
    if not config.search.guided_programs:
        return state, []
    with monitor.stage(state.iteration, "guided", title="guided mutation") as stage:
        start = process_time() + parts.pool.core_seconds
        observe(state.populations, sampled)
        executions: list[Execution] = []
        work = programs_tried(config, len(state.initial_programs), state.iteration, guided=True)
        scored = score_executions(
            _children(state, parts, executions),
            "guided",
            lambda task, place: work,
            pool=parts.pool,
            iteration=state.iteration,
        )
        new = []
        for number, (_, found) in enumerate(scored, start=1):
            new += state.solutions.add(found)
            stage.advance(number, len(tasks))
        experiences = relabel_all(
            executions,
            tasks,
            config.hindsight,
            origin="guided",
            iteration=state.iteration,
            order=config.text.demonstration_order,
        )
        best = [parents.best[0].closeness if len(parents) else 0.0 for parents in state.populations.values()]
        stage.note(
            programs=len(executions),
            experiences=len(experiences),
            new=len(new),
            mean_closeness=round(float(np.mean(best)), 4),
            t_core_seconds=round(process_time() + parts.pool.core_seconds - start, 3),
        )
    monitor.keep_solutions(new)
    return replace(state, num_guided=state.num_guided + len(executions)), experiences


def observe(populations: Mapping[str, Parents], executions: Sequence[Execution]) -> None:
    """Show each population what programs gave for its task; texts that are no programs were not run."""
    by_task: dict[str, list[Execution]] = {}
    for execution in executions:
        by_task.setdefault(execution.task_id, []).append(execution)
    for task_id, group in by_task.items():
        outputs = ([outcome.grid for outcome in execution.outcomes] for execution in group)
        populations[task_id].observe([execution.program for execution in group], outputs)


def _children(
    state: RunState, parts: Components, executions: list[Execution]
) -> Iterator[tuple[Task, Sequence[Execution]]]:
    """Yield each task with the executions of its children, which are also added to a list."""
    # Shifted, since what seeds a generator is unsigned and the pretraining is -1.
    seed = (parts.config.seed, state.iteration + 1)
    passed = guided_pass(state.populations.values(), parts.config.search.guided_programs, seed=seed, pool=parts.pool)
    for parents, found in passed:
        executions += found
        yield parents.task, found
