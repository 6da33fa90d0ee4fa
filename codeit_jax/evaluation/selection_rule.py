"""Scoring: which tasks do the found programs solve? (paper, section 3.2 and appendix B; and by vote)."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from operator import attrgetter

from codeit_jax.arc import Task
from codeit_jax.evaluation.candidates import Candidate

COLUMNS = ("demonstrations", "pass@1", "pass@3", "vote@1", "vote@2", "vote@3", "oracle")
"""The counts of a solve report, in the order in which they are shown."""


def select_candidates(candidates: Iterable[Candidate], count: int | None) -> list[Candidate]:
    """Return the best candidates of one task: the paper's selection rule, not a vote.

    Only programs that reproduce at least one demonstration take part, each text once. More demonstrations come first,
    then fewer characters; equal ones are ordered by their text, so that the choice never depends on the order of
    finding. Of equal texts the first finding is returned.

    Args:
        candidates: programs for one task.
        count: how many to return at most; None for all.

    Returns:
        The best first. Tests have no part in it.
    """
    by_text: dict[str, Candidate] = {}
    for candidate in candidates:
        # One text may have been found by several origins; their booleans are equal.
        if any(candidate.demonstrations):
            by_text.setdefault(candidate.program, candidate)
    return sorted(by_text.values(), key=_selection_key)[:count]


def vote(
    candidates: Iterable[Candidate],
    count: int,
    guess: Callable[[Candidate], Hashable | None] = attrgetter("guess"),
) -> list[Candidate]:
    """Return the best candidate of each of the best guesses for one task, whose tests' outputs are never looked at.

    Candidates that predict the same are one guess. As by `select_candidates`, only programs that reproduce at least
    one demonstration take part, each text once. Guesses are ordered by the demonstrations that their best candidate
    reproduces, then by how many candidates agree, then by the best candidate's length and text.

    Args:
        candidates: programs for one task.
        count: how many guesses to return at most.
        guess: what a candidate predicts; None if nothing.
    """
    groups: defaultdict[Hashable, list[Candidate]] = defaultdict(list)
    for candidate in select_candidates(candidates, None):  # the best first, and so in each group
        prediction = guess(candidate)
        if prediction is not None:
            groups[prediction].append(candidate)

    def key(group: Sequence[Candidate]) -> tuple[int, int, int, str]:
        demonstrations, length, text = _selection_key(group[0])
        return demonstrations, -len(group), length, text

    return [group[0] for group in sorted(groups.values(), key=key)[:count]]


def solve_report(candidates: Iterable[Candidate], tasks: Iterable[Task]) -> dict[str, int]:
    """Count the tasks that the candidates solve.

    Args:
        candidates: programs found for any of the tasks, in any order; those for other tasks are left out.
        tasks: the tasks to score.

    Returns:
        Numbers of tasks, by `COLUMNS`: `demonstrations` (a candidate reproduces every demonstration), `pass@1` and
        `pass@3` (one of the best 1 or 3 by `select_candidates` reproduces every test), `vote@1` to `vote@3` (the same
        of the best 1 to 3 guesses by `vote`), `oracle` (any candidate with at least one demonstration does; unlike
        the others of the tests, it can't fall when a candidate is added).
    """
    ranked = [select_candidates(group, None) for group in _by_task(candidates, tasks)]
    guesses = [vote(group, 3) for group in ranked]
    return {
        "demonstrations": sum(any(candidate.solves_demonstrations for candidate in group) for group in ranked),
        **{f"pass@{count}": sum(_any_solves(group[:count]) for group in ranked) for count in (1, 3)},
        **{f"vote@{count}": sum(_any_solves(group[:count]) for group in guesses) for count in (1, 2, 3)},
        "oracle": sum(_any_solves(group) for group in ranked),
    }


def report_by_test(candidates: Iterable[Candidate], tasks: Sequence[Task]) -> dict[str, int]:
    """Count the test outputs that the candidates predict, each test as a task of its own (paper, ARC Eval 412).

    Returns:
        Numbers of tests: `solved` (by the best candidate, pass@1), `pass@3` (by one of the best 3), `count` (all).
    """
    best = [select_candidates(group, 3) for group in _by_task(candidates, tasks)]
    return {
        "solved": sum(sum(top[0].tests) for top in best),
        "pass@3": sum(sum(map(any, zip(*(candidate.tests for candidate in top), strict=True))) for top in best),
        "count": sum(len(task.tests) for task in tasks),
    }


def _by_task(candidates: Iterable[Candidate], tasks: Iterable[Task]) -> list[list[Candidate]]:
    """Return the candidates that reproduce a demonstration, for each task that has any."""
    by_task: defaultdict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        if any(candidate.demonstrations):
            by_task[candidate.task_id].append(candidate)
    # Only these tasks, even if there are candidates for others: a report is about the set that it names.
    return [by_task[task.id] for task in tasks if task.id in by_task]


def _selection_key(candidate: Candidate) -> tuple[int, int, str]:
    # Ascending: the more demonstrations, the smaller.
    return -sum(candidate.demonstrations), len(candidate.program), candidate.program


def _any_solves(candidates: Sequence[Candidate]) -> bool:
    return any(candidate.solves_tests for candidate in candidates)
