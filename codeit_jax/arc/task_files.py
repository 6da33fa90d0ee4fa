"""Checked reading of task JSON: whatever is wrong with a file is one line that names the place."""

import json
from pathlib import Path

from codeit_jax.arc.task import MAX_SIDE, NUM_COLORS, Example, Grid, Task
from codeit_jax.config.errors import UserError, first_line

MAX_FILE_BYTES = 64 << 20
"""The largest file that is read; a published collection has about 4 MB."""


def read_json(path: Path) -> object:
    """Read a JSON file.

    Raises:
        UserError: the file is missing, unreadable, too large or not JSON.
    """
    try:
        # Before reading: a path given by mistake may be a checkpoint of gigabytes.
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise UserError(f"{path}: the file has {size} bytes, expected at most {MAX_FILE_BYTES}")
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_unique_keys)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror})") from None
    # Bad UTF-8 and bad JSON are ValueErrors; brackets nested some thousand deep exhaust the decoder's stack.
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a JSON file ({first_line(error)})") from None


def parse_task(raw: object, *, task_id: str, where: str) -> Task:
    """Return one decoded task as a `Task`, after checking it.

    Args:
        raw: `{"train": [{"input": grid, "output": grid}, ...], "test": [...]}`.
        task_id: id of the new task.
        where: what to name in an error, usually the file.

    Raises:
        UserError: a key is missing, a grid is ragged, too small or too large, or a cell is not a color 0..9.
    """
    name = f"{where}: task {task_id!r}"
    if not isinstance(raw, dict):
        raise UserError(f"{name} is {_kind(raw)}, expected an object with the keys train and test")
    # Further keys are allowed: collections add names, comments or ids of their own.
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
    # Row by row, so that the message names the first place that is wrong.
    for number, row in enumerate(raw):
        if len(row) != width:
            raise UserError(f"{where}: row {number} has {len(row)} cells, expected {width} as in row 0")
        for cell in row:
            # `isinstance` would let `true` pass for 1.
            if type(cell) is not int or not 0 <= cell < NUM_COLORS:
                raise UserError(f"{where}: row {number} has the cell {json.dumps(cell)[:20]}, expected a color 0 to 9")
    return tuple(map(tuple, raw))


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return the object of these pairs; refuse a repeated key, of which `json` would silently keep the last."""
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {repeated!r} is given twice, expected unique keys")
    return result


def _kind(raw: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    # What a list of nothing lacks isn't its type.
    return "an empty list" if raw == [] else names.get(type(raw), "a number")
