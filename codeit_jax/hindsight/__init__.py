"""From executed programs to experiences: hindsight relabeling, priorities, candidate solutions."""

from codeit_jax.hindsight.executions import Execution, PendingExecutions, execute, submit_programs
from codeit_jax.hindsight.experience import BEFORE_TRAINING, Experience, Origin
from codeit_jax.hindsight.relabel import demonstration_performance, relabel, relabel_all, solved_demonstrations

__all__ = [
    "BEFORE_TRAINING",
    "Execution",
    "Experience",
    "Origin",
    "PendingExecutions",
    "demonstration_performance",
    "execute",
    "relabel",
    "relabel_all",
    "solved_demonstrations",
    "submit_programs",
]
