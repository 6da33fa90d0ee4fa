"""Finding one task: by its id, in a file of its own, or as `SOURCE/ID`."""

import os
from collections.abc import Sequence

from codeit_jax.arc.sources import load_tasks
from codeit_jax.arc.task import Task
from codeit_jax.config.errors import UserError, shown

# ARC-1 first: most of its ids are in ARC-2, too, and an id in a paper about CodeIt means the task of ARC-1.
PUBLISHED_SOURCES = ("arc1/evaluation", "arc1/training", "arc2/evaluation", "arc2/training")
"""Where an id is looked up after the caller's sources."""


def find_task(name: str, sources: Sequence[str]) -> Task:
    """Return the task that a name means; its tests may lack outputs.

    Args:
        name: a task id, the path of a file with one task, or any source of one task, e.g. `arc2/evaluation/ID`.
        sources: where to look for an id, before the published sets; the first that has it counts.

    Raises:
        UserError: no such task, or a malformed file.
    """
    path = os.path.expanduser(name)
    # A file wins over an id: whoever has a file of that name here means it. Ids have no slash.
    if "/" in name or (os.path.exists(path) and not os.path.isdir(path)):
        tasks = load_tasks(name, scored=False)
        if len(tasks) != 1:
            raise UserError(f"{name}: {len(tasks)} tasks, expected one; add its id, as in {name}/{tasks[0].id}")
        return tasks[0]
    tried = list(dict.fromkeys([*sources, *PUBLISHED_SOURCES]))
    # The caller's sources first: an id may be in several, and a run's own is the one that is meant.
    for source in tried:
        tasks = load_tasks(source, scored=False)
        if name in tasks:
            return tasks[name]
    expected = f"a JSON file, SOURCE/ID, or the id of a task in {', '.join(tried)}"
    raise UserError(f"task {shown(name)} not found; expected {expected}")
