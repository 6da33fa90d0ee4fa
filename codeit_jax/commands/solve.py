"""`codeit-jax solve RUN TASK [--num N]`: predict the test outputs of one task with a trained policy."""

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from codeit_jax.commands.cli_options import add_policy_arguments, add_run_argument
from codeit_jax.commands.policy_session import sample_and_run, tasks_named
from codeit_jax.commands.program_view import people, print_ranked, ranked_json
from codeit_jax.config.errors import printable

if TYPE_CHECKING:
    from codeit_jax.arc import Task
    from codeit_jax.evaluation.program_ranking import RankedProgram

_PREDICTIONS = 3  # as in pass@3 and vote@3


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `solve`."""
    parser = subparsers.add_parser("solve", help="predict the test outputs of a task with a trained policy's programs")
    add_run_argument(parser)
    parser.add_argument("task", metavar="TASK", help="task id, or a JSON file; its tests may lack outputs")
    add_policy_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Sample programs, and print the best guesses by vote; beside them, what the paper's rule chooses.

    Raises:
        UserError: no such run or task.
        StorageError: no checkpoint of the run is complete.
    """
    from codeit_jax.evaluation.program_ranking import best_guesses, rank

    session = sample_and_run(arguments, tasks_named([arguments.task]))
    [task] = session.tasks
    drawn = session.programs[task.id]
    chosen, by_rule = best_guesses(drawn, _PREDICTIONS), rank(drawn, _PREDICTIONS)
    stream = people(arguments)
    # Both take only programs that reproduce a demonstration: a guess without any support is no prediction.
    if not by_rule:
        counted = f"none of {session.num_sampled} programs"
        print(f"{printable(task.id)}: {counted} reproduces a demonstration; try --num", file=stream)
    for place, program in enumerate(chosen, start=1):
        print(f"{printable(task.id)}: prediction {place} of {len(chosen)}", file=stream)
        print_ranked(program, task, stream)
    if by_rule:
        guesses = _guesses(chosen)
        places = [guesses.index(guess) + 1 if guess in guesses else "another" for guess in _guesses(by_rule)]
        print(f"{printable(task.id)}: the paper's rule (pass@3) predicts {', '.join(map(str, places))}", file=stream)
    if arguments.json:
        result = _predicted(chosen, task) | {"paper_rule": _predicted(by_rule, task)}
        result |= {"solved": session.report(), "task_id": task.id}
        print(json.dumps(result | session.origin()))
    return 0


def _guesses(programs: "Sequence[RankedProgram]") -> list[str | None]:
    return [program.candidate.guess for program in programs]


def _predicted(programs: "Sequence[RankedProgram]", task: "Task") -> dict[str, Any]:
    """Return programs as JSON values, and beside them what is asked for: for each a list of test outputs."""
    objects = [ranked_json(program, task) for program in programs]
    return {"programs": objects, "predictions": [program["predictions"] for program in objects]}
