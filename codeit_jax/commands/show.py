"""`codeit-jax show RUN TASK`: the programs that a run found for a task, and their grids; needs no accelerator."""

import argparse
import json
from typing import TYPE_CHECKING, Any

from codeit_jax.commands.cli_options import add_json_argument, add_run_argument, positive
from codeit_jax.commands.program_view import people, print_program, program_json
from codeit_jax.config.errors import printable

if TYPE_CHECKING:
    from codeit_jax.arc import Task
    from codeit_jax.config.schema import Config
    from codeit_jax.evaluation import Candidate
    from interpreter import Outcome


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `show`."""
    parser = subparsers.add_parser("show", help="show what a run found for a task")
    add_run_argument(parser)
    parser.add_argument("task", metavar="TASK", help="task id")
    parser.add_argument("--num", type=positive, default=3, metavar="N", help="programs, the best first (default: 3)")
    add_json_argument(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the best programs of solutions.jsonl again and print them.

    Raises:
        UserError: no such run or task.
        StorageError: solutions.jsonl is damaged.
    """
    from codeit_jax.arc.lookup import find_task
    from codeit_jax.evaluation import select_candidates, solve_report
    from codeit_jax.reporting.credits import found_by
    from codeit_jax.reporting.run_reader import check_same_task, read_run_config, read_solutions

    config = read_run_config(arguments.run_directory)
    task = find_task(arguments.task, (config.data.search_tasks, config.data.training_tasks))
    found = [candidate for candidate in read_solutions(arguments.run_directory) if candidate.task_id == task.id]
    # The task's file may have changed since the run; its programs would be shown on examples they never saw.
    for candidate in found:
        check_same_task(candidate, task)
    best = select_candidates(found, arguments.num)
    # solutions.jsonl has what programs reproduce, not their grids, so they run again.
    outcomes = _run_again(best, task, config)
    stream = people(arguments)
    print(f"{printable(task.id)}: programs found: {len({candidate.program for candidate in found})}", file=stream)
    for candidate, row in zip(best, outcomes, strict=True):
        print_program(candidate, row, task, found_by(candidate), stream)
    if arguments.json:
        programs = [
            program_json(candidate, row, task, _details(candidate))
            for candidate, row in zip(best, outcomes, strict=True)
        ]
        print(json.dumps({"programs": programs, "solved": solve_report(found, [task])}))
    return 0


def _run_again(candidates: "list[Candidate]", task: "Task", config: "Config") -> "list[list[Outcome]]":
    from codeit_jax.config.interpreter_limits import limits_from_config
    from interpreter import InterpreterPool, Job

    # With the run's limits, or a program could fail here that didn't there. One worker: it is a handful of programs.
    with InterpreterPool(1, limits_from_config(config.interpreter)) as pool:
        [rows] = pool.run([Job([candidate.program for candidate in candidates], task.inputs)])
    return rows


def _details(candidate: "Candidate") -> dict[str, Any]:
    """Return who found a program and when, as in solutions.jsonl."""
    row = candidate.to_row()
    return {key: row[key] for key in ("origin", "iteration", "work", "copy_of", "constant")}
