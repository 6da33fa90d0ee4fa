"""Exact tests of `export-solutions`: every row says what its program does; both kinds of file hold the same rows."""

import importlib.util
import json

import pytest

import interpreter
from codeit_jax.arc import load_tasks
from codeit_jax.cli import main
from codeit_jax.laboratory import solution_rows

COLUMNS = {
    *("task_id", "code", "correct_train_input", "correct_test_input", "predicted_train_output"),
    *("predicted_test_output", "model", "step", "origin", "copy_of"),
}


def exported(run, file, *more):
    assert main(["export-solutions", str(run), str(file), *more]) == 0
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_every_row_says_what_its_program_does(runs, tasks, tmp_path, capsys):
    rows = exported(runs / "full-0", tmp_path / "rows.jsonl", "--json")
    assert json.loads(capsys.readouterr().out) == {
        "file": str(tmp_path / "rows.jsonl"),
        "rows": len(rows),
        "kind": "programs",
    }
    found = [json.loads(line) for line in (runs / "full-0/solutions.jsonl").read_text().splitlines()]
    assert [(row["task_id"], row["code"], row["step"], row["origin"]) for row in rows] == [
        (row["task_id"], row["program"], row["iteration"], row["origin"]) for row in found
    ]
    for row in rows:
        assert row.keys() == COLUMNS
        task = load_tasks(str(tasks))[row["task_id"]]
        outputs = [interpreter.run(interpreter.parse(row["code"]), grid).grid for grid in task.inputs]
        grids = [*row["predicted_train_output"], *row["predicted_test_output"]]
        assert grids == json.loads(json.dumps(outputs))
        wanted = [example.output for example in (*task.demonstrations, *task.tests)]
        right = [output == want for output, want in zip(outputs, wanted, strict=True)]
        assert [*row["correct_train_input"], *row["correct_test_input"]] == right


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None, reason="needs pyarrow, extra `parquet`")
def test_parquet_holds_the_same_rows(runs, tmp_path):
    from pyarrow import parquet

    rows = exported(runs / "full-0", tmp_path / "rows.jsonl")
    assert main(["export-solutions", str(runs / "full-0"), str(tmp_path / "rows.parquet")]) == 0
    assert parquet.read_table(tmp_path / "rows.parquet").to_pylist() == rows


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rows.csv", "ends in '.csv', expected one of .jsonl, .parquet"),
        ("rows", "ends in 'no suffix', expected"),
        ("missing/rows.jsonl", "is in no folder, expected a new file in a folder that exists"),
        ("there.jsonl", "is there already, expected a new file"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_before_anything_runs(runs, tmp_path, capsys, name, message):
    (tmp_path / "there.jsonl").touch()
    assert main(["export-solutions", str(runs / "full-0"), str(tmp_path / name)]) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["there.jsonl"]


def test_without_pyarrow_a_line_says_what_is_missing(runs, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(solution_rows.importlib.util, "find_spec", lambda name: None)
    assert main(["export-solutions", str(runs / "full-0"), str(tmp_path / "rows.parquet")]) == 2
    assert "pip install 'codeit_jax[parquet]', or a .jsonl file" in capsys.readouterr().err


def test_a_job_that_fails_leaves_no_file(runs, tmp_path, capsys):
    with pytest.raises(ZeroDivisionError):
        solution_rows.row_writer(tmp_path / "rows.jsonl")({"a": 1 / number} for number in (1, 0))
    assert list(tmp_path.iterdir()) == []
