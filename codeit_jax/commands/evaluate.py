"""`codeit-jax evaluate RUN --tasks SOURCE`: count the tasks that a trained policy solves."""

import argparse
import time

from codeit_jax.commands.cli_options import add_policy_arguments, add_run_argument
from codeit_jax.commands.console import print_result, solved_text
from codeit_jax.commands.policy_session import sample_and_run


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `evaluate`."""
    parser = subparsers.add_parser("evaluate", help="count the tasks that a trained policy solves")
    add_run_argument(parser)
    parser.add_argument("--tasks", required=True, metavar="SOURCE", help="e.g. arc1/evaluation, a folder, a JSON file")
    add_policy_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Sample programs for every task and report the tasks solved, as a run does.

    Raises:
        UserError: no such run or tasks.
        StorageError: no checkpoint of the run is complete.
    """
    from codeit_jax.arc import load_tasks

    start = time.perf_counter()
    # The run's configuration doesn't matter here: any tasks can be evaluated, also ones the run has never seen.
    session = sample_and_run(arguments, lambda config: load_tasks(arguments.tasks))
    solved = session.report()
    num_distinct = sum(len(attempts) for attempts in session.programs.values())
    text = (
        f"{session.num_sampled} programs, {num_distinct} of them distinct, for {len(session.tasks)} tasks of "
        f"{arguments.tasks}, by checkpoint {session.policy.checkpoint}\n{solved_text(solved)}"
    )
    # Everything that a number must be quoted with: policy, data, draws and their seed.
    result = {
        "programs": session.num_sampled,
        "unique": num_distinct,
        "solved": solved,
        "tasks": len(session.tasks),
        **session.origin(),
        "seed": arguments.seed,
        "seconds": round(time.perf_counter() - start, 2),
    }
    print_result(text, result, as_json=arguments.json)
    return 0
