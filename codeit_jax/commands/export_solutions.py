"""`codeit-jax export-solutions RUN FILE.jsonl|.parquet`: a run's programs as a data set for others."""

import argparse
from collections.abc import Iterator
from typing import Any

from codeit_jax.commands.cli_options import add_json_argument, add_run_argument, add_workers_argument, file_path
from codeit_jax.commands.console import print_result


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `export-solutions`."""
    parser = subparsers.add_parser("export-solutions", help="write the programs that a run found as a data set")
    add_run_argument(parser)
    parser.add_argument("file", type=file_path, metavar="FILE", help="a new .jsonl or .parquet file")
    parser.add_argument(
        "--experiences", action="store_true", help="the replay's relabeled examples instead: what programs really do"
    )
    add_workers_argument(parser)
    add_json_argument(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write a row a program, or a row an experience.

    Raises:
        UserError: no such run, another kind of file, a file that is there already, or no pyarrow.
        StorageError: a file of the run is damaged, or the disk can't be written.
    """
    from codeit_jax.laboratory.solution_rows import row_writer

    # The writer first: what the user got wrong about the file shows before anything is run.
    write = row_writer(arguments.file.expanduser())
    count = write(_rows(arguments))
    kind = "experiences" if arguments.experiences else "programs"
    result = {"file": str(arguments.file), "rows": count, "kind": kind}
    print_result(f"{arguments.file}: {count} {kind}", result, as_json=arguments.json)
    return 0


def _rows(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    from codeit_jax.laboratory.run_record import read_records
    from codeit_jax.laboratory.solution_rows import model_name, solution_rows
    from codeit_jax.reporting.progress import Reporter
    from codeit_jax.reporting.run_reader import read_run_config

    if not arguments.experiences:
        [record] = read_records([arguments.run_directory])
        return solution_rows(record, arguments.workers)
    from codeit_jax.inference.experience_rows import experience_rows

    model = model_name(read_run_config(arguments.run_directory))
    return experience_rows(arguments.run_directory, model, arguments.workers, Reporter().say)
