"""`codeit-jax train --config FILE [--run-dir DIR] [--seed N] [key=value ...]`: the main job."""

import argparse
import json
from pathlib import Path

from codeit_jax.commands.cli_options import add_config_arguments, file_path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `train`."""
    parser = subparsers.add_parser("train", help="the main job: meta-iterations of sampling, executing, learning")
    add_config_arguments(parser)
    parser.add_argument(
        "--run-dir", type=file_path, metavar="DIR", help="created, or resumed (default: runs/CONFIG-seedN)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress on the terminal; log.txt has it")
    parser.add_argument("--json", action="store_true", help="print summary.json as the last line of standard output")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Load the configuration, train, print where the results are.

    Raises:
        CodeitError: see its subclasses for what can go wrong and how the command exits.
    """
    # Imported here, not above: `codeit-jax --help` shouldn't wait for what only a run needs.
    from codeit_jax.config.loading import load_config

    overrides = [*arguments.overrides, *([] if arguments.seed is None else [f"seed={arguments.seed}"])]
    config = load_config(arguments.config, overrides)
    name = Path(arguments.config[-1]).stem if arguments.config else "default"
    run_directory = arguments.run_dir or Path("runs") / f"{name}-seed{config.seed}"

    # Before JAX is imported, which takes seconds, and after the configuration, in which a mistake shows first.
    from codeit_jax.run.stopping import stop_request

    with stop_request() as stop:
        from codeit_jax.reporting.progress import Reporter
        from codeit_jax.run.main_job import train

        summary = train(config, run_directory, Reporter(quiet=arguments.quiet), stop)
    if arguments.json and summary is not None:
        print(json.dumps(summary))
    return 0
