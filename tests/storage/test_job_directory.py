"""Exact tests of job directories: lines torn by a kill, damage, settings, the lock."""

import json

import pytest

from codeit_jax.config.errors import LockedError, StorageError, UserError
from codeit_jax.storage.job_directory import JobDirectory

SETTINGS = {"method": "d1", "seed": 0}
ROWS = [{"number": 1}, {"number": 2, "text": "a\nb"}]


@pytest.mark.parametrize("torn", [b"", b"{", b'{"number": 3}', b"\xc3", b"\x00\x00"])
def test_a_line_without_an_end_is_dropped_and_the_file_continues(tmp_path, torn):
    with JobDirectory(tmp_path, "search", SETTINGS) as directory:
        assert list(directory.rows("lines.jsonl")) == []
        directory.append("lines.jsonl", ROWS)
    whole = (tmp_path / "lines.jsonl").read_bytes()
    (tmp_path / "lines.jsonl").write_bytes(whole + torn)
    with JobDirectory(tmp_path, "search", SETTINGS) as directory:
        assert list(directory.rows("lines.jsonl")) == ROWS
        assert (tmp_path / "lines.jsonl").read_bytes() == whole
        directory.append("lines.jsonl", [{"number": 3}])
        assert list(directory.rows("lines.jsonl")) == [*ROWS, {"number": 3}]


def test_a_damaged_line_in_the_middle_is_an_error(tmp_path):
    with JobDirectory(tmp_path, "search", SETTINGS) as directory:
        directory.append("lines.jsonl", [{"number": 1}])
        with open(tmp_path / "lines.jsonl", "a") as file:
            file.write('{"num\n{"number": 3}\n')
        with pytest.raises(StorageError, match=r"lines.jsonl:2: damaged"):
            list(directory.rows("lines.jsonl"))


CHANGES = {
    "a flipped digit": lambda lines: [lines[0], lines[1].replace(b"2", b"3", 1), lines[2]],
    "a missing line": lambda lines: [lines[0], lines[2]],
    "a missing first line": lambda lines: lines[1:],
    "two lines in another order": lambda lines: [lines[1], lines[0], lines[2]],
    "a line twice": lambda lines: [lines[0], lines[0], *lines[1:]],
    "a line of another file": lambda lines: [*lines, b'{"number": 4}\n'],
}


@pytest.mark.parametrize("change", CHANGES)
def test_finished_work_never_changes_unnoticed(tmp_path, change):
    with JobDirectory(tmp_path, "search", SETTINGS) as directory:
        directory.append("lines.jsonl", [{"number": number} for number in range(1, 4)])
    file = tmp_path / "lines.jsonl"
    file.write_bytes(b"".join(CHANGES[change](file.read_bytes().splitlines(keepends=True))))
    problem = r"lines.jsonl:\d: isn't as it was written, or a line before it"
    with JobDirectory(tmp_path, "search", SETTINGS) as directory, pytest.raises(StorageError, match=problem):
        list(directory.rows("lines.jsonl"))


def test_a_long_torn_line_is_dropped_and_what_lacks_a_line_end_altogether(tmp_path):
    with JobDirectory(tmp_path, "search", SETTINGS) as directory:
        directory.append("lines.jsonl", ROWS)
        whole = (tmp_path / "lines.jsonl").read_bytes()
        for kept in (whole, b""):
            (tmp_path / "lines.jsonl").write_bytes(kept + b"x" * 200_000)
            assert len(list(directory.rows("lines.jsonl"))) == (2 if kept else 0)
            assert (tmp_path / "lines.jsonl").read_bytes() == kept


def test_a_directory_keeps_the_settings_that_it_began_with(tmp_path):
    JobDirectory(tmp_path / "new", "search", SETTINGS).close()
    JobDirectory(tmp_path / "new", "search", SETTINGS).close()
    with pytest.raises(UserError, match=r"seed is 1, expected 0 as in .*settings.json; another value needs a new"):
        JobDirectory(tmp_path / "new", "search", SETTINGS | {"seed": 1})
    assert json.loads((tmp_path / "new" / "settings.json").read_text()) == SETTINGS
    # The refused job holds no lock.
    JobDirectory(tmp_path / "new", "search", SETTINGS).close()
    for damaged in ("{", "[]", "1", "[" * 100_000):
        (tmp_path / "new" / "settings.json").write_text(damaged)
        with pytest.raises(StorageError, match="settings.json: damaged"):
            JobDirectory(tmp_path / "new", "search", SETTINGS)


def test_one_process_at_a_time(tmp_path):
    with JobDirectory(tmp_path, "search", SETTINGS), pytest.raises(LockedError):
        JobDirectory(tmp_path, "search", SETTINGS)


def test_a_file_in_the_way_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        JobDirectory(tmp_path / "file", "search", SETTINGS)
