"""From executed programs to experiences: hindsight relabeling, priorities, candidate solutions."""

from codeit_jax.hindsight.execution import Execution, PendingExecutions, execute, submit_programs
from codeit_jax.hindsight.experience import Experience, Origin
from codeit_jax.hindsight.relabel import demonstration_performance, relabel, solved_demonstrations

__all__ = [
    "Execution",
    "Experience",
    "Origin",
    "PendingExecutions",
    "demonstration_performance",
    "execute",
    "relabel",
    "solved_demonstrations",
    "submit_programs",
]
