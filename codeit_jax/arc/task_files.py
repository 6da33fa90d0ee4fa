"""Checked reading of task JSON: whatever is wrong with a file is one line that names the place."""

import json
from pathlib import Path

from codeit_jax.arc.task import MAX_SIDE, NUM_COLORS, UNKNOWN_OUTPUT, Example, Grid, Task
from codeit_jax.config.errors import UserError, shown
from codeit_jax.config.input_files import read_json

MAX_FILE_BYTES = 64 << 20
"""The largest file that is read; a published collection has about 4 MB."""


def read_tasks(path: Path, *, scored: bool) -> list[Task]:
    """Read a JSON file with one task, or with an object of tasks by id.

    Kaggle publishes the latter in two files: the outputs of the tests in `*challenges.json` are in `*solutions.json`
    beside it, and are read from there if that file is there.

    Args:
        path: the file.
        scored: whether every test must have an output; else `UNKNOWN_OUTPUT` stands for one that is left out.

    Raises:
        UserError: the file can't be read, or something in it is malformed.
    """
    raw = read_task_json(path)
    solutions = _partner(path, "challenges", "solutions")
    # One of the two keys is enough to mean a task: then what is missing is said of a task, not of a set.
    if not isinstance(raw, dict) or not raw or {"train", "test"} & set(raw):
        raw = {path.stem: raw}
    elif all(isinstance(value, list) and value for value in raw.values()):
        raise UserError(f"{path}: test outputs only, expected tasks, e.g. the file of challenges that belongs to it")
    elif solutions is not None and solutions.exists():
        raw = _with_outputs(raw, read_task_json(solutions), where=str(solutions))
    tasks = [parse_task(task, task_id=task_id, where=str(path)) for task_id, task in raw.items()]
    for task in tasks if scored else ():
        if not task.has_outputs:
            index = [example.output for example in task.tests].index(UNKNOWN_OUTPUT)
            hint = f", or outputs in {solutions.name} beside the file" if solutions else ""
            place = f"{path}: task {shown(task.id)}, test[{index}]"
            raise UserError(f"{place}: no output, expected the keys input and output{hint}")
    return tasks


def is_solutions_file(path: Path) -> bool:
    """Return whether a file is the second one of a pair of Kaggle's, and so is read with the first."""
    challenges = _partner(path, "solutions", "challenges")
    return challenges is not None and challenges.exists()


def read_task_json(path: Path) -> object:
    """Read a JSON file of tasks; see `read_json`."""
    return read_json(path, max_bytes=MAX_FILE_BYTES, pairs_hook=_unique_keys)


def parse_task(raw: object, *, task_id: str, where: str) -> Task:
    """Return one decoded task as a `Task`, after checking it.

    Args:
        raw: `{"train": [{"input": grid, "output": grid}, ...], "test": [...]}`; tests may lack outputs.
        task_id: id of the new task.
        where: what to name in an error, usually the file.

    Raises:
        UserError: a key is missing, a grid is ragged, too small or too large, or a cell is not a color 0..9.
    """
    name = f"{where}: task {shown(task_id)}"
    if not isinstance(raw, dict):
        raise UserError(f"{name} is {_kind(raw)}, expected an object with the keys train and test")
    # Further keys are allowed: collections add names, comments or ids of their own.
    if not {"train", "test"} <= raw.keys():
        found = ", ".join(map(shown, sorted(raw)[:5])) or "no keys"
        raise UserError(f"{name} has {found}, expected the keys train and test")
    return Task(
        id=task_id,
        demonstrations=_parse_examples(raw["train"], f"{name}, train"),
        tests=_parse_examples(raw["test"], f"{name}, test", default=UNKNOWN_OUTPUT),
    )


def _partner(path: Path, own: str, other: str) -> Path | None:
    """Return the path of the other file of Kaggle's pair; None if the name isn't that of such a file."""
    ending = f"{own}.json"
    return path.with_name(path.name.removesuffix(ending) + f"{other}.json") if path.name.endswith(ending) else None


def _with_outputs(tasks: dict[str, object], outputs: object, *, where: str) -> dict[str, object]:
    """Add outputs, a list for each task id, to the tests of decoded tasks; malformed tasks are left to `parse_task`."""
    if not isinstance(outputs, dict):
        raise UserError(f"{where}: {_kind(outputs)}, expected an object of lists of outputs by task id")
    filled = dict(tasks)
    for task_id, task in tasks.items():
        tests = task.get("test") if isinstance(task, dict) else None
        if not isinstance(task, dict) or not isinstance(tests, list) or not all(isinstance(t, dict) for t in tests):
            continue
        grids = outputs.get(task_id)
        if not isinstance(grids, list) or len(grids) != len(tests):
            found = "nothing" if grids is None else len(grids) if isinstance(grids, list) else _kind(grids)
            raise UserError(f"{where}: task {shown(task_id)} has {found}, expected a list of {len(tests)} outputs")
        filled[task_id] = task | {"test": [{"output": g} | test for g, test in zip(grids, tests, strict=True)]}
    return filled


def _parse_examples(raw: object, where: str, *, default: Grid | None = None) -> tuple[Example, ...]:
    """Parse pairs; an output that is left out is an error, unless there is a default for it."""
    if not isinstance(raw, list) or not raw:
        raise UserError(f"{where}: {_kind(raw)}, expected a list of at least one pair of grids")
    return tuple(_parse_example(pair, f"{where}[{index}]", default) for index, pair in enumerate(raw))


def _parse_example(raw: object, where: str, default: Grid | None) -> Example:
    if not isinstance(raw, dict):
        raise UserError(f"{where}: {_kind(raw)}, expected an object with the keys input and output")
    for key in ("input",) if default is not None else ("input", "output"):
        if key not in raw:
            raise UserError(f"{where}: no {key}, expected the keys input and output")
    grids = {key: _parse_grid(raw[key], f"{where}.{key}") for key in ("input", "output") if key in raw}
    return Example(grids["input"], grids.get("output", default or UNKNOWN_OUTPUT))


def _parse_grid(raw: object, where: str) -> Grid:
    if not isinstance(raw, list) or not all(isinstance(row, list) for row in raw):
        raise UserError(f"{where}: {_kind(raw)}, expected a list of rows")
    height, width = len(raw), len(raw[0]) if raw else 0
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        raise UserError(f"{where}: {height}x{width}, expected 1x1 to {MAX_SIDE}x{MAX_SIDE}")
    # Row by row, so that the message names the first place that is wrong.
    for number, row in enumerate(raw):
        if len(row) != width:
            raise UserError(f"{where}: row {number} has {len(row)} cells, expected {width} as in row 0")
        for cell in row:
            # `isinstance` would let `true` pass for 1.
            if type(cell) is not int or not 0 <= cell < NUM_COLORS:
                raise UserError(f"{where}: row {number} has the cell {_cell(cell)}, expected a color 0 to 9")
    return tuple(map(tuple, raw))


def _cell(raw: object) -> str:
    try:
        return json.dumps(raw)[:20]
    except RecursionError:  # the decoder goes deeper than the encoder
        return _kind(raw)


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return the object of these pairs; refuse a repeated key, of which `json` would silently keep the last."""
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {shown(repeated)} is given twice, expected unique keys")
    return result


def _kind(raw: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    # What a list of nothing lacks isn't its type.
    return "an empty list" if raw == [] else names.get(type(raw), "a number")
