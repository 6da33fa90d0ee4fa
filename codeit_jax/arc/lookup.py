"""Finding one task by its id, or in a file of its own."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from codeit_jax.arc.sources import load_tasks
from codeit_jax.arc.task import Example, Grid, Task
from codeit_jax.arc.task_files import parse_task, read_json
from codeit_jax.config.errors import UserError

# ARC-1 first: most of its ids are in ARC-2, too, and an id in a paper about CodeIt means the task of ARC-1.
PUBLISHED_SOURCES = ("arc1/evaluation", "arc1/training", "arc2/evaluation", "arc2/training")
"""Where an id is looked up after the caller's sources."""

# The empty tuple, because a program's output has at least one cell: comparing with it can only say "not reproduced".
UNKNOWN_OUTPUT: Grid = ()
"""Stands for the output of a test that the file leaves out; no program's output equals it."""


def find_task(name: str, sources: Sequence[str]) -> Task:
    """Return the task with that id from the first source that has it, or the task in a JSON file.

    Args:
        name: a task id, or the path of a file with one task; its tests may lack outputs.
        sources: where to look, before the published sets.

    Raises:
        UserError: no such task, or a malformed file.
    """
    # A file wins over an id: whoever has a file of that name here means it.
    if os.path.isfile(os.path.expanduser(name)):
        return _read_task(Path(name).expanduser())
    tried = list(dict.fromkeys([*sources, *PUBLISHED_SOURCES]))
    # The caller's sources first: an id may be in several, and a run's own is the one that is meant.
    for source in tried:
        tasks = load_tasks(source)
        if name in tasks:
            return tasks[name]
    raise UserError(f"task {name[:80]!r} not found; expected a JSON file, or the id of a task in {', '.join(tried)}")


def has_outputs(task: Task) -> bool:
    """Return whether the outputs of all tests are known, so that a program can be scored on them."""
    return all(example.output != UNKNOWN_OUTPUT for example in task.tests)


def _read_task(path: Path) -> Task:
    raw = read_json(path)
    tests = raw.get("test") if isinstance(raw, dict) else None
    if not isinstance(raw, dict) or not isinstance(tests, list) or not all(isinstance(pair, dict) for pair in tests):
        # Malformed: parse_task says how.
        return parse_task(raw, task_id=path.stem, where=str(path))
    # The input, a valid grid or an error of its own, fills in for a missing output, so parse_task checks all the rest.
    filled = [{"output": pair.get("input"), **pair} for pair in tests]
    task = parse_task({**raw, "test": filled}, task_id=path.stem, where=str(path))
    examples = zip(task.tests, tests, strict=True)
    known = (e if "output" in pair else Example(e.input, UNKNOWN_OUTPUT) for e, pair in examples)
    return replace(task, tests=tuple(known))
