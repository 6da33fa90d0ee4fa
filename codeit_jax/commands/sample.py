"""`codeit-jax sample RUN TASK... [--num N]`: programs that a trained policy writes for tasks."""

import argparse
import json
from typing import TYPE_CHECKING

from codeit_jax.commands.cli_options import add_policy_arguments, add_run_argument
from codeit_jax.commands.policy_session import sample_policy, tasks_named
from codeit_jax.commands.program_view import found_by_policy, people, print_program

if TYPE_CHECKING:
    from codeit_jax.inference.ranked_programs import Attempt

_SHOWN = 3  # programs per task on the terminal; --json has all


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `sample`."""
    parser = subparsers.add_parser("sample", help="sample programs from a trained policy and run them")
    add_run_argument(parser)
    parser.add_argument("tasks", nargs="+", metavar="TASK", help="task id, or a JSON file with one task")
    add_policy_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Sample programs and print the best of each task; as JSON all of them, best first.

    Raises:
        UserError: no such run or task.
        StorageError: no checkpoint of the run is complete.
    """
    from codeit_jax.inference.ranked_programs import select_attempts

    sampled = sample_policy(arguments, tasks_named(arguments.tasks))
    stream = people(arguments)
    objects = []
    for task in sampled.tasks:
        attempts = sampled.attempts[task.id]
        best = select_attempts(attempts, len(attempts))
        print(f"{task.id}: {_counts(attempts)}, {len(best)} reproduce a demonstration", file=stream)
        for attempt in best[:_SHOWN]:
            print_program(found_by_policy(attempt), task, stream)
        # What reproduces no demonstration has no rank; it follows in the order of sampling.
        texts = {attempt.candidate.program for attempt in best}
        others = [attempt for attempt in attempts if attempt.candidate.program not in texts]
        objects += [found_by_policy(attempt).to_json(task) for attempt in (*best, *others)]
    if arguments.json:
        print(json.dumps({"programs": objects, "solved": sampled.report(), **sampled.origin()}))
    return 0


def _counts(attempts: "list[Attempt]") -> str:
    from interpreter import Status

    drawn = sum(attempt.count for attempt in attempts)
    # Text that doesn't parse has status SYNTAX on every input, so the first one tells.
    valid = sum(attempt.demonstrations[0].status is not Status.SYNTAX for attempt in attempts)
    return f"{drawn} drawn, {len(attempts)} distinct, {valid} of them are programs"
