"""Which programs solve what: candidates, the selection rule, counts of solved tasks."""

from codeit_jax.evaluation.candidates import Candidate
from codeit_jax.evaluation.selection_rule import select_candidates, solve_report

__all__ = ["Candidate", "select_candidates", "solve_report"]
