"""What `sample`, `solve` and `evaluate` share: a policy's programs for some tasks, sampled and run."""

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from codeit_jax.arc import Task, TaskSet
    from codeit_jax.config.schema import Config
    from codeit_jax.inference.ranked_programs import RankedProgram
    from codeit_jax.inference.trained_policy import Policy


@dataclass(frozen=True)
class PolicySession:
    """A policy, the tasks that it was given, and what it wrote for them.

    Attributes:
        policy: who wrote.
        tasks: what for.
        num_sampled: programs drawn.
        programs: task id -> its distinct programs.
    """

    policy: "Policy"
    tasks: "TaskSet"
    num_sampled: int
    programs: "dict[str, list[RankedProgram]]"

    def report(self) -> dict[str, int | None]:
        """Count solved tasks as a run's report does; None where a test's output isn't known."""
        from codeit_jax.arc.lookup import has_outputs
        from codeit_jax.evaluation import solve_report

        candidates = [program.candidate for programs in self.programs.values() for program in programs]
        counts = solve_report(candidates, self.tasks)
        scored = all(has_outputs(task) for task in self.tasks)
        return {name: count if scored or name == "demonstrations" else None for name, count in counts.items()}

    def origin(self) -> dict[str, int | str]:
        """Return what a report has to name: the checkpoint and the tasks' data."""
        return {
            "checkpoint": self.policy.checkpoint,
            "iteration": self.policy.iteration,
            "snapshot": f"{self.tasks.snapshot}, digest {self.tasks.digest}",
        }


def sample_and_run(arguments: argparse.Namespace, choose_tasks: "Callable[[Config], TaskSet]") -> PolicySession:
    """Read the run's policy, sample and run programs.

    Args:
        arguments: `run_directory` and those of `add_policy_arguments`.
        choose_tasks: from the run's configuration; called first, so that a wrong task is reported at once.

    Raises:
        UserError: no such run or task.
        StorageError: no checkpoint is whole.
    """
    from codeit_jax.config.interpreter_limits import limits_of
    from codeit_jax.inference.ranked_programs import draw_programs, run_programs
    from codeit_jax.inference.trained_policy import load_policy
    from codeit_jax.reporting.progress import Reporter
    from codeit_jax.storage.run_reader import read_run_config
    from interpreter import InterpreterPool

    tasks = choose_tasks(read_run_config(arguments.run_directory))
    reporter = Reporter()
    policy = load_policy(arguments.run_directory, reporter.say)
    settings = policy.config.interpreter
    num_samples = arguments.num or policy.config.sampling.samples_per_task
    num_workers = settings.num_workers if arguments.workers is None else arguments.workers
    with InterpreterPool(num_workers, limits_of(settings)) as pool:
        with reporter.stage("sampling") as advance:
            drawn = draw_programs(policy, tasks, num_samples=num_samples, seed=arguments.seed, advance=advance)
        with reporter.stage("executing") as advance:
            programs = run_programs(drawn, tasks, pool, iteration=policy.iteration, advance=advance)
    return PolicySession(policy, tasks, len(drawn), programs)


def tasks_named(names: list[str]) -> "Callable[[Config], TaskSet]":
    """Return how to find tasks by id, in the run's own sources first, or in files."""

    def choose(config: "Config") -> "TaskSet":
        from codeit_jax.arc import TaskSet
        from codeit_jax.arc.lookup import find_task
        from codeit_jax.config.errors import UserError

        sources = (config.data.search_tasks, config.data.training_tasks)
        found: dict[str, Task] = {}
        for task in (find_task(name, sources) for name in names):
            if found.setdefault(task.id, task) != task:
                raise UserError(f"two tasks have the id {task.id!r}, expected one; rename a file")
        return TaskSet(list(found.values()), source=", ".join(names), snapshot="tasks chosen by name")

    return choose
