"""Exact tests of reading task JSON: what is wrong with a file is told in one line that names the place."""

import json
import os

import pytest

from codeit_jax.arc import load_tasks, task_files
from codeit_jax.arc.task_files import parse_task, read_task_json
from codeit_jax.config.errors import UserError


def pair(grid=((1, 2),), output=((3,),)):
    return {"input": [list(row) for row in grid], "output": [list(row) for row in output]}


def task(train=None, test=None):
    return {"train": [pair()] if train is None else train, "test": [pair()] if test is None else test}


def write(path, content):
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def error_line(source):
    """Return the error that loading ends with, after checking that it is one line."""
    with pytest.raises(UserError) as caught:
        load_tasks(str(source))
    line = str(caught.value)
    assert line.splitlines() == [line]
    assert line.startswith(f"{source}: ")
    return line.removeprefix(f"{source}: ")


def cell(value):
    return task(train=[pair(), pair(output=((0, 0), (0, value)))])


def size(height, width):
    return task(test=[pair(grid=[[0] * width] * height)])


NOT_JSON = [
    ("", "not a JSON file (Expecting value: line 1 column 1 (char 0))"),
    ("hello", "not a JSON file (Expecting value"),
    (json.dumps(task())[:-9], "not a JSON file (Expecting"),
    ('{"train": [], "test": [],}', "not a JSON file ("),
    (b'{"train": "\xff"}', "not a JSON file ('utf-8' codec can't decode byte 0xff"),
    ("[" * 100_000, "not a JSON file (maximum recursion depth"),
    ("9" * 5000, "not a JSON file (Exceeds the limit"),
    ('{"train": 1, "test": 2, "train": 3}', "not a JSON file (the key 'train' is given twice, expected unique keys)"),
    ('{"train": [{"input": [[1]], "input": [[2]]}]}', "not a JSON file (the key 'input' is given twice, expected"),
]
NO_TASK = [
    (5, "task 't' is a number, expected an object with the keys train and test"),
    ([], "task 't' is an empty list, expected an object"),
    (None, "task 't' is null, expected an object"),
    ({}, "task 't' has no keys, expected the keys train and test"),
    ({"train": [pair()]}, "task 't' has 'train', expected the keys train and test"),
    ({"test": [pair()], "name": "t"}, "task 't' has 'name', 'test', expected the keys train and test"),
    ({"tests": [], "training": []}, "task 'tests' is an empty list, expected an object with the keys train and test"),
    ({"a": task(), "b\nc": 3}, "task 'b\\nc' is a number, expected an object"),
    ({"a": task(), "b": {"x\u2028y": 1}}, "task 'b' has 'x\\u2028y', expected the keys train and test"),
    (task(train=[]), "task 't', train: an empty list, expected a list of at least one pair of grids"),
    (task(test=[]), "task 't', test: an empty list, expected a list of at least one pair"),
    (task(train={}), "task 't', train: an object, expected a list"),
    (task(train=[pair(), "x"]), "task 't', train[1]: a string, expected an object with the keys input and output"),
    (task(test=[{"input": [[1]]}]), "task 't', test[0]: no output, expected the keys input and output"),
    (task(train=[{"output": [[1]]}]), "task 't', train[0]: no input, expected the keys input and output"),
    (task(train=[{"input": None, "output": [[1]]}]), "task 't', train[0].input: null, expected a list of rows"),
    (task(train=[{"input": [1, 2], "output": [[1]]}]), "task 't', train[0].input: a list, expected a list of rows"),
]
BAD_GRIDS = [
    (task(train=[pair(output=((1, 2), (3,)))]), "train[0].output: row 1 has 1 cells, expected 2 as in row 0"),
    (task(train=[pair(output=((1,), (2, 3)))]), "train[0].output: row 1 has 2 cells, expected 1 as in row 0"),
    (size(0, 0), "test[0].input: 0x0, expected 1x1 to 30x30"),
    (size(3, 0), "test[0].input: 3x0, expected 1x1 to 30x30"),
    (size(31, 31), "test[0].input: 31x31, expected 1x1 to 30x30"),
    (size(1, 31), "test[0].input: 1x31, expected 1x1 to 30x30"),
    (size(31, 1), "test[0].input: 31x1, expected 1x1 to 30x30"),
    *(
        (cell(value), f"train[1].output: row 1 has the cell {json.dumps(value)[:20]}, expected a color 0 to 9")
        for value in (10, -1, 1.5, 1.0, "3", True, False, None, [1], float("nan"), 10**400)
    ),
]


@pytest.mark.parametrize(("content", "message"), NOT_JSON + NO_TASK)
def test_a_file_that_is_no_task_is_told_in_one_line(tmp_path, content, message):
    assert error_line(write(tmp_path / "t.json", content)).startswith(message)


@pytest.mark.parametrize(("content", "message"), BAD_GRIDS)
def test_a_grid_that_is_none_is_told_with_its_place(tmp_path, content, message):
    assert error_line(write(tmp_path / "t.json", content)) == f"task 't', {message}"


@pytest.mark.parametrize(("height", "width"), [(1, 1), (30, 30), (1, 30), (30, 1)])
def test_the_smallest_and_largest_grids_are_read_as_written(height, width):
    grid = [[(row + column) % 10 for column in range(width)] for row in range(height)]
    parsed = parse_task(task(train=[pair(grid=grid, output=grid)]), task_id="t", where="here")
    assert parsed.demonstrations[0].input == tuple(map(tuple, grid))
    assert parsed.demonstrations[0].output == parsed.demonstrations[0].input
    assert parsed.inputs == parsed.demonstration_inputs + parsed.test_inputs
    assert (parsed.id, parsed.test_inputs, parsed.tests[0].output) == ("t", (((1, 2),),), ((3,),))


def test_further_keys_are_ignored():
    raw = {**task(), "name": "x", "arc-dsl": [1]}
    assert parse_task(raw, task_id="t", where="here") == parse_task(task(), task_id="t", where="here")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_byte_order_marks_and_wide_characters_are_read(tmp_path, encoding):
    path = write(tmp_path / "t.json", json.dumps(task()).encode(encoding))
    assert list(load_tasks(str(path))) == [parse_task(task(), task_id="t", where="here")]


def test_a_file_larger_than_the_limit_is_not_read(tmp_path, monkeypatch):
    path = write(tmp_path / "t.json", task())
    length = path.stat().st_size
    monkeypatch.setattr(task_files, "MAX_FILE_BYTES", length)
    assert len(load_tasks(str(path))) == 1
    monkeypatch.setattr(task_files, "MAX_FILE_BYTES", length - 1)
    assert error_line(path) == f"the file has {length} bytes, expected at most {length - 1}"


def test_a_huge_sparse_file_is_refused_unread(tmp_path):
    path = tmp_path / "t.json"
    with open(path, "wb") as file:
        file.truncate(2 << 30)
    assert error_line(path) == f"the file has {2 << 30} bytes, expected at most {task_files.MAX_FILE_BYTES}"


def test_a_path_that_is_no_file_is_told(tmp_path):
    with pytest.raises(UserError, match=r"none\.json: no such file$"):
        read_task_json(tmp_path / "none.json")
    with pytest.raises(UserError, match=r"not a regular file$"):
        read_task_json(tmp_path)
    os.mkfifo(tmp_path / "pipe.json")
    for source in (tmp_path / "pipe.json", "/dev/zero"):
        assert error_line(source) == "not a regular file"
    with pytest.raises(UserError, match=r"pipe\.json: not a regular file$"):
        load_tasks(str(tmp_path))
