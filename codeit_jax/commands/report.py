"""`codeit-jax report RUN...`: one HTML page about some runs, with curve, solved tasks, programs and grids."""

import argparse

from codeit_jax.commands.cli_options import add_json_argument, file_path
from codeit_jax.commands.console import print_result


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `report`."""
    parser = subparsers.add_parser("report", help="write one HTML page about one or more runs")
    parser.add_argument("run_directories", nargs="+", type=file_path, metavar="RUN", help="run directory")
    parser.add_argument("--output", type=file_path, metavar="FILE", help="(default: report.html in the first RUN)")
    add_json_argument(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the page and print where it is.

    Raises:
        UserError: no such run, or its tasks don't exist any more.
        StorageError: a file of a run is damaged, or the page can't be written.
    """
    from codeit_jax.reporting.page import build_page
    from codeit_jax.reporting.run_result import read_run_result
    from codeit_jax.storage.files import write_atomically

    # All runs are read before anything is written: a damaged one leaves the last page as it was.
    results = [read_run_result(directory) for directory in arguments.run_directories]
    # The page is the one thing that is ever written into a run directory without its lock: no run reads it.
    path = arguments.output or arguments.run_directories[0] / "report.html"
    write_atomically(path.expanduser(), build_page(results))
    # By folder as the user wrote it: two runs may have the same name.
    solved = {str(folder): r.report for folder, r in zip(arguments.run_directories, results, strict=True)}
    print_result(str(path), {"report": str(path), "runs": len(results), "solved": solved}, as_json=arguments.json)
    return 0
