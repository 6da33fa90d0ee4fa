"""A run's programs as rows of a data set for others, and such rows as files."""

import importlib.util
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from codeit_jax.config.errors import StorageError, UserError, first_line
from codeit_jax.config.interpreter_limits import limits_from_config
from codeit_jax.config.schema import Config, InterpreterConfig
from codeit_jax.laboratory.run_record import RunRecord
from interpreter import InterpreterPool, Job

Row = dict[str, Any]

SUFFIXES = (".jsonl", ".parquet")

_BLOCK = 1000  # rows that are run, and written, at once


def solution_rows(run: RunRecord, num_workers: int) -> Iterator[Row]:
    """Yield a row for each program that reproduces a demonstration of its task.

    Args:
        run: whose programs.
        num_workers: processes that run them again, for their grids.

    Yields:
        `task_id`, `code`, `correct_train_input` and `correct_test_input` (a boolean for each pair),
        `predicted_train_output` and `predicted_test_output` (a grid for each pair, None where there is none), `model`,
        `step` (meta-iteration, -1 before the first), `origin`, `copy_of`.
    """
    model = model_name(run.config)
    settings = run.config.interpreter if run.config else InterpreterConfig()
    candidates = (found for found in run.candidates if found.task_id in run.tasks)
    # With the run's limits, or a program could fail here that didn't there.
    with InterpreterPool(num_workers, limits_from_config(settings)) as pool:
        while block := list(islice(candidates, _BLOCK)):
            jobs = [Job([found.program], run.tasks[found.task_id].inputs) for found in block]
            for found, [outcomes] in zip(block, pool.run(jobs), strict=True):
                grids = [outcome.grid for outcome in outcomes]
                shown = len(found.demonstrations)
                yield {
                    "task_id": found.task_id,
                    "code": found.program,
                    "correct_train_input": list(found.demonstrations),
                    "correct_test_input": list(found.tests),
                    "predicted_train_output": grids[:shown],
                    "predicted_test_output": grids[shown:],
                    "model": model,
                    "step": found.iteration,
                    "origin": found.origin,
                    "copy_of": found.copy_of,
                }


def model_name(config: Config | None) -> str:
    """Return what a row says of the policy: its weights, or its size; a `mutate` job has none."""
    if config is None:
        return "none"
    model = config.model
    if model.weights is not None:
        return Path(model.weights).name
    return f"T5 {model.num_encoder_layers}+{model.num_decoder_layers} layers of {model.d_model}, from scratch"


def row_writer(path: Path) -> Callable[[Iterable[Row]], int]:
    """Return what writes rows into a new file of the kind that its suffix says, and returns their number.

    Args:
        path: `.jsonl`, a JSON object a line; or `.parquet`, which takes the extra `parquet`. The file appears when it
            is whole.

    Raises:
        UserError: another suffix, a file that is there already, no such folder, or no pyarrow.
    """
    if path.suffix not in SUFFIXES:
        raise UserError(f"{path}: ends in {path.suffix or 'no suffix'!r}, expected one of {', '.join(SUFFIXES)}")
    if path.exists() or not path.parent.is_dir():
        found = "is there already" if path.exists() else "is in no folder"
        raise UserError(f"{path}: {found}, expected a new file in a folder that exists")
    if path.suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise UserError(f"{path}: Parquet needs pyarrow, expected pip install 'codeit_jax[parquet]', or a .jsonl file")
    write = _write_lines if path.suffix == ".jsonl" else _write_parquet

    def write_whole(rows: Iterable[Row]) -> int:
        unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            try:
                count = write(rows, unfinished)
                os.replace(unfinished, path)
            finally:
                unfinished.unlink(missing_ok=True)  # after an error, or Ctrl-C
        except OSError as error:
            raise StorageError(f"{path}: can't be written ({error.strerror or first_line(error)})") from None
        return count

    return write_whole


def _write_lines(rows: Iterable[Row], path: Path) -> int:
    count = 0
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")
            count += 1
    return count


def _write_parquet(rows: Iterable[Row], path: Path) -> int:
    from pyarrow import Table, parquet

    count, iterator = 0, iter(rows)
    block = list(islice(iterator, _BLOCK))
    schema = _parquet_schema(block[0] if block else {})
    with parquet.ParquetWriter(path, schema) as writer:
        while block:
            writer.write_table(Table.from_pylist(block, schema=schema))
            count += len(block)
            block = list(islice(iterator, _BLOCK))
    return count


def _parquet_schema(row: Mapping[str, Any]) -> Any:
    """Return the columns' types by their names: blocks in which all of a column is null must have the same."""
    import pyarrow as pa

    grids = pa.list_(pa.list_(pa.list_(pa.int8())))
    types = {"step": pa.int64(), "priority": pa.float32()}
    for name in row:
        if name.startswith("correct_"):
            types[name] = pa.list_(pa.bool_())
        elif name.endswith(("_output", "_input")):
            types[name] = grids
    return pa.schema([(name, types.get(name, pa.string())) for name in row])
