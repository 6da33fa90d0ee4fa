"""`codeit-jax export RUN DIR`: a trained policy as a folder that transformers loads."""

import argparse

from codeit_jax.commands.cli_options import add_json_argument, add_run_argument, file_path
from codeit_jax.commands.console import print_result


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `export`."""
    parser = subparsers.add_parser("export", help="write a trained policy for transformers")
    add_run_argument(parser)
    parser.add_argument("folder", type=file_path, metavar="DIR", help="a new folder")
    add_json_argument(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the policy of the run's newest complete checkpoint.

    Raises:
        UserError: no such run, or the folder exists already.
        StorageError: no checkpoint is complete, or the disk can't be written.
    """
    from codeit_jax.inference.trained_policy import load_policy
    from codeit_jax.inference.weights_export import export_policy
    from codeit_jax.reporting.progress import Reporter

    # A damaged newest checkpoint is reported, and the one before it is exported.
    policy = load_policy(arguments.run_directory, Reporter().say)
    export_policy(policy, arguments.folder)
    text = f"{arguments.folder}: the policy of checkpoint {policy.checkpoint}, for T5ForConditionalGeneration"
    result = {
        "folder": str(arguments.folder),
        "checkpoint": policy.checkpoint,
        "iteration": policy.iteration,
        "parameters": policy.model.num_parameters(),
    }
    print_result(text, result, as_json=arguments.json)
    return 0
