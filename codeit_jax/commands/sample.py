"""`codeit-jax sample RUN TASK... [--num N]`: programs that a trained policy writes for tasks."""

import argparse
import json
from typing import TYPE_CHECKING

from codeit_jax.commands.cli_options import add_policy_arguments, add_run_argument
from codeit_jax.commands.policy_session import sample_and_run, tasks_named
from codeit_jax.commands.program_view import people, print_ranked, ranked_json
from codeit_jax.config.errors import printable

if TYPE_CHECKING:
    from codeit_jax.evaluation.program_ranking import RankedProgram

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
    from codeit_jax.evaluation.program_ranking import rank

    session = sample_and_run(arguments, tasks_named(arguments.tasks))
    stream = people(arguments)
    objects = []
    for task in session.tasks:
        programs = session.programs[task.id]
        best = rank(programs, len(programs))
        print(f"{printable(task.id)}: {_counts(programs)}, {len(best)} reproduce a demonstration", file=stream)
        for program in best[:_SHOWN]:
            print_ranked(program, task, stream)
        # What reproduces no demonstration has no rank; it follows in the order of sampling.
        texts = {program.candidate.program for program in best}
        others = [program for program in programs if program.candidate.program not in texts]
        objects += [ranked_json(program, task) for program in (*best, *others)]
    if arguments.json:
        print(json.dumps({"programs": objects, "solved": session.report(), **session.origin()}))
    return 0


def _counts(programs: "list[RankedProgram]") -> str:
    from interpreter import Status

    drawn = sum(program.count for program in programs)
    # Text that doesn't parse has status SYNTAX on every input, so the first one tells.
    valid = sum(program.outcomes[0].status is not Status.SYNTAX for program in programs)
    return f"{drawn} drawn, {len(programs)} distinct, {valid} of them are programs"
