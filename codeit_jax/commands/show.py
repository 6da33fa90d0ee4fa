"""`codeit-jax show RUN TASK`: the programs that a run found for a task, and their grids; needs no accelerator."""

import argparse
import json
from typing import TYPE_CHECKING

from codeit_jax.commands.cli_options import add_json_argument, add_run_argument, positive
from codeit_jax.commands.program_view import FoundProgram, people, print_program

if TYPE_CHECKING:
    from codeit_jax.arc import Task
    from codeit_jax.config.schema import Config
    from codeit_jax.evaluation.solutions import Solution


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
    from codeit_jax.evaluation import solve_report
    from codeit_jax.storage.run_reader import best_solutions, check_same_task, read_run_config, read_solutions

    config = read_run_config(arguments.run_directory)
    task = find_task(arguments.task, (config.data.search_tasks, config.data.training_tasks))
    found = [s for s in read_solutions(arguments.run_directory) if s.candidate.task_id == task.id]
    # The task's file may have changed since the run; its programs would be shown on examples they never saw.
    for solution in found:
        check_same_task(solution, task)
    # solutions.jsonl has what programs reproduce, not their grids, so they run again.
    programs = _run_again(best_solutions(found, arguments.num), task, config)
    stream = people(arguments)
    print(f"{task.id}: programs found: {len({s.candidate.program for s in found})}", file=stream)
    for program in programs:
        print_program(program, task, stream)
    if arguments.json:
        solved = solve_report([solution.candidate for solution in found], [task])
        print(json.dumps({"programs": [program.to_json(task) for program in programs], "solved": solved}))
    return 0


def _run_again(solutions: "list[Solution]", task: "Task", config: "Config") -> list[FoundProgram]:
    from codeit_jax.config.interpreter_limits import limits_of
    from interpreter import InterpreterPool, Job

    job = Job([solution.candidate.program for solution in solutions], task.inputs)
    # With the run's limits, or a program could fail here that didn't there. One worker: it is a handful of programs.
    with InterpreterPool(1, limits_of(config.interpreter)) as pool:
        [rows] = pool.run([job])
    shown = len(task.demonstrations)
    return [
        FoundProgram(
            candidate=solution.candidate,
            demonstrations=row[:shown],
            tests=row[shown:],
            source=f"{solution.origin}, {_when(solution.iteration)}",
            details={"origin": solution.origin, "iteration": solution.iteration},
        )
        for solution, row in zip(solutions, rows, strict=True)
    ]


def _when(iteration: int) -> str:
    # -1 is the initial data: seed programs and mutants.
    return "before the first meta-iteration" if iteration < 0 else f"meta-iteration {iteration}"
