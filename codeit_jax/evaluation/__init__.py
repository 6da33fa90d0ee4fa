"""Which programs solve what: candidates, the selection rule, the vote, counts of solved tasks."""

from codeit_jax.evaluation.candidates import Candidate
from codeit_jax.evaluation.rows import ROWS, SolvedTask, counts_by_task, solved_rows, solved_tasks
from codeit_jax.evaluation.selection_rule import COLUMNS, report_by_test, select_candidates, solve_report, vote

__all__ = [
    "COLUMNS",
    "ROWS",
    "Candidate",
    "SolvedTask",
    "counts_by_task",
    "report_by_test",
    "select_candidates",
    "solve_report",
    "solved_rows",
    "solved_tasks",
    "vote",
]
