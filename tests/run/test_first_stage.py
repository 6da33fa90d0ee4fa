"""Exact and fault tests of the stage before the first checkpoint: nothing is made twice, and all is equal."""

import json
import shutil
import signal

import pytest

from codeit_jax.run import first_stage
from codeit_jax.storage import faults
from tests.run.tiny_run import newest, result_of

NUM_TASKS = 6


def strike(monkeypatch, text):
    """Make a fault strike in this process."""
    monkeypatch.setattr(faults, "armed", faults.read_fault(text))


def log_lines(directory, needle):
    return [line for line in (directory / "log.txt").read_text().splitlines() if needle in line]


@pytest.fixture
def screened(monkeypatch):
    """Which tasks were screened, in the order of the calls."""
    calls, screen_tasks = [], first_stage.screen_tasks

    def counted(programs, tasks, *rest, **options):
        for task, found in screen_tasks(programs, tasks, *rest, **options):
            calls.append(task.id)
            yield task, found

    monkeypatch.setattr(first_stage, "screen_tasks", counted)
    return calls


def test_a_stop_keeps_what_was_made_and_the_end_is_equal(tiny, whole, tmp_path, monkeypatch, screened):
    for point, done in [("mutants.jsonl:1:term", 0), ("screened.jsonl:2:int", 2), ("screened.jsonl:1:term", 3)]:
        strike(monkeypatch, point)
        stopped = tiny(tmp_path)
        assert stopped.code == 75
        [line] = stopped.err.splitlines()
        assert line.startswith(f"error: stopped as asked, what was made is in {tmp_path}/first_stage; the same command")
        assert len(screened) == done
    assert (tiny(tmp_path).code, len(screened)) == (0, NUM_TASKS)
    assert len(set(screened)) == NUM_TASKS
    assert len(log_lines(tmp_path, "resuming the first stage: ")) == 3
    assert result_of(tmp_path) == result_of(whole)
    assert not (tmp_path / "first_stage").exists()


def test_a_stop_before_anything_was_begun_is_asked_for_by_exit_code_75(tiny, tmp_path, monkeypatch):
    strike(monkeypatch, "config.yaml:1:term")
    stopped = tiny(tmp_path)
    assert stopped.code == 75
    [line] = stopped.err.splitlines()
    assert line == "error: stopped as asked before anything was begun; the same command begins it"
    assert not list(tmp_path.glob("checkpoints/*"))


@pytest.mark.parametrize("change", ["settings", "damage"])
def test_what_belongs_to_other_settings_or_is_damaged_is_made_again(tiny, whole, tmp_path, monkeypatch, change):
    strike(monkeypatch, "screened.jsonl:3:term")
    settings = ["mutation.num_programs=8"] if change == "settings" else []
    assert tiny(tmp_path, *settings).code == 75
    if change == "damage":
        file = tmp_path / "first_stage" / "mutants.jsonl"
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join([lines[1], lines[0], *lines[2:]]))
    assert tiny(tmp_path).code == 0
    [line] = log_lines(tmp_path, "the first stage begins again: ")
    assert ("mutation is {" if change == "settings" else "mutants.jsonl:1: isn't as it was written") in line
    assert result_of(tmp_path) == result_of(whole)


def test_leftovers_of_a_kill_after_the_first_checkpoint_are_removed(tiny, whole, tmp_path):
    copy = shutil.copytree(whole, tmp_path / "copy")
    (copy / "first_stage").mkdir()
    (copy / "first_stage" / "mutants.jsonl").write_text(json.dumps({"task_id": "task0"}) + "\n")
    before = newest(copy)
    assert tiny(copy).code == 0
    assert newest(copy) == before
    assert not (copy / "first_stage").exists()


@pytest.mark.fault
@pytest.mark.parametrize(
    "point", ["mutants.jsonl:1", "screened.jsonl:1", "screened.jsonl:4", "initial_programs.jsonl:1"]
)
def test_a_kill_keeps_what_was_made(tiny, whole_process, tmp_path, point):
    assert tiny.process(tmp_path, CODEIT_JAX_FAULT=point).code == -signal.SIGKILL
    assert tiny.process(tmp_path).code == 0
    assert len(log_lines(tmp_path, "resuming the first stage: ")) == (point != "mutants.jsonl:1")
    assert result_of(tmp_path) == result_of(whole_process[0])
