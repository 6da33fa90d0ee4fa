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
from codeit_jax.storage import run_directory
from codeit_jax.storage.run_directory import FORMAT, RunDirectory

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
    assert again.left_by.startswith(f"pid {process.pid} on ")
    again.close()
    third = RunDirectory(tmp_path, "train")
    assert third.left_by is None  # the second one gave it back
    third.close()


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


def test_a_stale_lock_is_taken_over_and_told(tmp_path):
    left = "pid 1 on elsewhere, started long ago, and a longer line than the next"
    (tmp_path / "LOCK").write_text(left + "\n")
    run = RunDirectory(tmp_path, "train")
    assert run.left_by == left
    [line] = (tmp_path / "LOCK").read_text().splitlines()
    assert line.startswith(f"pid {os.getpid()} on {socket.gethostname()}, started ")
    run.close()
    assert (tmp_path / "LOCK").read_text() == ""


def test_what_a_lock_says_reaches_no_terminal_as_it_is(tmp_path):
    (tmp_path / "LOCK").write_text("\x1b[2Jpid \u202e1\n")
    run = RunDirectory(tmp_path, "train")
    assert run.left_by.isprintable()
    run.close()


def test_a_removed_lock_file_lets_no_second_one_in(directory):
    (directory.path / "LOCK").unlink()
    with pytest.raises(LockedError):
        RunDirectory(directory.path, "train")


@pytest.mark.parametrize("name", ["LOCK", "log.txt", "metrics.jsonl", "config.yaml", "run.json", "checkpoints"])
@pytest.mark.parametrize("kind", ["link", "dangling link", "other kind", "pipe"])
def test_a_file_of_ours_that_is_something_else_is_refused(tmp_path, name, kind):
    path = tmp_path / "run"
    RunDirectory(path, "train").close()
    target, entry = tmp_path / "target", path / name
    target.write_bytes((path / "run.json").read_bytes())
    entry.unlink(missing_ok=True)
    if "link" in kind:
        entry.symlink_to(target if kind == "link" else tmp_path / "nowhere")
    elif kind == "pipe":
        os.mkfifo(entry)
    elif name == "checkpoints":
        entry.write_text("")
    else:
        entry.mkdir()
    before = target.read_bytes()
    with pytest.raises((StorageError, UserError)) as caught:
        RunDirectory(path, "train")
    assert str(path) in one_line(caught)
    assert target.read_bytes() == before
    assert not (tmp_path / "nowhere").exists()


def test_checkpoints_may_be_on_another_disk(tmp_path):
    (tmp_path / "large").mkdir()
    (tmp_path / "run").mkdir()
    RunDirectory(tmp_path / "run", "train").close()
    (tmp_path / "run" / "checkpoints").symlink_to(tmp_path / "large")
    RunDirectory(tmp_path / "run", "train").close()


def test_the_kind_is_looked_at_under_the_lock_as_well(tmp_path, monkeypatch):
    lock = run_directory.DirectoryLock

    def another_command_was_faster(path):
        (path / "run.json").write_text('{"format": 3, "kind": "mutate"}')
        return lock(path)

    monkeypatch.setattr(run_directory, "DirectoryLock", another_command_was_faster)
    with pytest.raises(UserError, match="is of kind 'mutate'"):
        RunDirectory(tmp_path, "train")
    monkeypatch.undo()
    RunDirectory(tmp_path, "mutate").close()  # the refused one holds no lock


def test_the_last_checkpoint_is_remembered(tmp_path):
    run = RunDirectory(tmp_path, "train")
    assert run.last_checkpoint is None
    run.note_checkpoint(7)
    run.close()
    again = RunDirectory(tmp_path, "train")
    assert again.last_checkpoint == 7
    again.close()


def test_a_process_that_shares_the_directory_reads_and_never_writes(directory):
    directory.append("metrics.jsonl", [{"n": 1}])
    before = {path: path.read_bytes() for path in directory.path.rglob("*")}
    other = RunDirectory(directory.path, "train", writes=False)
    other.append("metrics.jsonl", [{"n": 2}])
    other.write("summary.json", "{}")
    other.cut_line_files({}, print)
    assert list(other.read("metrics.jsonl")) == [{"n": 1}]
    other.close()
    assert before == {path: path.read_bytes() for path in directory.path.rglob("*")}


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"notes.txt": "mine"}, "found no run.json"),
        ({"config.yaml": "seed: 1", "solutions.jsonl": ""}, "found no run.json"),  # before directories had a format
        (
            {"run.json": '{"format": 3, "kind": "mutate", "version": "9"}'},
            "is of kind 'mutate' and format 3 (codeit_jax '9')",
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
