"""`codeit-jax solve RUN TASK [--num N]`: predict the test outputs of one task with a trained policy."""

import argparse
import json

from codeit_jax.commands.cli_options import add_policy_arguments, add_run_argument
from codeit_jax.commands.policy_session import sample_and_run, tasks_named
from codeit_jax.commands.program_view import people, print_ranked, ranked_json
from codeit_jax.config.errors import printable

_PREDICTIONS = 3  # as in the paper's pass@3


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `solve`."""
    parser = subparsers.add_parser("solve", help="predict the test outputs of a task with a trained policy's programs")
    add_run_argument(parser)
    parser.add_argument("task", metavar="TASK", help="task id, or a JSON file; its tests may lack outputs")
    add_policy_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Sample programs, select some by the paper's rule, and print what they solve and predict.

    Raises:
        UserError: no such run or task.
        StorageError: no checkpoint of the run is complete.
    """
    from codeit_jax.inference.ranked_programs import rank

    session = sample_and_run(arguments, tasks_named([arguments.task]))
    [task] = session.tasks
    chosen = rank(session.programs[task.id], _PREDICTIONS)
    stream = people(arguments)
    # The rule takes only programs that reproduce a demonstration: a guess without any support is no prediction.
    if not chosen:
        drawn = f"none of {session.num_sampled} programs"
        print(f"{printable(task.id)}: {drawn} reproduces a demonstration; try --num", file=stream)
    for place, program in enumerate(chosen, start=1):
        print(f"{printable(task.id)}: prediction {place} of {len(chosen)}", file=stream)
        print_ranked(program, task, stream)
    if arguments.json:
        objects = [ranked_json(program, task) for program in chosen]
        # Also beside the programs, since they are what is asked for: a list of test outputs for each prediction.
        predictions = [program["predictions"] for program in objects]
        result = {"programs": objects, "solved": session.report(), "task_id": task.id, "predictions": predictions}
        print(json.dumps(result | session.origin()))
    return 0
