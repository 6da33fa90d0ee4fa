"""What programs are worth on tasks: counts, verdicts by task and concept, and predictions to submit."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from codeit_jax.arc import Grid, Task
from codeit_jax.evaluation.candidates import Candidate
from codeit_jax.evaluation.program_ranking import RankedProgram, rank
from codeit_jax.evaluation.selection_rule import report_by_test, solve_report, vote

Counts = dict[str, int | None]
Programs = Mapping[str, Sequence[RankedProgram]]
"""The programs for each task, by its id."""

ATTEMPTS = 2
"""Predictions for each test in a submission."""


def count_solved(programs: Programs, tasks: Sequence[Task]) -> Counts:
    """Count the solved tasks by `solve_report`; None for what needs outputs that aren't known."""
    counts = solve_report(_candidates(programs, tasks), tasks)
    # All or nothing: a count over the tasks that happen to have outputs would look like one over all of them.
    scored = all(task.has_outputs for task in tasks)
    return {name: count if scored or name == "demonstrations" else None for name, count in counts.items()}


def count_tests(programs: Programs, tasks: Sequence[Task]) -> Counts:
    """Count the predicted test outputs by `report_by_test`; None where some aren't known."""
    counts = report_by_test(_candidates(programs, tasks), tasks)
    scored = all(task.has_outputs for task in tasks)
    return {name: count if scored or name == "count" else None for name, count in counts.items()}


def task_result(programs: Programs, task: Task) -> dict[str, Any]:
    """Return a task's counts and programs as JSON values: the best first, then those without a demonstration."""
    drawn = programs[task.id]
    best = rank(drawn, None)
    others = [program for program in drawn if not any(program.candidate.demonstrations)]
    return {
        "task_id": task.id,
        **({} if task.concept is None else {"concept": task.concept}),
        "solved": count_solved(programs, [task]),
        "tests": count_tests(programs, [task]),
        "programs": [_program_row(program, task) for program in (*best, *others)],
    }


def concept_results(programs: Programs, tasks: Iterable[Task]) -> dict[str, dict[str, Any]]:
    """Return the counts for the tasks of each concept, by its name; nothing for tasks without one."""
    groups: dict[str, list[Task]] = {}
    for task in tasks:
        if task.concept is not None:
            groups.setdefault(task.concept, []).append(task)
    return {
        concept: {
            "num_tasks": len(group),
            "solved": count_solved(programs, group),
            "tests": count_tests(programs, group),
        }
        for concept, group in sorted(groups.items())
    }


def submission(programs: Programs, tasks: Iterable[Task]) -> dict[str, list[dict[str, Grid]]]:
    """Return two predictions for each test input of each task, in the form of Kaggle's ARC competitions."""
    return {task.id: [_attempts(programs[task.id], task, place) for place in range(len(task.tests))] for task in tasks}


def _attempts(programs: Sequence[RankedProgram], task: Task, place: int) -> dict[str, Grid]:
    """Return the best two guesses for one test by `vote`; where there are fewer, its input stands for the rest."""
    index = len(task.demonstrations) + place  # among the outcomes
    # For each test alone: a program that fails on one may be right on another.
    predictions = {program.candidate.program: program.outcomes[index].grid for program in programs}
    chosen = vote([p.candidate for p in programs], ATTEMPTS, guess=lambda candidate: predictions[candidate.program])
    grids = [grid for candidate in chosen if (grid := predictions[candidate.program]) is not None]
    grids += [task.test_inputs[place]] * (ATTEMPTS - len(grids))
    return {f"attempt_{number}": grid for number, grid in enumerate(grids, start=1)}


def _program_row(program: RankedProgram, task: Task) -> dict[str, Any]:
    candidate = program.candidate
    return {
        "program": candidate.program,
        "count": program.count,
        "log_prob": program.rounded_log_prob,
        "demonstrations": candidate.demonstrations,
        "tests": candidate.tests if task.has_outputs else None,
        "guess": candidate.guess,
    }


def _candidates(programs: Programs, tasks: Iterable[Task]) -> list[Candidate]:
    return [program.candidate for task in tasks for program in programs[task.id]]
