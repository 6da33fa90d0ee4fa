"""`codeit-jax programs check|shorten FILE --tasks SOURCE`: does each program solve its task, and can it be shorter?"""

import argparse

from codeit_jax.commands.cli_options import add_json_argument, add_workers_argument
from codeit_jax.commands.console import print_result


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `programs` with its own verbs."""
    parser = subparsers.add_parser("programs", help="check and shorten programs files")
    verbs = parser.add_subparsers(dest="programs_verb", required=True, metavar="VERB")
    check = verbs.add_parser("check", help="run each solve_<task id> on its task's demonstrations and tests")
    _add_arguments(check)
    check.set_defaults(run=run_check)
    shorten = verbs.add_parser("shorten", help="look for shorter programs that do the same")
    _add_arguments(shorten)
    shorten.add_argument("--output", metavar="FILE", help="where to write them; may be FILE itself")
    shorten.set_defaults(run=run_shorten)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a programs file, or `builtin`")
    parser.add_argument("--tasks", required=True, metavar="SOURCE", help="e.g. arc1/training, a folder, or a JSON file")
    add_workers_argument(parser)
    add_json_argument(parser)


def run_check(arguments: argparse.Namespace) -> int:
    """Check a programs file and print the report.

    Returns:
        0, whether or not all programs are correct: the check itself has worked.

    Raises:
        UserError: the file or the task source can't be read.
    """
    import interpreter
    from codeit_jax.arc import load_tasks
    from codeit_jax.programs import check_programs, load_programs

    # One malformed program among hundreds is a finding, and no reason to check none.
    faults: dict[str, str] = {}
    seeds = load_programs(arguments.file, faults=faults)
    tasks = load_tasks(arguments.tasks)
    # The default limits, not a run's: a programs file is checked alike for everybody.
    with interpreter.InterpreterPool(arguments.workers, interpreter.Limits()) as pool:
        report = check_programs(seeds, tasks, pool=pool, faults=faults)
    print_result(report.to_text(), report.to_json(), as_json=arguments.json)
    return 0


def run_shorten(arguments: argparse.Namespace) -> int:
    """Shorten a programs file and print how many lines are left; nothing is written without `--output`.

    Raises:
        UserError: the file or the task source can't be read.
        StorageError: the output can't be written.
    """
    import interpreter
    from codeit_jax.arc import load_tasks
    from codeit_jax.programs import check_programs, load_programs, shorten_programs, write_programs

    seeds = load_programs(arguments.file)
    tasks = load_tasks(arguments.tasks)
    with interpreter.InterpreterPool(arguments.workers, interpreter.Limits()) as pool:
        shortened = shorten_programs(seeds, tasks, pool=pool)
        # Checked after all, though equal on its probes: a shortened file that solves less must not go unnoticed.
        report = check_programs(shortened, tasks, pool=pool)
    before, after = (sum(len(seed.program) for seed in group) for group in (seeds, shortened))
    if arguments.output:
        header = f"Programs for tasks of {tasks.source}: {report.correct} of {report.programs} reproduce their task."
        write_programs(arguments.output, shortened, header=header)
    text = f"{before} lines before, {after} after\n{report.to_text()}"
    counts = {"programs": report.programs, "correct": report.correct}
    print_result(text, counts | {"lines_before": before, "lines_after": after}, as_json=arguments.json)
    return 0
