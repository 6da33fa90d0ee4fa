"""What predicted grids are worth: guesses for each test by number of votes, counts by task and test, a submission."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codeit_jax.arc import Grid, Task, reproduced

Predictions = Mapping[tuple[str, int], Sequence[Grid | None]]
"""By task id and place of the test: the grid of each sample in turn, None where an answer has none or is missing."""

ATTEMPTS = 2
"""Guesses for each test in a submission."""

Counts = dict[str, int | None]


@dataclass(frozen=True, slots=True)
class Guess:
    """A grid predicted for a test, and how many samples agree on it."""

    grid: Grid
    count: int


def guesses(grids: Sequence[Grid | None]) -> list[Guess]:
    """Return the different grids predicted for one test: the most frequent first, of equally frequent the earliest."""
    counts: dict[Grid, int] = {}
    for grid in grids:
        if grid is not None:
            counts[grid] = counts.get(grid, 0) + 1
    # Dicts keep the order of finding, and so does a stable sort.
    return [Guess(grid, count) for grid, count in sorted(counts.items(), key=lambda item: -item[1])]


def count_tasks(predictions: Predictions, tasks: Sequence[Task]) -> Counts:
    """Count the tasks solved, in the columns of a solve report; a task is solved when all of its tests are.

    Returns:
        `pass@1`, `pass@3` (one of the first 1 or 3 samples is right), `vote@1` to `vote@3` (one of the best guesses),
        `oracle` (any sample); None for `demonstrations`, of which nothing is predicted, and for all where outputs of
        tests are unknown.
    """
    columns = [[_columns(predictions, task, place) for place in range(len(task.tests))] for task in tasks]
    counts = {name: sum(all(test[name] for test in tests) for tests in columns) for name in _NAMES}
    scored = all(task.has_outputs for task in tasks)
    return {"demonstrations": None, **{name: count if scored else None for name, count in counts.items()}}


def count_tests(predictions: Predictions, tasks: Sequence[Task]) -> Counts:
    """Count the tests solved, each as a task of its own: `solved` (the first sample, pass@1), the rest, and `count`."""
    columns = [_columns(predictions, task, place) for task in tasks for place in range(len(task.tests))]
    scored = all(task.has_outputs for task in tasks)
    counts = {name: sum(test[name] for test in columns) if scored else None for name in _NAMES}
    return {"solved": counts.pop("pass@1"), **counts, "count": len(columns)}


def task_row(predictions: Predictions, task: Task) -> dict[str, Any]:
    """Return a task's counts and guesses as JSON values."""
    return {
        "task_id": task.id,
        **({} if task.concept is None else {"concept": task.concept}),
        "solved": count_tasks(predictions, [task]),
        "tests": count_tests(predictions, [task]),
        "guesses": [_guess_rows(predictions, task, place) for place in range(len(task.tests))],
    }


def concept_rows(predictions: Predictions, tasks: Sequence[Task]) -> dict[str, dict[str, Any]]:
    """Return the counts for the tasks of each concept, by its name; nothing for tasks without one."""
    names = sorted({task.concept for task in tasks if task.concept is not None})
    groups = {name: [task for task in tasks if task.concept == name] for name in names}
    return {
        name: {
            "num_tasks": len(group),
            "solved": count_tasks(predictions, group),
            "tests": count_tests(predictions, group),
        }
        for name, group in groups.items()
    }


def grid_submission(predictions: Predictions, tasks: Sequence[Task]) -> dict[str, list[dict[str, Grid]]]:
    """Return the best two guesses for each test in Kaggle's form; the test's input stands for what is missing."""
    return {
        task.id: [_attempts(predictions[task.id, place], grid) for place, grid in enumerate(task.test_inputs)]
        for task in tasks
    }


_NAMES = ("pass@1", "pass@3", "vote@1", "vote@2", "vote@3", "oracle")


def _columns(predictions: Predictions, task: Task, place: int) -> dict[str, bool]:
    """Return which columns count one test; its output is read here, to score only."""
    grids = predictions[task.id, place]
    voted = [guess.grid for guess in guesses(grids)]
    shown = {
        **{f"pass@{count}": grids[:count] for count in (1, 3)},
        **{f"vote@{count}": voted[:count] for count in (1, 2, 3)},
        "oracle": grids,
    }
    return {name: any(reproduced(chosen, [task.tests[place]] * len(chosen))) for name, chosen in shown.items()}


def _guess_rows(predictions: Predictions, task: Task, place: int) -> list[dict[str, Any]]:
    found = guesses(predictions[task.id, place])
    right = reproduced([guess.grid for guess in found], [task.tests[place]] * len(found))
    return [
        {"grid": guess.grid, "count": guess.count, "right": is_right if task.has_outputs else None}
        for guess, is_right in zip(found, right, strict=True)
    ]


def _attempts(grids: Sequence[Grid | None], test_input: Grid) -> dict[str, Grid]:
    chosen = [guess.grid for guess in guesses(grids)[:ATTEMPTS]]
    chosen += [test_input] * (ATTEMPTS - len(chosen))
    return {f"attempt_{number}": grid for number, grid in enumerate(chosen, start=1)}
