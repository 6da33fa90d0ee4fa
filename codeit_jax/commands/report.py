"""`codeit-jax report RUN... | SWEEP`: one HTML page with the paper's tables and figures from some runs."""

import argparse

from codeit_jax.commands.cli_options import add_json_argument, add_workers_argument, file_path
from codeit_jax.commands.console import print_result


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `report`."""
    parser = subparsers.add_parser("report", help="write one HTML page about runs: tables, figures, solved tasks")
    parser.add_argument(
        "run_directories",
        nargs="+",
        type=file_path,
        metavar="RUN",
        help="run directory, or a folder of some, as of a sweep",
    )
    parser.add_argument("--output", type=file_path, metavar="FILE", help="(default: report.html in the first RUN)")
    parser.add_argument(
        "--figures",
        type=file_path,
        metavar="DIR",
        help="write each figure as SVG and CSV, and as PNG with the extra `plot`",
    )
    parser.add_argument(
        "--evaluation",
        type=file_path,
        action="append",
        default=[],
        metavar="FILE",
        help="a file of `evaluate --output` on ConceptARC, for figure 8; may be repeated",
    )
    add_workers_argument(parser)
    add_json_argument(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the page and print where it is.

    Raises:
        UserError: no such run or file, or its tasks don't exist any more.
        StorageError: a file of a run is damaged, or the page can't be written.
    """
    from codeit_jax.charts.png_chart import can_draw_png
    from codeit_jax.laboratory.page import build_page
    from codeit_jax.laboratory.report_content import make_report
    from codeit_jax.laboratory.report_files import figures_json, tables_json, write_figures
    from codeit_jax.storage.files import write_atomically

    # All runs are read before anything is written: a damaged one leaves the last page as it was.
    report = make_report(arguments.run_directories, arguments.evaluation, num_workers=arguments.workers)
    # The page is the one thing that is ever written into a run directory without its lock: no run reads it.
    path = arguments.output or arguments.run_directories[0] / "report.html"
    write_atomically(path.expanduser(), build_page(report))
    lines = [str(path)]
    if arguments.figures is not None:
        names = write_figures(report, arguments.figures.expanduser())
        png = "" if can_draw_png() else "; no PNG, for which pip install 'codeit_jax[plot]' is missing"
        lines.append(f"{arguments.figures}: {len(names)} files{png}")
    # By folder as the user wrote it: two runs may have the same name.
    solved = {str(record.path): record.solved_counts() for record in report.runs}
    result = {"report": str(path), "runs": len(report.runs), "solved": solved}
    result |= {"tables": tables_json(report), "figures": figures_json(report)}
    print_result("\n".join(lines), result, as_json=arguments.json)
    return 0
