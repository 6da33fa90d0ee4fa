"""Programs for tasks that were run, whoever wrote them, ranked by the paper's selection rule."""

from collections.abc import Sequence
from dataclasses import dataclass

from codeit_jax.evaluation.candidates import Candidate
from codeit_jax.evaluation.selection_rule import select_candidates, vote
from interpreter import Outcome


@dataclass(frozen=True, kw_only=True)
class RankedProgram:
    """One distinct program for a task, drawn and run.

    Attributes:
        candidate: its text and what it reproduces; the tests are read to score only.
        count: how often it was drawn.
        log_prob: under the policy at temperature 1; None if whoever wrote it doesn't say.
        outcomes: on each input of the task, the demonstrations' first.
    """

    candidate: Candidate
    count: int
    log_prob: float | None
    outcomes: tuple[Outcome, ...]

    @property
    def rounded_log_prob(self) -> float | None:
        """Return the log-probability as results show it."""
        return None if self.log_prob is None else round(self.log_prob, 4)


def rank(programs: Sequence[RankedProgram], count: int | None) -> list[RankedProgram]:
    """Return the best of one task's programs, by `select_candidates`: none without a demonstration reproduced.

    Args:
        programs: for one task, each text once.
        count: how many to return at most; None for all.
    """
    return _chosen(programs, select_candidates([program.candidate for program in programs], count))


def best_guesses(programs: Sequence[RankedProgram], count: int) -> list[RankedProgram]:
    """Return the best program of each of the best guesses for the tests, by `vote`.

    Args:
        programs: for one task, each text once.
        count: how many to return at most.
    """
    return _chosen(programs, vote([program.candidate for program in programs], count))


def _chosen(programs: Sequence[RankedProgram], candidates: Sequence[Candidate]) -> list[RankedProgram]:
    by_text = {program.candidate.program: program for program in programs}
    return [by_text[candidate.program] for candidate in candidates]
