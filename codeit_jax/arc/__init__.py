"""ARC tasks: typed values and loading them from packages, folders and files."""

from codeit_jax.arc.sources import load_tasks
from codeit_jax.arc.task import MAX_SIDE, NUM_COLORS, UNKNOWN_OUTPUT, Example, Grid, Task, TaskSet, area, reproduced

__all__ = [
    "MAX_SIDE",
    "NUM_COLORS",
    "UNKNOWN_OUTPUT",
    "Example",
    "Grid",
    "Task",
    "TaskSet",
    "area",
    "load_tasks",
    "reproduced",
]
