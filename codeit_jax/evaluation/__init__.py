"""Which programs solve what: candidates, the selection rule, counts of solved tasks."""

from codeit_jax.evaluation.candidates import Candidate
from codeit_jax.evaluation.rows import ROWS, SolvedTask, solved_rows, solved_tasks
from codeit_jax.evaluation.selection_rule import select_candidates, solve_report

__all__ = [
    "ROWS",
    "Candidate",
    "SolvedTask",
    "select_candidates",
    "solve_report",
    "solved_rows",
    "solved_tasks",
]
