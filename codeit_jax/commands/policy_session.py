"""What `sample`, `solve` and `evaluate` share: a policy's programs for some tasks, sampled and executed."""

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from codeit_jax.arc import Task, TaskSet
    from codeit_jax.config.schema import Config
    from codeit_jax.evaluation.program_ranking import RankedProgram
    from codeit_jax.inference.trained_policy import Policy


@dataclass(frozen=True)
class PolicySession:
    """A policy, some tasks, and the programs that it wrote for them.

    Attributes:
        policy: the policy.
        tasks: the tasks.
        temperature: at which the programs were sampled.
        num_sampled: number of programs sampled.
        programs: task id -> its distinct programs.
    """

    policy: "Policy"
    tasks: "TaskSet"
    temperature: float
    num_sampled: int
    programs: "dict[str, list[RankedProgram]]"

    def report(self) -> dict[str, int | None]:
        """Count the solved tasks as a run's report does; None where a test's output is unknown."""
        from codeit_jax.evaluation.task_results import count_solved

        return count_solved(self.programs, list(self.tasks))

    def origin(self) -> dict[str, int | str]:
        """Return what a result must be quoted with: the checkpoint and the tasks' data."""
        return {
            "checkpoint": self.policy.checkpoint,
            "iteration": self.policy.iteration,
            "snapshot": f"{self.tasks.snapshot}, digest {self.tasks.digest}",
        }


def sample_and_run(arguments: argparse.Namespace, choose_tasks: "Callable[[Config], TaskSet]") -> PolicySession:
    """Load a run's policy, then sample and execute programs.

    Args:
        arguments: `run_directory` and those of `add_policy_arguments`.
        choose_tasks: chooses the tasks, given the run's configuration; called first, so that a wrong task is reported
            before anything is loaded.

    Raises:
        UserError: no such run or task.
        StorageError: no checkpoint is complete.
    """
    from codeit_jax.config.interpreter_limits import limits_from_config
    from codeit_jax.inference.ranked_programs import draw_programs, run_programs
    from codeit_jax.inference.trained_policy import load_policy
    from codeit_jax.reporting.progress import Reporter
    from codeit_jax.reporting.run_reader import read_run_config
    from interpreter import InterpreterPool

    tasks = choose_tasks(read_run_config(arguments.run_directory))
    reporter = Reporter()
    policy = load_policy(arguments.run_directory, reporter.say)
    settings = policy.config.interpreter
    sampling = policy.config.sampling
    num_samples = arguments.num or sampling.samples_per_task
    temperature = sampling.temperature if arguments.temperature is None else arguments.temperature
    # The run's own limits: a program that ran out of them there must do so here.
    with InterpreterPool(arguments.workers, limits_from_config(settings)) as pool:
        with reporter.stage("sampling") as advance:
            drawn = draw_programs(
                policy, tasks, num_samples=num_samples, temperature=temperature, seed=arguments.seed, advance=advance
            )
        with reporter.stage("executing") as advance:
            programs = run_programs(drawn, tasks, pool, iteration=policy.iteration, advance=advance)
    return PolicySession(policy, tasks, temperature, len(drawn), programs)


def tasks_named(names: list[str]) -> "Callable[[Config], TaskSet]":
    """Return a function that finds tasks by id, in the run's own sources first, or in files."""

    def choose(config: "Config") -> "TaskSet":
        from codeit_jax.arc import TaskSet
        from codeit_jax.arc.lookup import find_task
        from codeit_jax.config.errors import UserError

        # An id may be in several collections; the one that the run searched is meant.
        sources = (config.data.search_tasks, config.data.training_tasks)
        found: dict[str, Task] = {}
        for task in (find_task(name, sources) for name in names):
            # A file's task has its name for an id, so two files called alike in two folders clash; twice the same task
            # is one.
            if found.setdefault(task.id, task) != task:
                raise UserError(f"two tasks have the id {task.id!r}, expected one; rename a file")
        return TaskSet(list(found.values()), source=", ".join(names), snapshot="tasks chosen by name")

    return choose
