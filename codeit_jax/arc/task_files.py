"""Checked reading of task JSON: everything wrong with a file is said in one line that names the place."""

import json
from pathlib import Path

from codeit_jax.arc.task import Example, Grid, Task
from codeit_jax.config.errors import UserError

MAX_SIDE = 30
MAX_FILE_BYTES = 64 << 20


def read_json(path: Path) -> object:
    """Read a JSON file.

    Raises:
        UserError: the file is missing, unreadable, too large or not JSON.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise UserError(f"{path}: the file has {size} bytes, expected at most {MAX_FILE_BYTES}")
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_unique_keys)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a JSON file ({str(error).splitlines()[0]})") from None


def parse_task(raw: object, *, task_id: str, where: str) -> Task:
    """Check one decoded task and make it a `Task`.

    Args:
        raw: `{"train": [{"input": grid, "output": grid}, ...], "test": [...]}`.
        task_id: id of the new task.
        where: what to name in an error, usually the file.

    Raises:
        UserError: a key is missing, a grid is ragged, too small or too large, or a cell is no colour 0..9.
    """
    name = f"{where}: task {task_id!r}"
    if not isinstance(raw, dict):
        raise UserError(f"{name} is {_kind(raw)}, expected an object with the keys train and test")
    if not {"train", "test"} <= raw.keys():
        found = ", ".join(map(repr, sorted(raw)[:5])) or "no keys"
        raise UserError(f"{name} has {found}, expected the keys train and test")
    return Task(
        id=task_id,
        demonstrations=_parse_examples(raw["train"], f"{name}, train"),
        tests=_parse_examples(raw["test"], f"{name}, test"),
    )


def _parse_examples(raw: object, where: str) -> tuple[Example, ...]:
    if not isinstance(raw, list) or not raw:
        raise UserError(f"{where}: {_kind(raw)}, expected a list of at least one pair of grids")
    return tuple(_parse_example(pair, f"{where}[{index}]") for index, pair in enumerate(raw))


def _parse_example(raw: object, where: str) -> Example:
    if not isinstance(raw, dict):
        raise UserError(f"{where}: {_kind(raw)}, expected an object with the keys input and output")
    for key in ("input", "output"):
        if key not in raw:
            raise UserError(f"{where}: no {key}, expected the keys input and output")
    grids = {key: _parse_grid(raw[key], f"{where}.{key}") for key in ("input", "output")}
    return Example(**grids)


def _parse_grid(raw: object, where: str) -> Grid:
    if not isinstance(raw, list) or not all(isinstance(row, list) for row in raw):
        raise UserError(f"{where}: {_kind(raw)}, expected a list of rows")
    height, width = len(raw), len(raw[0]) if raw else 0
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        raise UserError(f"{where}: {height}x{width}, expected 1x1 to {MAX_SIDE}x{MAX_SIDE}")
    for number, row in enumerate(raw):
        if len(row) != width:
            raise UserError(f"{where}: row {number} has {len(row)} cells, expected {width} as in row 0")
        for cell in row:
            if type(cell) is not int or not 0 <= cell <= 9:
                raise UserError(f"{where}: row {number} has the cell {json.dumps(cell)[:20]}, expected a colour 0 to 9")
    return tuple(map(tuple, raw))


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Build an object, refusing a key given twice: JSON would keep the last one silently."""
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {repeated!r} is given twice, expected unique keys")
    return result


def _kind(raw: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return "an empty list" if raw == [] else names.get(type(raw), "a number")
