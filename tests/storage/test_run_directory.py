"""Exact and fault tests of the run directory: lock, configuration that stays, line files, storage that fails."""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from codeit_jax.config.errors import LockedError, StorageError, UserError
from codeit_jax.config.loading import load_config
from codeit_jax.storage.run_directory import FORMAT, LINE_FILES, RunDirectory


def commit_checkpoint(directory):
    """Pretend that there is a checkpoint."""
    directory.checkpoints.mkdir()
    (directory.checkpoints / "1.sha256").touch()


HOLDER = """
import sys
from pathlib import Path
from codeit_jax.storage.run_directory import RunDirectory
directory = RunDirectory(Path(sys.argv[1]), "train")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def directory(tmp_path):
    run = RunDirectory(tmp_path / "run", "train")
    yield run
    run.close()


@contextmanager
def holder(path):
    """Start another process that holds a run directory."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_directory_that_cannot_be_opened_is_not_kept_locked(tmp_path):
    RunDirectory(tmp_path, "train").close()
    (tmp_path / ".run.json.1.tmp").mkdir()  # looks like what a killed process leaves, and can't be unlinked
    with pytest.raises(StorageError, match="can't be used as a run directory") as error:
        RunDirectory(tmp_path, "train")
    (tmp_path / ".run.json.1.tmp").rmdir()
    RunDirectory(tmp_path, "train").close()
    one_line(error)


def one_line(error):
    line = str(error.value)
    assert line.splitlines() == [line]
    return line


def test_another_process_is_refused_with_the_holders_name_until_it_dies(tmp_path):
    with holder(tmp_path) as process:
        with pytest.raises(LockedError) as caught:
            RunDirectory(tmp_path, "train")
        line = one_line(caught)
        assert line.startswith(f"{tmp_path}: in use by pid {process.pid} on {socket.gethostname()}, started 20")
        assert caught.value.exit_code == 5
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    again = RunDirectory(tmp_path, "train")
    assert (tmp_path / "LOCK").read_text().startswith(f"pid {os.getpid()} on ")
    again.close()


def test_a_second_one_in_the_same_process_is_refused_too(directory):
    with pytest.raises(LockedError, match=f"in use by pid {os.getpid()} on "):
        RunDirectory(directory.path, "train")
    directory.close()
    RunDirectory(directory.path, "train").close()


@pytest.mark.parametrize("place", ["file", "file/below", "no-name"])
def test_a_path_that_can_be_no_directory_is_a_storage_error(tmp_path, place):
    (tmp_path / "file").write_text("")
    path = Path("a" * 300) if place == "no-name" else tmp_path / place
    with pytest.raises(StorageError) as caught:
        RunDirectory(path, "train")
    assert "can't be used as a run directory (" in one_line(caught)
    assert caught.value.exit_code == 4


def test_a_home_directory_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    run = RunDirectory(Path("~/runs/one"), "train")
    run.close()
    assert run.path == tmp_path / "runs" / "one"
    assert (run.checkpoints, run.replay) == (run.path / "checkpoints", run.path / "replay")


def test_a_changed_model_is_refused_and_the_file_stays(directory):
    assert directory.write_or_check_config(load_config([], ["model.d_model=32"])) == {}
    commit_checkpoint(directory)
    before = (directory.path / "config.yaml").read_text()
    with pytest.raises(UserError) as caught:
        directory.write_or_check_config(load_config([], ["model.d_model=64", "num_meta_iterations=7"]))
    found = f"model.d_model is 64, expected 32 as in {directory.path}/config.yaml"
    assert one_line(caught) == f"{found}; another value needs a new --run-dir"
    assert (directory.path / "config.yaml").read_text() == before


def test_what_may_change_is_returned_and_written(directory):
    directory.write_or_check_config(load_config([], ["seed=3"]))
    commit_checkpoint(directory)
    longer = load_config([], ["seed=3", "num_meta_iterations=7", "checkpoint.keep=1", "hardware.data=8"])
    assert directory.write_or_check_config(longer) == {
        "num_meta_iterations": (100, 7),
        "checkpoint.keep": (3, 1),
        "hardware.data": (-1, 8),
    }
    assert load_config([directory.path / "config.yaml"]) == longer
    assert directory.write_or_check_config(longer) == {}


def test_before_the_first_checkpoint_anything_may_be_corrected(directory):
    directory.write_or_check_config(load_config([], ["model.d_model=32"]))
    corrected = load_config([], ["model.d_model=64"])
    assert directory.write_or_check_config(corrected) == {}
    assert load_config([directory.path / "config.yaml"]) == corrected


@pytest.mark.parametrize("content", [b"seed: [1", b"\xff\xfe\x00", b"sede: 1\n", b"seed: 1\nseed: 1\n"])
def test_a_damaged_configuration_is_an_error_that_names_the_file(directory, content):
    commit_checkpoint(directory)
    (directory.path / "config.yaml").write_bytes(content)
    with pytest.raises(UserError) as caught:
        directory.write_or_check_config(load_config())
    assert f"{directory.path}/config.yaml" in one_line(caught)
    assert (directory.path / "config.yaml").read_bytes() == content


def test_line_files_are_cut_back_to_a_checkpoint(directory):
    for name in LINE_FILES:
        directory.append(name, [{"n": 1}, {"n": 2}])
    sizes = directory.line_file_sizes()
    assert sizes == {name: len('{"n": 1}\n') * 2 for name in LINE_FILES}
    directory.append(LINE_FILES[0], [{"n": 3}])
    with open(directory.path / LINE_FILES[1], "a") as file:
        file.write('{"n": 3, "to')
    directory.truncate_line_files(sizes)
    for name in LINE_FILES:
        assert list(directory.read(name)) == [{"n": 1}, {"n": 2}]
    assert directory.line_file_sizes() == sizes


def test_without_a_checkpoint_line_files_start_empty(directory):
    directory.truncate_line_files({})
    assert list(directory.read(LINE_FILES[0])) == []
    directory.append(LINE_FILES[0], [{"n": 1}])
    directory.truncate_line_files({})
    assert directory.line_file_sizes() == dict.fromkeys(LINE_FILES, 0)


@pytest.mark.parametrize("missing", [True, False])
def test_a_line_file_shorter_than_at_the_checkpoint_is_a_storage_error(directory, missing):
    directory.append("solutions.jsonl", [{"n": 1}])
    sizes = directory.line_file_sizes()
    path = directory.path / "solutions.jsonl"
    path.unlink() if missing else os.truncate(path, 3)
    with pytest.raises(StorageError) as caught:
        directory.truncate_line_files(sizes)
    assert one_line(caught) == f"{path}: {0 if missing else 3} bytes, expected at least the 9 of the last checkpoint"


@pytest.mark.parametrize("damage", [b"{]\n", b'{"n": \xff}\n', b"\n"])
def test_a_damaged_line_is_a_storage_error_that_names_it(directory, damage):
    directory.append("solutions.jsonl", [{"n": 1}])
    with open(directory.path / "solutions.jsonl", "ab") as file:
        file.write(damage)
    rows = directory.read("solutions.jsonl")
    assert next(rows) == {"n": 1}
    with pytest.raises(StorageError) as caught:
        next(rows)
    assert one_line(caught) == f"{directory.path}/solutions.jsonl:2: damaged, expected one JSON object a line"


def test_a_name_with_any_character_comes_back_from_a_line_file(directory):
    rows = [{"program": "a\u2028b\x85c\nd\udc80", "x": [None, 1.5, True]}]
    directory.append("solutions.jsonl", rows)
    assert list(directory.read("solutions.jsonl")) == rows
    assert (directory.path / "solutions.jsonl").read_bytes().count(b"\n") == 1


def test_a_file_that_refuses_lines_is_a_storage_error(directory):
    (directory.path / "metrics.jsonl").mkdir()
    with pytest.raises(StorageError, match=r"metrics\.jsonl: can't be written \(Is a directory\)$"):
        directory.append("metrics.jsonl", [{"n": 1}])


def test_the_lock_says_who_holds_it_after_another_one_left(tmp_path):
    (tmp_path / "LOCK").write_text("pid 1 on elsewhere, started long ago, and a longer line than the next\n")
    RunDirectory(tmp_path, "train").close()
    [line] = (tmp_path / "LOCK").read_text().splitlines()
    assert line.startswith(f"pid {os.getpid()} on {socket.gethostname()}, started ")


def test_a_process_that_shares_the_directory_reads_and_never_writes(directory):
    directory.append("metrics.jsonl", [{"n": 1}])
    before = {path: path.read_bytes() for path in directory.path.rglob("*")}
    other = RunDirectory(directory.path, "train", writes=False)
    other.append("metrics.jsonl", [{"n": 2}])
    other.write("summary.json", "{}")
    other.truncate_line_files({})
    assert list(other.read("metrics.jsonl")) == [{"n": 1}]
    other.close()
    assert before == {path: path.read_bytes() for path in directory.path.rglob("*")}


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"notes.txt": "mine"}, "found no run.json"),
        ({"config.yaml": "seed: 1", "solutions.jsonl": ""}, "found no run.json"),  # before directories had a format
        (
            {"run.json": '{"format": 2, "kind": "mutate", "version": "9"}'},
            "is of kind 'mutate' and format 2 (codeit_jax 9)",
        ),
        ({"run.json": '{"format": 1, "kind": "train"}'}, "is of kind 'train' and format 1 (codeit_jax None)"),
        ({"run.json": "[]"}, "is of kind None"),
        ({"run.json": "{"}, "damaged (Expecting property name"),
    ],
)
def test_a_directory_of_something_else_is_refused_and_nothing_is_written(tmp_path, files, found):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError) as caught:
        RunDirectory(tmp_path, "train")
    assert found in one_line(caught)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == files


@pytest.mark.parametrize("leftover", ["LOCK", ".run.json.0123.tmp"])
def test_what_dies_before_its_first_file_leaves_a_directory_that_can_be_used(tmp_path, leftover):
    (tmp_path / leftover).write_text("")
    RunDirectory(tmp_path, "train").close()
    about = json.loads((tmp_path / "run.json").read_text())
    assert (about["format"], about["kind"]) == (FORMAT, "train")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["LOCK", "run.json"]
