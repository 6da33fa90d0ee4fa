"""Exact and fault tests of line files: what is written is read, a checkpoint's cut, damage, a disk that fails."""

import hashlib
import os

import pytest

from codeit_jax.config.errors import StorageError
from codeit_jax.storage.line_files import LINE_FILES, LineFiles, Mark, prefix_mark

LINE = b'{"n": 1}\n'


@pytest.fixture
def lines(tmp_path):
    return LineFiles(tmp_path)


def mark_of(content):
    return Mark(len(content), hashlib.sha256(content).hexdigest())


def test_files_are_cut_back_to_a_checkpoint(lines, tmp_path):
    lines.cut({}, print)
    for name in LINE_FILES:
        lines.append(name, [{"n": 1}, {"n": 2}])
    marks = lines.marks()
    assert marks == {name: mark_of(LINE + b'{"n": 2}\n') for name in LINE_FILES}
    lines.append(LINE_FILES[0], [{"n": 3}])
    with open(tmp_path / LINE_FILES[1], "a") as file:
        file.write('{"n": 3, "to')
    said = []
    LineFiles(tmp_path).cut(marks, said.append)
    dropped = "bytes that were written after the checkpoint are dropped"
    assert said == [f"{LINE_FILES[0]}: 9 {dropped}", f"{LINE_FILES[1]}: 12 {dropped}"]
    for name in LINE_FILES:
        assert list(lines.read(name)) == [{"n": 1}, {"n": 2}]
        assert prefix_mark(tmp_path / name, 99) == marks[name]


def test_marks_go_on_from_a_cut_and_from_what_is_there(lines, tmp_path):
    lines.append("solutions.jsonl", [{"n": 1}])
    assert lines.marks()["solutions.jsonl"] == mark_of(LINE)
    again = LineFiles(tmp_path)
    again.cut({"solutions.jsonl": mark_of(LINE)}, print)
    again.append("solutions.jsonl", [{"n": 1}])
    assert again.marks()["solutions.jsonl"] == mark_of(LINE * 2)


def test_without_a_checkpoint_files_start_empty(lines):
    lines.append(LINE_FILES[0], [{"n": 1}])
    lines.cut({}, print)
    assert list(lines.read(LINE_FILES[0])) == []
    assert lines.marks() == dict.fromkeys(LINE_FILES, mark_of(b""))


def test_what_something_else_adds_is_found_at_the_next_mark(lines, tmp_path):
    lines.cut({}, print)
    (tmp_path / "metrics.jsonl").write_bytes(LINE)
    with pytest.raises(StorageError, match=r"metrics.jsonl: 9 bytes, expected the 0 of this run"):
        lines.marks()


@pytest.mark.parametrize("damage", [b"{]\n", b'{"n": \xff}\n', b"\n", b"[]\n", b"[" * 100_000 + b"\n"])
def test_a_damaged_line_is_a_storage_error_that_names_it(lines, tmp_path, damage):
    lines.append("solutions.jsonl", [{"n": 1}])
    with open(tmp_path / "solutions.jsonl", "ab") as file:
        file.write(damage)
    rows = lines.read("solutions.jsonl")
    assert next(rows) == {"n": 1}
    with pytest.raises(StorageError) as caught:
        next(rows)
    assert str(caught.value) == f"{tmp_path}/solutions.jsonl:2: damaged, expected one JSON object a line"


def test_a_name_with_any_character_comes_back(lines, tmp_path):
    rows = [{"program": "a\u2028b\x85c\nd\udc80", "x": [None, 1.5, True]}]
    lines.append("solutions.jsonl", rows)
    assert list(lines.read("solutions.jsonl")) == rows
    assert (tmp_path / "solutions.jsonl").read_bytes().count(b"\n") == 1


def test_a_file_that_refuses_lines_is_a_storage_error(lines, tmp_path):
    (tmp_path / "metrics.jsonl").mkdir()
    with pytest.raises(StorageError, match=r"metrics\.jsonl: can't be written \(Is a directory\)$"):
        lines.append("metrics.jsonl", [{"n": 1}])
    with pytest.raises(StorageError, match=r"metrics\.jsonl: can't be read \(Is a directory\)$"):
        list(lines.read("metrics.jsonl"))


def test_a_line_that_fits_in_part_only_is_a_storage_error(lines, monkeypatch):
    write, calls = os.write, []

    def nearly_full(descriptor, content):
        calls.append(len(content))
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return write(descriptor, content[:4])

    monkeypatch.setattr(os, "write", nearly_full)
    with pytest.raises(StorageError, match="No space left on device"):
        lines.append("metrics.jsonl", [{"n": 1}])
    assert calls == [9, 5]
