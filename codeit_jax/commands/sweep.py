"""`codeit-jax sweep FILE [key=v1,v2 ...] [--print | --jobs N]`: one run for each combination of settings."""

import argparse
import json
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codeit_jax.commands.cli_options import add_json_argument, file_path, positive
from codeit_jax.commands.console import signals_interrupt
from codeit_jax.config.errors import PreemptedError, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from codeit_jax.config.sweep_file import Point

_ROWS = ("seeds", "mutants", "policy", "policy_new", "cumulative")  # of `solved` in summary.json
_POLL_SECONDS = 0.2  # runs take minutes to days, and Popen has no wait for the first of several


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `sweep`."""
    parser = subparsers.add_parser("sweep", help="one run for each combination of settings")
    parser.add_argument("file", nargs="?", metavar="FILE", help="a sweep file, such as configs/sweeps/model_size.yaml")
    parser.add_argument(
        "--config", action="append", default=[], metavar="FILE", help="YAML file or preset for all runs"
    )
    parser.add_argument(
        "--runs", type=file_path, default=Path("runs/sweep"), metavar="DIR", help="folder of the run directories"
    )
    parser.add_argument("--jobs", type=positive, default=1, metavar="N", help="runs at the same time")
    parser.add_argument("--print", action="store_true", help="print the runs' commands instead, for a scheduler")
    add_json_argument(parser)
    parser.add_argument("overrides", nargs="*", metavar="key=v1,v2", help="another axis, or a setting of all runs")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Start or resume the runs and print the tasks solved.

    Returns:
        The largest exit code of the runs; that of one that was killed is 128 and the signal's number, as in a shell.

    Raises:
        PreemptedError: interrupted; the runs have saved what they did.
        UserError: the sweep file or a setting is wrong; no run has been started.
    """
    from codeit_jax.config.sweep_file import expand, read_axis, read_sweep

    words = list(arguments.overrides)
    # FILE is optional, so argparse takes the first setting for it.
    if arguments.file is not None and "=" in arguments.file:
        words.insert(0, arguments.file)
        arguments.file = None
    files, axes = ([], []) if arguments.file is None else read_sweep(arguments.file)
    points = expand([*files, *arguments.config], [*axes, *map(read_axis, words)])
    # Quoted for a shell, a command a line: `... --print | parallel`, or a job array's list.
    if arguments.print:
        for point in points:
            print(shlex.join(["codeit-jax", *point.command(arguments.runs)]))
        return 0
    try:
        with signals_interrupt() as interrupt_if_asked:
            codes = _run_all(points, arguments.runs, arguments.jobs, interrupt_if_asked)
    except KeyboardInterrupt:
        raise PreemptedError("stopped, and its runs too, after saving; the same command resumes them") from None
    rows = [_row(point, arguments.runs, codes[point.name]) for point in points]
    _print_table(rows)
    if arguments.json:
        print(json.dumps({"runs": rows}))
    return max(codes.values())


def _run_all(points: "list[Point]", runs: Path, jobs: int, interrupt_if_asked: "Callable[[], None]") -> dict[str, int]:
    """Run the points, at most `jobs` at a time; return their exit codes by name."""
    waiting, running, codes = list(points), dict[str, subprocess.Popen[bytes]](), dict[str, int]()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                point = waiting.pop(0)
                # Processes, not calls: each run has its own devices, memory and exit code, and can be resumed alone.
                command = [sys.executable, "-m", "codeit_jax", *point.command(runs), "--quiet"]
                # Errors stay visible; results are read from summary.json, and standard output is the sweep's own.
                # Ctrl-C goes to the sweep alone: with the signal below it would be a run's second, which doesn't save.
                running[point.name] = subprocess.Popen(command, stdout=subprocess.DEVNULL, process_group=0)
                print(
                    f"{point.name}: started, progress in {printable(str(runs / point.name / 'log.txt'))}",
                    file=sys.stderr,
                )
            for name, process in list(running.items()):
                if process.poll() is not None:
                    # One that fails doesn't stop the others: the sweep's exit code and table tell.
                    code = running.pop(name).returncode
                    codes[name] = code if code >= 0 else 128 - code
                    left = len(waiting) + len(running)
                    print(f"{name}: ended with exit code {codes[name]}, {left} runs left", file=sys.stderr)
            interrupt_if_asked()
            time.sleep(_POLL_SECONDS)
    finally:
        # After Ctrl-C: all are asked first and then waited for, so that they save at the same time.
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()
    return codes


def _row(point: "Point", runs: Path, code: int) -> dict[str, Any]:
    row: dict[str, Any] = {"name": point.name, "exit_code": code}
    # A run that failed may still have the summary of an earlier start.
    summary = runs / point.name / "summary.json"
    if code == 0 and summary.is_file():
        content = json.loads(summary.read_text(encoding="utf-8"))
        row |= {"solved": content["solved"], "seconds": round(sum(content["t_seconds"].values()), 1)}
    return row


def _print_table(rows: list[dict[str, Any]]) -> None:
    """Print the tasks that each run solved, by pass@3."""
    # To standard error even without --json, as all progress: standard output has a machine's lines only.
    width = max(len(row["name"]) for row in rows)
    print(f"{'solved by pass@3':<{width}}  " + "  ".join([*_ROWS, "seconds"]), file=sys.stderr)
    for row in rows:
        if "solved" not in row:
            print(f"{row['name']:<{width}}  exit code {row['exit_code']}", file=sys.stderr)
            continue
        counts = "  ".join(f"{row['solved'][name]['pass@3']:{len(name)}}" for name in _ROWS)
        print(f"{row['name']:<{width}}  {counts}  {row['seconds']:7.0f}", file=sys.stderr)
