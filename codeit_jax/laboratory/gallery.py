"""The gallery: every task that some run counts in some column, its grids, its programs over time, and who was first."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codeit_jax.arc import Example, Task
from codeit_jax.config.interpreter_limits import limits_from_config
from codeit_jax.config.schema import InterpreterConfig
from codeit_jax.evaluation import COLUMNS, Candidate, select_candidates
from codeit_jax.laboratory.arms import Arm
from codeit_jax.laboratory.run_record import RunRecord
from codeit_jax.reporting.credits import ROW_NAMES, demonstrations_held, found_by
from codeit_jax.reporting.markup import escape, grid_svg
from interpreter import InterpreterPool, Job, Outcome

_HISTORY = 6  # programs of a task's history: the first, and the last of those that were better than all before


@dataclass(frozen=True, kw_only=True)
class ShownTask:
    """A task of the gallery.

    Attributes:
        task: the task.
        anchor: its name in links within the page.
        credits: a line for each arm that counts it.
        first: a line for each arm that found a right program: who found the first.
        run: the run that the program shown is of.
        program: the best of all runs' programs: right on the tests if any is.
        outcomes: the program's, on the demonstrations and then the tests.
        history: that run's programs that were better than all before them, in the order of finding.
        num_programs: distinct programs of all runs that reproduce at least one demonstration.
    """

    task: Task
    anchor: str
    credits: list[str]
    first: list[str]
    run: RunRecord
    program: Candidate
    outcomes: Sequence[Outcome]
    history: list[Candidate]
    num_programs: int


def shown_tasks(arms: Sequence[Arm], num_workers: int) -> list[ShownTask]:
    """Return the tasks that some run counts, by id, and run the program shown for each again for its grids.

    Args:
        arms: all of them.
        num_workers: processes that run the programs.
    """
    tasks: dict[Task, None] = {}
    for run in (run for arm in arms for run in arm.runs):
        counted = (id_ for id_, rows in run.counts.items() if any(any(row.values()) for row in rows.values()))
        tasks.update(dict.fromkeys(run.tasks[id_] for id_ in counted))
    # By task and not by id: two collections may use one id for two tasks.
    by_task = _candidates_by_task(arms, set(tasks))
    chosen = {task: _best(by_task[task]) for task in sorted(tasks, key=lambda task: task.id)}
    outcomes = _run_again(chosen, num_workers)
    anchors = _anchors([task.id for task in chosen])
    return [
        ShownTask(
            task=task,
            anchor=anchor,
            credits=list(_credits(arms, task)),
            first=list(_first_finders(arms, task)),
            run=run,
            program=program,
            outcomes=outcomes[task],
            history=_history([found for other, found in by_task[task] if other is run]),
            num_programs=len({found.program for _, found in by_task[task]}),
        )
        for (task, (run, program)), anchor in zip(chosen.items(), anchors, strict=True)
    ]


_Found = list[tuple[RunRecord, Candidate]]


def _candidates_by_task(arms: Sequence[Arm], tasks: set[Task]) -> dict[Task, _Found]:
    by_task: dict[Task, _Found] = {task: [] for task in tasks}
    for run in (run for arm in arms for run in arm.runs):
        for candidate in run.candidates:
            if candidate.task_id in run.tasks and any(candidate.demonstrations):
                task = run.tasks[candidate.task_id]
                if task in by_task:
                    by_task[task].append((run, candidate))
    return by_task


def _best(found: _Found) -> tuple[RunRecord, Candidate]:
    """Return the first program by the selection rule that is right on the tests, or else the first."""
    ranked = select_candidates([candidate for _, candidate in found], None)
    best = next((candidate for candidate in ranked if candidate.solves_tests), ranked[0])
    return next((run, candidate) for run, candidate in found if candidate is best)


def _run_again(chosen: dict[Task, tuple[RunRecord, Candidate]], num_workers: int) -> dict[Task, Sequence[Outcome]]:
    # With each run's limits, or a program could fail here that didn't there; runs of one kind share their workers.
    by_limits: dict[InterpreterConfig, list[Task]] = {}
    for task, (run, _) in chosen.items():
        by_limits.setdefault(run.config.interpreter if run.config else InterpreterConfig(), []).append(task)
    outcomes: dict[Task, Sequence[Outcome]] = {}
    for config, tasks in by_limits.items():
        with InterpreterPool(num_workers, limits_from_config(config)) as pool:
            jobs = [Job([chosen[task][1].program], task.inputs) for task in tasks]
            outcomes.update((task, row) for task, [row] in zip(tasks, pool.run(jobs), strict=True))
    return outcomes


def _credits(arms: Sequence[Arm], task: Task) -> Iterator[str]:
    """Yield for each arm which rows count the task in which columns, and with how many of its seeds."""
    for arm in arms:
        runs = [run for run in arm.runs if task.id in run.tasks and run.tasks[task.id] == task]
        parts = []
        for row in ROW_NAMES:
            counts = {
                column: sum(run.counts.get(task.id, {}).get(row, {}).get(column, 0) for run in runs)
                for column in COLUMNS
            }
            if any(counts.values()):
                parts.append(f"{row} {_columns_text(counts, len(arm.runs))}")
        if parts:
            yield f"{arm.label}: {'; '.join(parts)}"


def _columns_text(counts: dict[str, int], num_seeds: int) -> str:
    if len(set(counts.values())) == 1:
        seeds = "" if num_seeds == 1 else f" by {counts['oracle']} of {num_seeds} seeds"
        return f"in all columns{seeds}"
    return ", ".join(
        column if num_seeds == 1 else f"{column} {count}/{num_seeds}" for column, count in counts.items() if count
    )


def _first_finders(arms: Sequence[Arm], task: Task) -> Iterator[str]:
    for arm in arms:
        right = [
            (candidate.iteration, run, candidate)
            for run in arm.runs
            if task.id in run.tasks and run.tasks[task.id] == task
            for candidate in run.candidates_of(task.id)
            if candidate.solves_tests and any(candidate.demonstrations)
        ]
        if right:
            _, run, first = min(right, key=lambda entry: entry[0])
            yield f"{arm.label}: {found_by(first)} ({run.name})"


def _history(found: Sequence[Candidate]) -> list[Candidate]:
    """Return the programs that the selection rule prefers to all that were found before them."""
    better: list[Candidate] = []
    for candidate in found:
        if not better or select_candidates([better[-1], candidate], 1)[0] is candidate:
            better.append(candidate)
    return better if len(better) <= _HISTORY else [better[0], *better[1 - _HISTORY :]]


def _anchors(ids: Sequence[str]) -> list[str]:
    """Return names for links: the id, with what isn't safe there replaced, and a number where two are equal."""
    anchors: list[str] = []
    for task_id in ids:
        anchor = "task-" + re.sub(r"[^A-Za-z0-9_.-]", "_", task_id)
        anchors.append(anchor if anchor not in anchors else f"{anchor}-{len(anchors)}")
    return anchors


def gallery_html(shown: Sequence[ShownTask]) -> Iterator[str]:
    """Yield the HTML of the gallery: links by task id, then the tasks."""
    links = " ".join(f'<a href="#{one.anchor}"><bdi>{escape(one.task.id)}</bdi></a>' for one in shown)
    yield f'<nav class="ids" aria-label="tasks">{links}</nav>'
    for one in shown:
        yield from _task_html(one)


def _task_html(one: ShownTask) -> Iterator[str]:
    task, program = one.task, one.program
    right = "right on all tests" if program.solves_tests else "wrong on a test"
    yield f'<article id="{one.anchor}"><h3><bdi>{escape(task.id)}</bdi></h3>'
    yield "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in one.credits) + "</ul>"
    if one.first:
        yield f"<p>First right program: {escape('; '.join(one.first))}.</p>"
    yield (
        f"<p>Shown: {escape(found_by(program))} of <bdi>{escape(one.run.name)}</bdi>, {right}, "
        f"{demonstrations_held(program)} demonstrations; programs that reproduce one or more: {one.num_programs}.</p>"
        f"<pre>{escape(program.program)}</pre>"
    )
    # Outcomes come as the inputs went in: demonstrations first.
    split = len(task.demonstrations)
    yield '<div class="pairs">' + "".join(_pairs("demonstration", task.demonstrations, one.outcomes[:split])) + "</div>"
    yield '<div class="pairs">' + "".join(_pairs("test", task.tests, one.outcomes[split:])) + "</div>"
    if len(one.history) > 1:
        yield f"<details><summary>its programs over time ({len(one.history)})</summary>"
        for found in one.history:
            tests = "tests right" if found.solves_tests else "tests wrong"
            words = f"{found_by(found)}: {demonstrations_held(found)} demonstrations, {tests}"
            yield f"<p>{escape(words)}</p><pre>{escape(found.program)}</pre>"
        yield "</details>"
    yield "</article>"


def _pairs(kind: str, examples: Sequence[Example], outcomes: Sequence[Outcome]) -> Iterator[str]:
    for number, (example, outcome) in enumerate(zip(examples, outcomes, strict=True), start=1):
        grids = [grid_svg(example.input, f"{kind} {number}")]
        if outcome.grid == example.output:
            grids.append(grid_svg(outcome.grid, "output, as wanted"))
        else:
            grids.append(grid_svg(outcome.grid, "the program's output"))
            grids.append(grid_svg(example.output, "wanted"))
        yield f'<div class="pair">{"".join(grids)}</div>'
