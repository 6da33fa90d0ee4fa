"""Finding one task by its id, or in a file of its own."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from codeit_jax.arc.sources import load_tasks
from codeit_jax.arc.task import Example, Grid, Task
from codeit_jax.arc.task_files import parse_task, read_json
from codeit_jax.config.errors import UserError

PUBLISHED = ("arc1/evaluation", "arc1/training", "arc2/evaluation", "arc2/training")
UNKNOWN_OUTPUT: Grid = ()
"""Stands for the output of a test that nobody has solved yet; no program's output equals it."""


def find_task(name: str, sources: Sequence[str]) -> Task:
    """Return the task of that id in the first source that has it, or the task in a JSON file.

    Args:
        name: a task id, or the path of a file with one task; its tests may lack outputs.
        sources: where to look, before the published sets.

    Raises:
        UserError: no such task, or a malformed file.
    """
    if os.path.isfile(os.path.expanduser(name)):
        return _read_task(Path(name).expanduser())
    tried = list(dict.fromkeys([*sources, *PUBLISHED]))
    for source in tried:
        tasks = load_tasks(source)
        if name in tasks:
            return tasks[name]
    raise UserError(f"task {name[:80]!r} not found; expected a JSON file, or the id of a task in {', '.join(tried)}")


def has_outputs(task: Task) -> bool:
    """Tell whether the outputs of all tests are known, so that a program can be scored on them."""
    return all(example.output != UNKNOWN_OUTPUT for example in task.tests)


def _read_task(path: Path) -> Task:
    raw = read_json(path)
    tests = raw.get("test") if isinstance(raw, dict) else None
    if not isinstance(raw, dict) or not isinstance(tests, list) or not all(isinstance(pair, dict) for pair in tests):
        return parse_task(raw, task_id=path.stem, where=str(path))
    # The input fills in for an output that isn't there, so that everything else is checked as ever.
    filled = [{"output": pair.get("input"), **pair} for pair in tests]
    task = parse_task({**raw, "test": filled}, task_id=path.stem, where=str(path))
    examples = zip(task.tests, tests, strict=True)
    known = (e if "output" in pair else Example(e.input, UNKNOWN_OUTPUT) for e, pair in examples)
    return replace(task, tests=tuple(known))
