"""Who solves what: the counts of solved tasks, a row for each way of finding programs, and the tasks behind them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from codeit_jax.arc import Task
from codeit_jax.evaluation.candidates import Candidate
from codeit_jax.evaluation.selection_rule import select_candidates, solve_report

ROWS = ("seeds", "mutants", "guided", "policy", "policy_new", "cumulative")
"""In the order in which they are shown; a run has `policy_last` besides, its last meta-iteration's programs alone."""

_CHOSEN = 3  # programs that pass@3 chooses


@dataclass(frozen=True, kw_only=True)
class SolvedTask:
    """A task that pass@3 counts in some row.

    Attributes:
        task_id: the task.
        rows: those that count it.
        candidate: the first of the three chosen programs that reproduces all tests; chosen from all programs if
            `cumulative` counts the task, or else from those of the first row that does.
        num_programs: distinct programs found that reproduce at least one of its demonstrations.
    """

    task_id: str
    rows: tuple[str, ...]
    candidate: Candidate
    num_programs: int


def solved_rows(candidates: Iterable[Candidate], tasks: Iterable[Task]) -> dict[str, dict[str, int]]:
    """Count the tasks that programs solve, by who wrote the programs.

    Returns:
        A `solve_report` for each row; each chooses from its own programs alone:

        * `seeds`: the seed programs, as they are.
        * `mutants`: their mutants, without the seeds.
        * `guided`: what guided mutation found; there only where it found something.
        * `policy`: what the policy sampled, copies of seeds and mutants included.
        * `policy_new`: what the policy adds. Its programs without the copies, and of the tasks that these solve only
          those that seeds, mutants and guided mutants together don't solve, by the same column. A copy is a program
          with a seed's or mutant's canonical text, whatever task that was written for, or one that guided mutation had
          found for the task.
        * `cumulative`: all programs. It may have less than another row has, since a short wrong program can displace a
          right one from the three that are chosen.
    """
    candidates = list(candidates)
    is_guided = any(candidate.origin == "guided" for candidate in candidates)
    totals = {row: solve_report([], []) for row in ROWS if is_guided or row != "guided"}
    for task, found in _by_task(candidates, tasks):
        counts = _counts(found, task)
        for row, total in totals.items():
            for column in total:
                total[column] += counts[row][column]
    return totals


def counts_by_task(candidates: Iterable[Candidate], tasks: Iterable[Task]) -> dict[str, dict[str, dict[str, int]]]:
    """Return what `solved_rows` adds up: by task id, row and column, 1 where the task counts and else 0.

    Returns:
        Only tasks for which something was found, in the order of `tasks`.
    """
    return {task.id: _counts(found, task) for task, found in _by_task(candidates, tasks)}


def solved_tasks(candidates: Iterable[Candidate], tasks: Iterable[Task]) -> list[SolvedTask]:
    """Return the tasks that pass@3 counts in some row of `solved_rows`: as many with a row as its count says."""
    solved = []
    for task, found in _by_task(candidates, tasks):
        rows = tuple(row for row, counts in _counts(found, task).items() if counts["pass@3"])
        if rows:
            chosen = _of_row(found)["cumulative" if "cumulative" in rows else rows[0]]
            first = next(c for c in select_candidates(chosen, _CHOSEN) if c.solves_tests)
            num_programs = len({candidate.program for candidate in found})
            solved.append(SolvedTask(task_id=task.id, rows=rows, candidate=first, num_programs=num_programs))
    return solved


def _by_task(candidates: Iterable[Candidate], tasks: Iterable[Task]) -> Iterator[tuple[Task, list[Candidate]]]:
    """Yield each task for which something was found, with its candidates."""
    by_task: defaultdict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        if any(candidate.demonstrations):
            by_task[candidate.task_id].append(candidate)
    return ((task, by_task[task.id]) for task in tasks if task.id in by_task)


def _of_row(found: Sequence[Candidate]) -> dict[str, list[Candidate]]:
    """Return which of a task's candidates each row chooses from."""
    policy = [candidate for candidate in found if candidate.origin == "policy"]
    return {
        "seeds": [candidate for candidate in found if candidate.origin == "seed"],
        "mutants": [candidate for candidate in found if candidate.origin == "mutant"],
        "guided": [candidate for candidate in found if candidate.origin == "guided"],
        "policy": policy,
        "policy_new": [candidate for candidate in policy if candidate.copy_of is None],
        "cumulative": list(found),
    }


def _counts(found: Sequence[Candidate], task: Task) -> dict[str, dict[str, int]]:
    """Return for each row and column whether it counts a task: 0 or 1."""
    of_row = _of_row(found)
    counts = {row: solve_report(of_row[row], [task]) for row in ROWS}
    without = solve_report([*of_row["seeds"], *of_row["mutants"], *of_row["guided"]], [task])
    counts["policy_new"] = {
        column: int(count and not without[column]) for column, count in counts["policy_new"].items()
    }
    return counts
