"""`codeit-jax programs check FILE --tasks SOURCE`: does each program of a file reproduce its task?"""

import argparse
import json
import sys


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `programs` with its own verbs."""
    parser = subparsers.add_parser("programs", help="check programs files")
    verbs = parser.add_subparsers(dest="programs_verb", required=True, metavar="VERB")
    check = verbs.add_parser("check", help="run each solve_<task id> on its task's demonstrations and tests")
    check.add_argument("file", metavar="FILE", help="a programs file, or `builtin`")
    check.add_argument("--tasks", required=True, metavar="SOURCE", help="e.g. arc1/training, a folder, or a JSON file")
    check.add_argument("--workers", type=int, default=0, metavar="N", help="worker processes (default: one a core)")
    check.add_argument("--json", action="store_true", help="print one JSON object as the last line of standard output")
    check.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check a programs file and print the report; 0 whether or not all programs are correct.

    Raises:
        UserError: the file or the task source can't be read.
    """
    import interpreter
    from codeit_jax.arc import load_tasks
    from codeit_jax.programs import check_programs, load_programs

    seeds = load_programs(arguments.file)
    tasks = load_tasks(arguments.tasks)
    with interpreter.InterpreterPool(arguments.workers, interpreter.Limits()) as pool:
        report = check_programs(seeds, tasks, pool=pool)
    print(report.to_text(), file=sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(json.dumps(report.to_json()))
    return 0
