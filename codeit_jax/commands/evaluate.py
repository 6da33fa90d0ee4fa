"""`codeit-jax evaluate RUN --tasks SOURCE`: what a trained policy solves, by task, by test and by concept."""

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

from codeit_jax.commands.cli_options import add_policy_arguments, add_run_argument, check_targets, file_path
from codeit_jax.commands.console import print_result
from codeit_jax.commands.policy_session import sample_and_run

if TYPE_CHECKING:
    from codeit_jax.commands.policy_session import PolicySession


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `evaluate`."""
    parser = subparsers.add_parser("evaluate", help="count the tasks that a trained policy solves")
    add_run_argument(parser)
    parser.add_argument("--tasks", required=True, metavar="SOURCE", help="e.g. arc1/evaluation, a folder, a JSON file")
    add_policy_arguments(parser)
    parser.add_argument("--output", type=file_path, metavar="FILE", help="write the JSON object of --json, too")
    parser.add_argument(
        "--submission", type=file_path, metavar="FILE", help="write two predictions for each test, in Kaggle's form"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Sample programs for every task and report what they solve, as a run does.

    Raises:
        UserError: no such run or tasks, or no folder for a file to write.
        StorageError: no checkpoint of the run is complete, or a file can't be written.
    """
    from codeit_jax.arc import load_tasks
    from codeit_jax.evaluation.task_results import submission
    from codeit_jax.storage.files import write_atomically

    start = time.perf_counter()
    targets = [path.expanduser() for path in (arguments.output, arguments.submission) if path is not None]
    check_targets(targets)
    # The run's configuration doesn't matter here: any tasks can be evaluated, also ones the run has never seen, and
    # without outputs, as for a competition, there is something to submit if nothing to count.
    session = sample_and_run(arguments, lambda config: load_tasks(arguments.tasks, scored=False))
    result = _result(session) | {"seed": arguments.seed, "seconds": round(time.perf_counter() - start, 2)}
    if arguments.output is not None:
        write_atomically(arguments.output.expanduser(), json.dumps(result) + "\n")
    if arguments.submission is not None:
        attempts = submission(session.programs, session.tasks)
        write_atomically(arguments.submission.expanduser(), json.dumps(attempts) + "\n")
    print_result(_text(result, arguments.tasks), result, as_json=arguments.json)
    return 0


def _result(session: "PolicySession") -> dict[str, Any]:
    """Return the JSON object, with all that a number must be quoted with: policy, data, temperature."""
    from codeit_jax.evaluation.task_results import concept_results, count_tests, task_result

    tasks = list(session.tasks)
    return {
        "programs": session.num_sampled,
        "unique": sum(len(programs) for programs in session.programs.values()),
        "num_tasks": len(tasks),
        "solved": session.report(),
        "tests": count_tests(session.programs, tasks),
        "concepts": concept_results(session.programs, tasks),
        "tasks": [task_result(session.programs, task) for task in tasks],
        "temperature": session.temperature,
        **session.origin(),
    }


def _text(result: dict[str, Any], source: str) -> str:
    from codeit_jax.reporting.score_table import score_sentence, score_table

    tests, concepts = result["tests"], result["concepts"]
    lines = [
        f"{result['programs']} programs, {result['unique']} of them distinct, for {result['num_tasks']} tasks of "
        f"{source}, by checkpoint {result['checkpoint']} at temperature {result['temperature']:g}"
    ]
    if concepts:
        rows = {f"{name} ({concept['num_tasks']})": concept["solved"] for name, concept in concepts.items()}
        lines.append(score_table("tasks solved", rows))
    lines.append(score_sentence(result["solved"]))
    if tests["solved"] is None:
        lines.append("some outputs of tests aren't known, so that only demonstrations are counted")
    else:
        lines.append(f"tests solved of {tests['count']}: {tests['solved']} by pass@1, {tests['pass@3']} by pass@3")
    return "\n".join(lines)
