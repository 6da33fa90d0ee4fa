"""`codeit-jax search SOURCE --budget 60s|5m|100000programs [--max-lines N] [--output FILE]`: enumerative search."""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codeit_jax.commands.cli_options import add_json_argument, add_workers_argument, file_path, positive
from codeit_jax.commands.console import print_result, signals_interrupt
from codeit_jax.config.errors import PreemptedError

if TYPE_CHECKING:
    from codeit_jax.baselines.search_baseline import SearchBaseline, SearchJob
    from codeit_jax.evaluation import Candidate
    from codeit_jax.programs import SeedProgram

_HEADER = "Programs for tasks of {source}; those of the search were found on the demonstrations alone."


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `search`."""
    parser = subparsers.add_parser("search", help="enumerative search: the smallest programs for each task")
    parser.add_argument("tasks", metavar="SOURCE", help="the tasks to solve, e.g. arc1/evaluation")
    # Required: what a search finds is a matter of its budget, so a result without one says nothing.
    parser.add_argument(
        "--budget",
        required=True,
        metavar="B",
        help="60s, 5m, 2h: time for all tasks together; 100000programs: programs tried for each task, the same on "
        "every machine; or both, 5m,100000programs",
    )
    parser.add_argument(
        "--max-lines", type=positive, default=4, metavar="N", help="lines of the largest program (default: 4)"
    )
    add_workers_argument(parser)
    parser.add_argument(
        "--output", metavar="FILE", help="programs file to add to; programs that it has are left as they are"
    )
    parser.add_argument(
        "--run-dir",
        type=file_path,
        metavar="DIR",
        help="keeps what was done; the same command, also with a larger budget, resumes from there",
    )
    add_json_argument(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Search programs for every task and report the tasks solved; after Ctrl-C those solved so far.

    Returns:
        0, or 75 after Ctrl-C.

    Raises:
        UserError: the budget, the task source or the programs file can't be read.
        StorageError: the programs file or the directory can't be written.
    """
    from codeit_jax.arc import load_tasks
    from codeit_jax.baselines.search_baseline import SearchJob
    from codeit_jax.search import parse_budget

    budget = parse_budget(arguments.budget)
    job = SearchJob(tasks=load_tasks(arguments.tasks), budget=budget, max_lines=arguments.max_lines)
    known = _known_programs(arguments.output)
    # Without a directory to keep, the same code works in one that is removed.
    if arguments.run_dir is None:
        with tempfile.TemporaryDirectory() as folder:
            search, result = _run_job(job, Path(folder), arguments.workers)
    else:
        search, result = _run_job(job, arguments.run_dir, arguments.workers)
    if arguments.output:
        _add_programs(arguments.output, known, search.candidates, job.tasks.source)
    # As the user wrote it: the job has it in seconds.
    result |= {"budget": arguments.budget}
    print_result(_text(result, len(job.tasks)), result, as_json=arguments.json)
    return PreemptedError.exit_code if search.is_interrupted else 0


def _run_job(job: "SearchJob", folder: Path, workers: int) -> "tuple[SearchBaseline, dict[str, Any]]":
    from codeit_jax.baselines.search_baseline import SearchBaseline
    from codeit_jax.reporting.progress import Reporter
    from codeit_jax.storage.job_directory import JobDirectory
    from codeit_jax.storage.run_directory import tell_who_died

    with JobDirectory(folder, "search", job.settings()) as directory, signals_interrupt() as interrupt_if_asked:
        reporter = Reporter()
        tell_who_died(directory.left_by, reporter.say)
        search = SearchBaseline(job, directory, reporter)
        search.run(workers, interrupt_if_asked)
        return search, search.summarize()


def _known_programs(output: str | None) -> "list[SeedProgram]":
    """Return the programs of the file that will be added to; errors come before the search, not after hours of it."""
    from codeit_jax.config.errors import UserError
    from codeit_jax.programs import load_programs

    if output is None:
        return []
    path = Path(output).expanduser()
    if not path.parent.is_dir():
        raise UserError(f"{path}: found no folder {path.parent}, expected an existing one")
    return load_programs(path) if path.exists() else []


def _add_programs(output: str, known: "list[SeedProgram]", found: "Sequence[Candidate]", source: str) -> None:
    """Write the known programs and, for each other task, the best one found."""
    import interpreter
    from codeit_jax.evaluation import select_candidates
    from codeit_jax.programs import SeedProgram, write_programs

    # Known ones stay even if a smaller program was found: they may have been written, or checked, by hand.
    programs = {seed.task_id: seed for seed in known}
    for task_id in dict.fromkeys(candidate.task_id for candidate in found):
        # By the selection rule, which doesn't look at tests: a file of seeds must not be chosen by them.
        [best] = select_candidates([candidate for candidate in found if candidate.task_id == task_id], 1)
        programs.setdefault(task_id, SeedProgram(task_id, interpreter.parse(best.program)))
    # The format has no empty file.
    if programs:
        write_programs(output, list(programs.values()), header=_HEADER.format(source=source))


def _text(result: dict[str, Any], num_tasks: int) -> str:
    from codeit_jax.reporting.score_table import score_sentence

    return (
        f"{result['programs']} programs of at most {result['max_lines']} lines for {num_tasks} tasks of "
        f"{result['tasks']}, {result['tried']} tried in {result['seconds']} s\n{score_sentence(result['solved'])}"
    )
