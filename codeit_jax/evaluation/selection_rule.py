"""Scoring: which tasks do the found programs solve? (paper, section 3.2 and appendix B)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from codeit_jax.arc import Task
from codeit_jax.evaluation.candidates import Candidate


def select_candidates(candidates: Iterable[Candidate], count: int) -> list[Candidate]:
    """Return the best candidates of one task: a selection rule, not a vote.

    Only programs that reproduce at least one demonstration take part, each text once. More demonstrations come first,
    then fewer characters; equal ones are ordered by their text, so that the choice never depends on the order of
    finding. Of equal texts the first finding is returned.

    Args:
        candidates: programs for one task.
        count: how many to return at most.

    Returns:
        The best first. Tests have no part in it.
    """
    by_text: dict[str, Candidate] = {}
    for candidate in candidates:
        # One text may have been found by several origins; their booleans are equal.
        if any(candidate.demonstrations):
            by_text.setdefault(candidate.program, candidate)
    return sorted(by_text.values(), key=_selection_key)[:count]


def solve_report(candidates: Iterable[Candidate], tasks: Iterable[Task]) -> dict[str, int]:
    """Count the tasks that the candidates solve.

    Args:
        candidates: programs found for any of the tasks, in any order; those for other tasks are left out.
        tasks: the tasks to score.

    Returns:
        Numbers of tasks: `demonstrations` (a candidate reproduces every demonstration), `pass@1` and `pass@3` (one of
        the best 1 or 3 by `select_candidates` reproduces every test), `oracle` (any candidate with at least one
        demonstration does; unlike the others of the tests, it can't fall when a candidate is added).
    """
    by_task: defaultdict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        if any(candidate.demonstrations):
            by_task[candidate.task_id].append(candidate)
    # Only these tasks, even if there are candidates for others: a report is about the set that it names.
    found = [by_task[task.id] for task in tasks if task.id in by_task]
    return {
        "demonstrations": sum(any(candidate.solves_demonstrations for candidate in group) for group in found),
        "pass@1": sum(_any_solves(select_candidates(group, 1)) for group in found),
        "pass@3": sum(_any_solves(select_candidates(group, 3)) for group in found),
        "oracle": sum(_any_solves(group) for group in found),
    }


def _selection_key(candidate: Candidate) -> tuple[int, int, str]:
    # Ascending: the more demonstrations, the smaller.
    return -sum(candidate.demonstrations), len(candidate.program), candidate.program


def _any_solves(candidates: Sequence[Candidate]) -> bool:
    return any(candidate.solves_tests for candidate in candidates)
