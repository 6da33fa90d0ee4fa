"""`codeit-jax export RUN DIR [--merge]`: a trained policy as a folder that transformers, or PEFT, loads."""

import argparse

from codeit_jax.commands.cli_options import add_json_argument, add_run_argument, file_path
from codeit_jax.commands.console import print_result


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `export`."""
    parser = subparsers.add_parser("export", help="write a trained policy for transformers")
    add_run_argument(parser)
    parser.add_argument("folder", type=file_path, metavar="DIR", help="a new folder")
    parser.add_argument("--merge", action="store_true", help="write all weights, adapters added")
    add_json_argument(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the policy of the run's newest complete checkpoint.

    Raises:
        UserError: no such run, the folder exists already, or nothing is to be merged.
        StorageError: no checkpoint is complete, or the disk can't be written.
    """
    from codeit_jax.inference.model_card import model_card
    from codeit_jax.inference.trained_policy import load_policy
    from codeit_jax.inference.weights_export import export_policy
    from codeit_jax.model.families import FAMILIES
    from codeit_jax.reporting.progress import Reporter
    from codeit_jax.reporting.run_reader import read_summary

    # A damaged newest checkpoint is reported, and the one before it is exported.
    policy = load_policy(arguments.run_directory, Reporter().say)
    card = model_card(policy, read_summary(arguments.run_directory), merge=arguments.merge)
    export_policy(policy, arguments.folder, card, merge=arguments.merge)
    adapters = policy.config.model.lora_rank and not arguments.merge
    loader = "PeftModel, on the run's model.weights" if adapters else FAMILIES[policy.config.model.family].loader
    text = f"{arguments.folder}: the policy of checkpoint {policy.checkpoint}, for {loader}"
    result = {
        "folder": str(arguments.folder),
        "checkpoint": policy.checkpoint,
        "iteration": policy.iteration,
        "parameters": policy.model.num_parameters(),
    }
    print_result(text, result, as_json=arguments.json)
    return 0
