"""Which programs solve what: candidates, the selection rule, the vote, counts of solved tasks."""

from codeit_jax.evaluation.candidates import Candidate
from codeit_jax.evaluation.selection_rule import COLUMNS, report_by_test, select_candidates, solve_report, vote

__all__ = ["COLUMNS", "Candidate", "select_candidates", "solve_report", "report_by_test", "vote"]
