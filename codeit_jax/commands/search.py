"""`codeit-jax search SOURCE --budget 60s|5m|100000calls [--max-lines N] [--output FILE]`: enumerative search."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from codeit_jax.commands.arguments import not_negative, positive

if TYPE_CHECKING:
    from codeit_jax.evaluation import Candidate
    from codeit_jax.programs import SeedProgram

_HEADER = "Programs for tasks of {source}, the search's found on the demonstrations alone."


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `search`."""
    parser = subparsers.add_parser("search", help="enumerative search: the smallest programs for each task")
    parser.add_argument("tasks", metavar="SOURCE", help="the tasks to solve, e.g. arc1/evaluation")
    parser.add_argument(
        "--budget",
        required=True,
        metavar="B",
        help="60s, 5m, 2h: time for all tasks together; 100000calls: calls for each task, the same on every machine",
    )
    parser.add_argument("--max-lines", type=positive, default=4, metavar="N", help="largest program (default: 4)")
    parser.add_argument(
        "--workers", type=not_negative, default=0, metavar="N", help="worker processes (default: one a core)"
    )
    parser.add_argument(
        "--output", metavar="FILE", help="programs file to add to; tasks that it has are left as they are"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line of standard output")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Search every task and report the tasks solved.

    Raises:
        UserError: the budget, the task source or the programs file can't be read.
        StorageError: the programs file can't be written.
    """
    from codeit_jax.arc import load_tasks
    from codeit_jax.evaluation import solve_report
    from codeit_jax.progress import Reporter
    from codeit_jax.search import parse_budget, search_tasks

    budget = parse_budget(arguments.budget)
    tasks = load_tasks(arguments.tasks)
    known = _known_programs(arguments.output)
    start = time.perf_counter()
    with Reporter().stage(f"search {tasks.source}") as advance:
        found = search_tasks(tasks, budget, arguments.max_lines, num_workers=arguments.workers, on_progress=advance)
    if arguments.output:
        _add_programs(arguments.output, known, found, tasks.source)
    summary = {
        "programs": len(found),
        "solved": solve_report(found, tasks),
        "tasks": tasks.source,
        "snapshot": f"{tasks.snapshot}, digest {tasks.digest}",
        "budget": arguments.budget,
        "max_lines": arguments.max_lines,
        "seconds": round(time.perf_counter() - start, 2),
    }
    print(_text(summary, len(tasks)), file=sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(json.dumps(summary))
    return 0


def _known_programs(output: str | None) -> "list[SeedProgram]":
    """Read the file that will be added to, and complain before the search rather than after it."""
    from codeit_jax.errors import UserError
    from codeit_jax.programs import load_programs

    if output is None:
        return []
    path = Path(output).expanduser()
    if not path.parent.is_dir():
        raise UserError(f"{path}: found no folder {path.parent}, expected an existing one")
    return load_programs(path) if path.exists() else []


def _add_programs(output: str, known: "list[SeedProgram]", found: "Sequence[Candidate]", source: str) -> None:
    """Write the known programs and the best one found for each other task."""
    import interpreter
    from codeit_jax.evaluation import select_candidates
    from codeit_jax.programs import SeedProgram, write_programs

    programs = {seed.task_id: seed for seed in known}
    for task_id in dict.fromkeys(candidate.task_id for candidate in found):
        [best] = select_candidates([candidate for candidate in found if candidate.task_id == task_id], 1)
        programs.setdefault(task_id, SeedProgram(task_id, interpreter.parse(best.program)))
    if programs:
        write_programs(output, list(programs.values()), header=_HEADER.format(source=source))


def _text(summary: dict[str, object], num_tasks: int) -> str:
    solved = summary["solved"]
    assert isinstance(solved, dict)
    numbers = ", ".join(f"{name} {count}" for name, count in solved.items())
    return (
        f"{summary['programs']} programs of at most {summary['max_lines']} lines for {num_tasks} tasks of "
        f"{summary['tasks']} in {summary['seconds']} s\ntasks solved: {numbers}"
    )
