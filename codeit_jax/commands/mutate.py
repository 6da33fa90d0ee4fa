"""`codeit-jax mutate --seeds FILE --tasks SOURCE --num-programs N --method d1|dinf|random`: the mutation baselines."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from codeit_jax.commands.arguments import not_negative, positive

if TYPE_CHECKING:
    from codeit_jax.arc import TaskSet
    from codeit_jax.mutation import Mutant
    from codeit_jax.programs import SeedProgram
    from codeit_jax.progress import Reporter
    from codeit_jax.screening import Screened

_FIRST_CURVE_POINT = 100
_BEFORE_TRAINING = -1


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `mutate`."""
    parser = subparsers.add_parser("mutate", help="mutation baselines: generate programs and run them on all tasks")
    parser.add_argument("--seeds", default="builtin", metavar="FILE", help="a programs file (default: builtin)")
    parser.add_argument("--training-tasks", default="arc1/training", metavar="SOURCE", help="the tasks of the seeds")
    parser.add_argument("--tasks", required=True, metavar="SOURCE", help="the tasks to solve, e.g. arc1/evaluation")
    parser.add_argument("--num-programs", type=positive, required=True, metavar="N", help="how many mutants")
    parser.add_argument("--method", choices=("d1", "dinf", "random"), default="d1", help="(default: d1)")
    parser.add_argument(
        "--recipe", choices=("paper", "released"), default="paper", help="branch probabilities (default: paper)"
    )
    parser.add_argument("--seed", type=not_negative, default=0, metavar="S", help="(default: 0)")
    parser.add_argument(
        "--workers", type=not_negative, default=0, metavar="N", help="worker processes (default: one a core)"
    )
    parser.add_argument("--output", metavar="DIR", help="folder for mutants.jsonl, solutions.jsonl and summary.json")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line of standard output")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Generate mutants, run them on every task and report the tasks solved.

    Raises:
        UserError: the seeds or a task source can't be read, or a seed's task is unknown.
        StorageError: the output folder can't be written.
    """
    from codeit_jax.arc import load_tasks
    from codeit_jax.programs import load_programs
    from codeit_jax.progress import Reporter

    start = time.perf_counter()
    seeds = load_programs(arguments.seeds)
    training_tasks, tasks = load_tasks(arguments.training_tasks), load_tasks(arguments.tasks)
    mutants, found = _generate_and_screen(arguments, seeds, training_tasks, tasks, Reporter())
    summary = _summary(mutants, found, tasks) | {
        "seed": arguments.seed,
        "method": arguments.method,
        "recipe": arguments.recipe,
        "tasks": tasks.source,
        "snapshot": f"{tasks.snapshot}, digest {tasks.digest}",
        "seconds": round(time.perf_counter() - start, 2),
    }
    if arguments.output:
        _write_output(arguments.output, mutants, found, summary)
    print(_text(summary, len(tasks)), file=sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(json.dumps(summary))
    return 0


def _generate_and_screen(
    arguments: argparse.Namespace,
    seeds: "Sequence[SeedProgram]",
    training_tasks: "TaskSet",
    tasks: "TaskSet",
    reporter: "Reporter",
) -> "tuple[Sequence[Mutant], list[Screened]]":
    """Return the mutants, and the candidates among them; a text made for two parents runs once, as the first."""
    import interpreter
    from codeit_jax.mutation import generate_mutants
    from codeit_jax.screening import screen_programs

    limits = interpreter.Limits()
    with interpreter.InterpreterPool(arguments.workers, limits) as pool:
        with reporter.stage("mutants") as advance:
            result = generate_mutants(
                seeds,
                training_tasks,
                num_programs=arguments.num_programs,
                seed=arguments.seed,
                pool=pool,
                method=arguments.method,
                recipe=arguments.recipe,
                limits=limits,
                on_progress=advance,
            )
        mutants = result.mutants
        if len(mutants) < arguments.num_programs:
            reporter.say(f"only {len(mutants)} of {arguments.num_programs} mutants found in {result.attempts} attempts")
        positions = _first_positions(mutants)
        with reporter.stage(f"{len(positions)} programs on {tasks.source}") as advance:
            programs = [mutants[position].program for position in positions]
            screened = screen_programs(programs, tasks, pool=pool, on_progress=advance)
    return mutants, [entry._replace(position=positions[entry.position]) for entry in screened]


def _first_positions(mutants: "Sequence[Mutant]") -> list[int]:
    """Return where each distinct program text occurs first."""
    first: dict[str, int] = {}
    for position, mutant in enumerate(mutants):
        first.setdefault(str(mutant.program), position)
    return list(first.values())


def _summary(mutants: "Sequence[Mutant]", found: "Sequence[Screened]", tasks: "TaskSet") -> dict[str, object]:
    """Score all mutants, and the first of them for the curve."""
    from codeit_jax.evaluation import solve_report

    def score(count: int) -> dict[str, int]:
        return solve_report([entry.candidate for entry in found if entry.position < count], tasks)

    return {
        "programs": len(mutants),
        "unique": len(_first_positions(mutants)),
        "solved": score(len(mutants)),
        "curve": [[count, score(count)["pass@3"]] for count in _curve_points(len(mutants))],
    }


def _curve_points(num_programs: int) -> list[int]:
    """Doubling numbers of programs, and all of them."""
    points = []
    count = _FIRST_CURVE_POINT
    while count < num_programs:
        points.append(count)
        count *= 2
    return [*points, num_programs]


def _write_output(
    folder: str, mutants: "Sequence[Mutant]", found: "Sequence[Screened]", summary: dict[str, object]
) -> None:
    from pathlib import Path

    from codeit_jax.errors import StorageError
    from codeit_jax.solutions import Solution

    solutions = [
        Solution(candidate=candidate, origin="mutant", iteration=_BEFORE_TRAINING).to_row() for _, candidate in found
    ]
    rows = [
        {"task_id": mutant.task_id, "program": str(mutant.program), "attempt": mutant.attempt} for mutant in mutants
    ]
    target = Path(folder).expanduser()
    try:
        target.mkdir(parents=True, exist_ok=True)
        (target / "mutants.jsonl").write_text(_json_lines(rows), encoding="utf-8")
        (target / "solutions.jsonl").write_text(_json_lines(solutions), encoding="utf-8")
        (target / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{target}: can't be written ({error.strerror})") from None


def _json_lines(rows: Sequence[dict[str, object]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _text(summary: dict[str, object], num_tasks: int) -> str:
    solved = summary["solved"]
    assert isinstance(solved, dict)
    numbers = ", ".join(f"{name} {count}" for name, count in solved.items())
    return (
        f"{summary['programs']} mutants ({summary['method']}, {summary['recipe']} recipe), {summary['unique']} unique, "
        f"on {num_tasks} tasks of {summary['tasks']} in {summary['seconds']} s\ntasks solved: {numbers}"
    )
