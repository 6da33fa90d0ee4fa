"""`codeit-jax compare A... -- B...`: do two ways of solving tasks differ? Paired by task, over seeds."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codeit_jax.cli import SEPARATOR
from codeit_jax.commands.cli_options import add_json_argument
from codeit_jax.commands.console import print_result

if TYPE_CHECKING:
    from codeit_jax.laboratory.run_record import RunRecord
    from codeit_jax.statistics import Comparison


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `compare`."""
    parser = subparsers.add_parser(
        "compare",
        help="compare the tasks that two groups of runs solve: difference, interval, p-value, what could have shown",
        usage="codeit-jax compare A [A ...] -- B [B ...] [-- C [C ...]] [--row ROW] [--column COLUMN] [--json]",
    )
    parser.add_argument(
        "sides", nargs="+", metavar="RUN", help="run directories of one side, a seed each; `--` begins the next side"
    )
    parser.add_argument("--row", default="cumulative", help="whose programs (default: cumulative)")
    parser.add_argument("--column", default="pass@3", help="what counts (default: pass@3)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the resampling (default: 0)")
    add_json_argument(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Compare the first side with each other one.

    Raises:
        UserError: no such row or column, fewer than two sides, no such runs, one given twice, or sides on other tasks.
        StorageError: a file of a run is damaged.
    """
    from codeit_jax.evaluation import COLUMNS, ROWS
    from codeit_jax.laboratory.run_record import read_records, solved_matrix
    from codeit_jax.statistics import compare_all

    _check_choice("--row", arguments.row, (*ROWS, "policy_last"))
    _check_choice("--column", arguments.column, COLUMNS)
    sides = [read_records(paths) for paths in _split(arguments.sides)]
    _check(sides)
    solved = [solved_matrix(side, arguments.row, arguments.column) for side in sides]
    comparisons = compare_all(solved, seed=arguments.seed)
    names = [", ".join(str(record.path) for record in side) for side in sides]
    rows = [_result(c, names[0], name) for c, name in zip(comparisons, names[1:], strict=True)]
    question = {"row": arguments.row, "column": arguments.column, "tasks": repr(sides[0][0].tasks)}
    # The keys of the first comparison stand at the top, too: mostly it is the only one.
    result = question | rows[0] | {"comparisons": rows}
    text = "\n\n".join([*_notes(sides, names), *(_text(question, row) for row in rows)])
    print_result(text, result, as_json=arguments.json)
    return 0


def _check_choice(option: str, value: str, choices: Sequence[str]) -> None:
    from codeit_jax.config.errors import UserError

    if value not in choices:
        raise UserError(f"{option} is {value!r}, expected one of {', '.join(choices)}")


def _split(words: Sequence[str]) -> Iterator[list[Path]]:
    from codeit_jax.config.errors import UserError

    sides: list[list[Path]] = [[]]
    for word in words:
        if word == SEPARATOR:
            sides.append([])
        else:
            sides[-1].append(Path(word))
    if len(sides) < 2 or not all(sides):
        raise UserError(f"found {sum(map(bool, sides))} sides, expected at least two: compare A... -- B...")
    yield from sides


def _check(sides: "Sequence[Sequence[RunRecord]]") -> None:
    """Refuse what can't be paired, or counts a run twice."""
    from codeit_jax.config.errors import UserError

    first = sides[0][0]
    for record in (record for side in sides for record in side):
        if record.tasks.digest != first.tasks.digest:
            raise UserError(f"{record.path} is on {record.tasks!r}, expected {first.tasks!r} as {first.path}")
    for side in sides:
        paths = [record.path.expanduser().resolve() for record in side]
        for record, path in zip(side, paths, strict=True):
            if paths.count(path) > 1:
                raise UserError(f"{record.path}: given twice on one side, expected a run of another seed")


def _notes(sides: "Sequence[Sequence[RunRecord]]", names: Sequence[str]) -> Iterator[str]:
    """Yield a warning for each side whose runs aren't seeds of one configuration: its spread isn't one of seeds."""
    from codeit_jax.laboratory.arms import group_arms

    for side, name in zip(sides, names, strict=True):
        arms = group_arms(side)
        if len(arms) > 1:
            yield f"note: {name} differ in more than the seed: {'; '.join(arm.label for arm in arms)}"


def _result(comparison: "Comparison", first: str, second: str) -> dict[str, Any]:
    values = {key: _rounded(value) for key, value in asdict(comparison).items()}
    return {"first": first, "second": second, **values}


def _rounded(value: Any) -> Any:
    # Six digits: what is beyond is noise of the resampling, or of the last bit of a processor's sums.
    if isinstance(value, tuple):
        return [_rounded(part) for part in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _text(question: dict[str, Any], row: dict[str, Any]) -> str:
    low, high = row["interval"]
    verdict = "significant" if row["adjusted_p_value"] <= 0.05 else "not significant"
    adjusted = f", {row['adjusted_p_value']:.3g} after Holm" if row["adjusted_p_value"] != row["p_value"] else ""
    could = {
        "seeds": "tasks is the smallest difference that seeds as these could have shown (power 0.8)",
        "tasks": "tasks is the smallest difference that one run a side could have shown (McNemar); seeds aren't known",
    }[row["detectable_by"]]
    return (
        f"{row['first']}\n  against {row['second']}\n"
        f"{question['row']}, {question['column']}, {question['tasks']}\n"
        f"solved on average: {row['means'][0]:g} ({row['seeds'][0]} seeds) and {row['means'][1]:g} "
        f"({row['seeds'][1]} seeds) of {row['num_tasks']}\n"
        f"difference: {row['difference']:+g} tasks, 95 % interval {low:+g} to {high:+g} over tasks and seeds\n"
        f"tasks oftener solved by the first {row['only_first']}, by the second {row['only_second']}: "
        f"p = {row['p_value']:.3g}{adjusted}, {verdict} at 0.05\n"
        f"{row['detectable']:.3g} {could}"
    )
