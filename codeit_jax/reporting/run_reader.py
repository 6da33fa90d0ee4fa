"""What can be read of a run directory without JAX, without its lock, and while the run continues."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from codeit_jax.arc import Task
from codeit_jax.config.errors import StorageError, UserError
from codeit_jax.config.input_files import read_bytes, read_json
from codeit_jax.config.loading import load_config
from codeit_jax.config.schema import Config
from codeit_jax.evaluation import Candidate
from codeit_jax.storage.run_directory import check_kind

_MAX_LINE_FILE_BYTES = 4 << 30
_MAX_OBJECT_BYTES = 64 << 20


def read_run_config(run: Path) -> Config:
    """Read a run's configuration.

    Raises:
        UserError: not the directory of a training run of this format, or its configuration is damaged.
    """
    file = run.expanduser() / "config.yaml"
    if not file.is_file():
        raise UserError(f"{run}: found no config.yaml, expected the directory of a run")
    check_kind(run.expanduser(), "train")
    # An empty file would mean all defaults, and be taken for a run on other tasks.
    if not read_bytes(file, max_bytes=_MAX_OBJECT_BYTES).strip():
        raise UserError(f"{file}: empty, expected the configuration of a run")
    return load_config([file])


def read_solutions(run: Path) -> list[Candidate]:
    """Read the programs that a run found so far.

    Raises:
        StorageError: a line is damaged.
    """
    path = run.expanduser() / "solutions.jsonl"
    solutions = []
    for number, row in read_lines(path):
        try:
            solutions.append(Candidate.from_row(row))
        except (KeyError, TypeError):
            raise StorageError(f"{path}:{number}: not a found program, expected its task, text and results") from None
    return solutions


def read_sampled_solutions(run: Path) -> dict[int, list[Candidate]]:
    """Read which of the programs found the policy sampled in each meta-iteration, new ones and old ones.

    Raises:
        StorageError: a line is damaged.
    """
    path = run.expanduser() / "sampled_solutions.jsonl"
    # Before the solutions: a run writes these first, so all that is named here is there.
    rows = list(read_lines(path))
    solutions = read_solutions(run)
    sampled = {}
    for number, row in rows:
        try:
            places = row["solutions"]
            if type(row["iteration"]) is not int or not all(type(place) is int and place >= 0 for place in places):
                raise TypeError("not numbers of lines")
            sampled[row["iteration"]] = [solutions[place] for place in places]
        except (KeyError, TypeError, IndexError):
            raise StorageError(
                f"{path}:{number}: not what a meta-iteration sampled, expected lines of solutions.jsonl"
            ) from None
    return sampled


def read_summary(run: Path) -> dict[str, Any]:
    """Read a run's summary.json; empty if the run isn't finished.

    Raises:
        StorageError: it is damaged.
    """
    path = run.expanduser() / "summary.json"
    return read_object(path) if path.exists() else {}


def read_object(path: Path) -> dict[str, Any]:
    """Read a file of one JSON object.

    Raises:
        StorageError: it can't be read, or holds something else.
    """
    try:
        content = read_json(path, max_bytes=_MAX_OBJECT_BYTES)
    except UserError:
        content = None
    if not isinstance(content, dict):
        raise StorageError(f"{path}: damaged, expected one JSON object")
    return content


def check_same_task(candidate: Candidate, task: Task) -> None:
    """Raise UserError if a program was found for another task of that id: the tasks' data changed since."""
    found = (len(task.demonstrations), len(task.tests))
    expected = (len(candidate.demonstrations), len(candidate.tests))
    if found != expected:
        raise UserError(
            f"task {task.id!r} has {found[0]} demonstrations and {found[1]} tests, expected {expected[0]} and "
            f"{expected[1]} as in the run: its data changed since"
        )


def read_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield number and value of every line of a line file; a last line that is still being written is left out.

    Raises:
        StorageError: the file can't be read, or a line is damaged.
    """
    if not os.path.lexists(path):
        return
    try:
        lines = read_bytes(path, max_bytes=_MAX_LINE_FILE_BYTES).split(b"\n")
    except UserError as error:
        raise StorageError(str(error)) from None
    for number, line in enumerate(lines[:-1], start=1):
        try:
            yield number, json.loads(line)
        except (ValueError, RecursionError):
            raise StorageError(f"{path}:{number}: damaged, expected one JSON object a line") from None
