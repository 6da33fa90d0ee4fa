"""`codeit-jax report RUN...`: runs as one HTML page with curve, solved tasks, programs and grids."""

import argparse
from pathlib import Path

from codeit_jax.commands.results import print_result


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `report`."""
    parser = subparsers.add_parser("report", help="write one HTML page about one or more runs")
    parser.add_argument("run_directories", nargs="+", type=Path, metavar="RUN", help="run directory")
    parser.add_argument("--output", type=Path, metavar="FILE", help="(default: report.html in the first RUN)")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line of standard output")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the page.

    Raises:
        UserError: no such run, or its tasks aren't there any more.
        StorageError: a file of a run is damaged, or the page can't be written.
    """
    from codeit_jax.reporting.page import build_page
    from codeit_jax.reporting.run_result import read_run_result
    from codeit_jax.storage.files import write_atomically

    results = [read_run_result(directory) for directory in arguments.run_directories]
    path = arguments.output or arguments.run_directories[0] / "report.html"
    write_atomically(path.expanduser(), build_page(results))
    solved = {str(folder): r.report for folder, r in zip(arguments.run_directories, results, strict=True)}
    print_result(str(path), {"report": str(path), "runs": len(results), "solved": solved}, as_json=arguments.json)
    return 0
