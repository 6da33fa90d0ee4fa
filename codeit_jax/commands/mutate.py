"""`codeit-jax mutate --tasks SOURCE --num-programs N --method d1|dinf|random|guided`: mutation baselines."""

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codeit_jax.commands.cli_options import add_json_argument, add_workers_argument, file_path, not_negative, positive
from codeit_jax.commands.console import print_result, signals_interrupt
from codeit_jax.config.errors import PreemptedError

if TYPE_CHECKING:
    from codeit_jax.baselines.guided_baseline import GuidedJob
    from codeit_jax.baselines.mutation_baseline import MutationJob


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `mutate`."""
    parser = subparsers.add_parser("mutate", help="mutation baselines: generate programs and run them on all tasks")
    parser.add_argument("--seeds", default="builtin", metavar="FILE", help="a programs file (default: builtin)")
    parser.add_argument("--training-tasks", default="arc1/training", metavar="SOURCE", help="the tasks of the seeds")
    parser.add_argument("--tasks", required=True, metavar="SOURCE", help="the tasks to solve, e.g. arc1/evaluation")
    # No default: the paper's 19,200 take a quarter of an hour on two cores, which nobody should start unawares.
    parser.add_argument("--num-programs", type=positive, metavar="N", help="how many mutants are tried for each task")
    parser.add_argument(
        "--budget", metavar="B", help="60s, 5m, 2h: with --method guided, time for all tasks together, of all calls"
    )
    parser.add_argument(
        "--method",
        choices=("d1", "dinf", "random", "guided"),
        default="d1",
        help="the paper's, or mutants of what comes closest to each task (default: d1)",
    )
    parser.add_argument("--recipe", choices=("paper", "released"), help="branch probabilities (default: paper)")
    parser.add_argument(
        "--candidates",
        choices=("all", "smallest_demonstration"),
        help="those that reproduce any demonstration, or, faster, those that reproduce the smallest (default: all)",
    )
    parser.add_argument("--seed", type=not_negative, default=0, metavar="S", help="(default: 0)")
    add_workers_argument(parser)
    parser.add_argument(
        "--run-dir",
        type=file_path,
        metavar="DIR",
        help="keeps mutants.jsonl, solutions.jsonl and summary.json; the same command resumes from there after a kill, "
        "and with a larger N after the end",
    )
    add_json_argument(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Generate mutants, run them on every task and report the tasks solved.

    Raises:
        UserError: options that don't go together; the seeds or a task source can't be read, or a seed's task is
            unknown; or the directory holds another job.
        StorageError: the directory can't be written.
        PreemptedError: interrupted; the directory has everything that was done.
    """
    job = _guided_job(arguments) if arguments.method == "guided" else _blind_job(arguments)
    # Without a directory to keep, the same code works in one that is removed: one path through the baseline.
    if arguments.run_dir is None:
        with tempfile.TemporaryDirectory() as folder:
            result = _run_job(job, Path(folder), arguments.workers)
    else:
        # Only here: with nothing kept, there is nothing to resume from, and Ctrl-C is the ordinary exit code 130.
        try:
            result = _run_job(job, arguments.run_dir, arguments.workers)
        except KeyboardInterrupt:
            raise PreemptedError(f"stopped, the same command resumes from {arguments.run_dir}") from None
    text = _guided_text if arguments.method == "guided" else _text
    print_result(text(result, len(job.tasks)), result, as_json=arguments.json)
    return 0


def _blind_job(arguments: argparse.Namespace) -> "MutationJob":
    from codeit_jax.arc import load_tasks
    from codeit_jax.baselines.mutation_baseline import MutationJob
    from codeit_jax.config.errors import UserError
    from codeit_jax.programs import load_programs

    if arguments.num_programs is None:
        raise UserError(f"--method {arguments.method} without --num-programs, expected how many mutants to make")
    if arguments.budget is not None:
        raise UserError(f"--budget {arguments.budget} with --method {arguments.method}, expected --method guided")
    return MutationJob(
        seeds=load_programs(arguments.seeds),
        training_tasks=load_tasks(arguments.training_tasks),
        tasks=load_tasks(arguments.tasks),
        num_programs=arguments.num_programs,
        method=arguments.method,
        recipe=arguments.recipe or "paper",
        seed=arguments.seed,
        screen=arguments.candidates or "all",
    )


def _guided_job(arguments: argparse.Namespace) -> "GuidedJob":
    from codeit_jax.arc import load_tasks
    from codeit_jax.baselines.guided_baseline import GuidedJob
    from codeit_jax.config.errors import UserError
    from codeit_jax.programs import load_programs
    from codeit_jax.search import parse_budget

    for option in ("recipe", "candidates"):
        if (value := getattr(arguments, option)) is not None:
            raise UserError(f"--{option} {value} with --method guided, which has one way only; expected another method")
    if arguments.num_programs is None and arguments.budget is None:
        raise UserError("--method guided without a bound, expected --num-programs N or --budget 30m or both")
    budget = None if arguments.budget is None else parse_budget(arguments.budget)
    if budget is not None and budget.programs is not None:
        raise UserError(f"--budget {arguments.budget}, expected a time as in 30m; --num-programs bounds the programs")
    return GuidedJob(
        seeds=load_programs(arguments.seeds),
        tasks=load_tasks(arguments.tasks),
        num_programs=arguments.num_programs,
        seconds=None if budget is None else budget.seconds,
        seed=arguments.seed,
    )


def _run_job(job: "MutationJob | GuidedJob", folder: Path, workers: int) -> dict[str, Any]:
    import interpreter
    from codeit_jax.baselines import guided_baseline, mutation_baseline
    from codeit_jax.reporting.progress import Reporter
    from codeit_jax.storage.job_directory import JobDirectory
    from codeit_jax.storage.run_directory import tell_who_died

    limits = mutation_baseline.LIMITS if isinstance(job, mutation_baseline.MutationJob) else guided_baseline.LIMITS
    # The directory before the workers: a job that it refuses should not start any.
    with (
        signals_interrupt() as interrupt_if_asked,
        JobDirectory(folder, "mutate", job.settings()) as directory,
        interpreter.InterpreterPool(workers, limits) as pool,
    ):
        reporter = Reporter()
        tell_who_died(directory.left_by, reporter.say)
        if isinstance(job, mutation_baseline.MutationJob):
            return mutation_baseline.run_mutation_baseline(job, directory, pool, reporter, interrupt_if_asked)
        return guided_baseline.run_guided_baseline(job, directory, pool, reporter, interrupt_if_asked)


def _text(result: dict[str, Any], num_tasks: int) -> str:
    from codeit_jax.reporting.score_table import score_sentence

    # Method and recipe first: without them the counts can't be compared with the paper's.
    stages = ", ".join(f"{name} {seconds} s" for name, seconds in result["stages"].items())
    overlooked = "" if result["screen"] == "all" else "\nonly programs that reproduce the smallest demonstration count"
    return (
        f"{result['programs']} mutants ({result['method']}, {result['recipe']} recipe), {result['unique']} unique, "
        f"on {num_tasks} tasks of {result['tasks']} in {result['seconds']} s ({stages})\n"
        f"{score_sentence(result['solved']['mutants'])}{overlooked}"
    )


def _guided_text(result: dict[str, Any], num_tasks: int) -> str:
    from codeit_jax.reporting.score_table import score_table

    work = result["work"]
    rows = {row: result["solved"][row] for row in ("seeds", "guided", "cumulative") if row in result["solved"]}
    return (
        f"{result['programs']} guided mutants for each of {num_tasks} tasks of {result['tasks']}, "
        f"{work['programs']['guided']} of them and {work['programs']['seed']} seed programs run in "
        f"{work['core_seconds']} core-seconds, {result['seconds']} s\n{score_table('tasks solved', rows)}"
    )
