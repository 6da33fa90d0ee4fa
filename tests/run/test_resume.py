"""Exact and fault tests: a run that was killed, stopped or starved ends with the bits of one that never was."""

import itertools
import os
import shutil
import signal

import jax
import numpy as np
import pytest

from codeit_jax.sampling import sampler
from codeit_jax.storage import faults
from codeit_jax.storage.run_directory import RunDirectory
from codeit_jax.text.native import NativeTokenizer
from codeit_jax.training import learner
from codeit_jax.training.train_step import TrainState
from tests.run.tiny_run import learning_rows, newest, result_of, state_of

# In the order in which a run passes them. Pretraining takes 20 steps and a meta-iteration 3 batches of samples and 4
# steps; checkpoints come before pretraining, after it, and after each meta-iteration.
POINTS = [
    "config.yaml:1",
    "mutate:1",
    "solutions.jsonl:1",
    "metrics.jsonl:1",
    "replay:1",
    "state:1",
    "1.sha256:1",
    "commit:1",
    "learn:7",
    "replay:2",
    "sample:2",
    "execute:1",
    "solutions.jsonl:2",
    "learn:22",
    "metrics.jsonl:3",
    "meta.json:3",
    "commit:3",
    "sample:5",
    "state:4",
    "summary.json:1",
]
# Each continues the run that the one before left, so their counts are those of what is left.
CHAIN = ["state:1", "learn:7", "solutions.jsonl:1", "learn:6", "summary.json:1"]


def strike(monkeypatch, text):
    """Make a fault strike in this process."""
    monkeypatch.setattr(faults, "armed", faults.read_fault(text))


def assert_finishes_like(tiny, directory, whole):
    done = tiny(directory)
    assert (done.code, done.err) == (0, "")
    assert result_of(directory) == result_of(whole)


@pytest.fixture
def copy(whole, tmp_path):
    """A copy of the whole run's directory."""
    return shutil.copytree(whole, tmp_path / "copy")


def test_a_run_killed_again_and_again_ends_like_one_that_was_not(tiny, whole_process, tmp_path):
    for point in CHAIN:
        assert tiny.process(tmp_path, CODEIT_JAX_FAULT=point).code == -signal.SIGKILL, point
    assert tiny.process(tmp_path).code == 0
    assert result_of(tmp_path) == result_of(whole_process[0])


@pytest.mark.fault
@pytest.mark.parametrize("point", POINTS)
def test_a_run_killed_at_a_point_ends_like_one_that_was_not(tiny, whole_process, tmp_path, point):
    assert tiny.process(tmp_path, CODEIT_JAX_FAULT=point).code == -signal.SIGKILL
    assert tiny.process(tmp_path).code == 0
    assert result_of(tmp_path) == result_of(whole_process[0])


@pytest.mark.parametrize(
    ("points", "left_at"),
    [
        (["learn:5:int", "learn:3:term"], "pretraining, learning step 6"),
        (["sample:2:int"], "meta-iteration 0"),
        (["solutions.jsonl:2:term"], "meta-iteration 0"),
        (["learn:22:term", "learn:2:term"], "meta-iteration 0, learning step 2"),
    ],
)
def test_a_run_stopped_by_a_signal_saves_and_goes_on(tiny, whole, tmp_path, monkeypatch, points, left_at):
    directory = tmp_path / "run"
    for point in points:
        strike(monkeypatch, point)
        stopped = tiny(directory)
        assert stopped.code == 75
        sentence = f"stopped as asked, everything is saved; the same command resumes from {directory}"
        assert stopped.err == f"error: {sentence}\n"
    assert_finishes_like(tiny, directory, whole)
    resuming = [line for line in (directory / "log.txt").read_text().splitlines() if "resuming from" in line]
    assert len(resuming) == len(points)
    assert resuming[-1].endswith(f", {left_at}")


@pytest.mark.fault
@pytest.mark.parametrize("point", ["sample:2:term", "learn:9:int"])
def test_a_process_stopped_by_a_signal_goes_on(tiny, whole_process, tmp_path, point):
    stopped = tiny.process(tmp_path, CODEIT_JAX_FAULT=point)
    assert (stopped.code, stopped.out, stopped.err.count("\n")) == (75, "", 1)
    assert tiny.process(tmp_path).code == 0
    assert result_of(tmp_path) == result_of(whole_process[0])


@pytest.mark.parametrize("point", ["replay:2:enospc", "metrics.jsonl:2:eio", "summary.json:1:enospc"])
def test_a_full_disk_is_one_line_and_the_run_goes_on_after_it(tiny, whole, tmp_path, monkeypatch, point):
    strike(monkeypatch, point)
    failed = tiny(tmp_path)
    assert failed.code == 4
    [line] = failed.err.splitlines()
    assert line.startswith(f"error: {tmp_path}/")
    assert ("No space left on device" if "enospc" in point else "Input/output error") in line
    assert_finishes_like(tiny, tmp_path, whole)


def test_a_directory_in_use_is_refused(tiny, tmp_path):
    holder = RunDirectory(tmp_path, "train")
    refused = tiny(tmp_path)
    holder.close()
    assert refused.code == 5
    [line] = refused.err.splitlines()
    assert line.startswith(f"error: {tmp_path}: in use by pid {os.getpid()} on ")


def test_a_changed_model_is_refused(tiny, whole, copy):
    refused = tiny(copy, "model.d_model=32")
    assert refused.code == 2
    assert refused.err.splitlines() == [
        f"error: model.d_model is 32, expected 16 as in checkpoint 4 of {copy}; another value needs a new --run-dir"
    ]
    assert_finishes_like(tiny, copy, whole)


def test_a_vocabulary_that_changed_since_is_refused(tiny, copy, monkeypatch):
    monkeypatch.setattr(NativeTokenizer, "digest", "f" * 64)
    refused = tiny(copy)
    assert refused.code == 2
    [line] = refused.err.splitlines()
    assert line.startswith("error: text.tokenizer has digest ffffffffffff, expected ")


def test_more_meta_iterations_go_on_from_fewer(tiny, whole, tmp_path):
    assert tiny(tmp_path, "num_meta_iterations=1").code == 0
    assert_finishes_like(tiny, tmp_path, whole)
    assert "num_meta_iterations is now 2, was 1" in (tmp_path / "log.txt").read_text()


def test_a_finished_run_only_reports_again(tiny, whole, copy):
    before = newest(copy)
    (copy / "summary.json").unlink()
    assert_finishes_like(tiny, copy, whole)
    assert newest(copy) == before


def flip_a_bit(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_a_damaged_checkpoint_is_passed_over(tiny, whole, copy):
    flip_a_bit(copy / "replay" / str(newest(copy)) / "replay-0-of-1.bin")
    assert_finishes_like(tiny, copy, whole)
    [line] = [line for line in (copy / "log.txt").read_text().splitlines() if " is damaged: " in line]
    assert line.endswith("checkpoint 4 is damaged: replay/4/replay-0-of-1.bin isn't as it was written")


def test_without_a_whole_checkpoint_nothing_is_done(tiny, copy):
    for replay in (copy / "replay").glob("*/replay-0-of-1.bin"):
        flip_a_bit(replay)
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file() and path.name not in DIARIES}
    refused = tiny(copy)
    assert refused.code == 4
    expected = f"error: {copy}/checkpoints: no checkpoint is whole; start again with another --run-dir"
    assert refused.err.splitlines() == [expected]
    assert before == {
        path: path.read_bytes() for path in copy.rglob("*") if path.is_file() and path.name not in DIARIES
    }


DIARIES = ("LOCK", "log.txt")


def poisoned(state):
    """Return a copy of a training state whose weights are NaN."""
    params = jax.tree.map(lambda leaf: leaf * np.nan, state.params)
    return TrainState(
        step=state.step + 0, params=params, opt_state=jax.tree.map(lambda leaf: leaf + 0, state.opt_state)
    )


def poison(patch, call, *, lasting):
    """Make one call of the training step, counted from 1, see NaN, or return NaN to all that come after it."""
    step, calls = learner.train_step, itertools.count(1)

    def poisoned_step(model, optimizer, state, *rest, **settings):
        if next(calls) != call:
            return step(model, optimizer, state, *rest, **settings)
        if not lasting:
            return state, step(model, optimizer, poisoned(state), *rest, **settings)[1]
        after, metrics = step(model, optimizer, state, *rest, **settings)
        return poisoned(after), metrics

    patch.setattr(learner, "train_step", poisoned_step)


@pytest.mark.parametrize(
    ("call", "needle"),
    [
        (22, "wasn't finite in 2 steps in a row, expected at most 1; the last good step was number "),
        (24, "params/decoder/final_norm/scale holds NaN or infinity, expected finite numbers; it isn't saved"),
    ],
    ids=["in the middle", "in the last step"],
)
def test_weights_that_turn_nan_end_the_run_and_are_never_saved(tiny, whole, tmp_path, monkeypatch, call, needle):
    with monkeypatch.context() as patch:
        poison(patch, call, lasting=True)
        diverged = tiny(tmp_path, "training.max_skipped_steps=1")
    assert diverged.code == 3
    [line] = diverged.err.splitlines()
    assert needle in line
    assert newest(tmp_path) == 2
    assert all(np.isfinite(array).all() for array in state_of(tmp_path).values())
    assert tiny(tmp_path, "training.max_skipped_steps=1").code == 0
    assert result_of(tmp_path) == result_of(whole)


def test_a_step_that_is_not_finite_is_skipped_and_counted(tiny, whole, tmp_path, monkeypatch):
    poison(monkeypatch, 22, lasting=False)
    assert tiny(tmp_path).code == 0
    assert [(row["num_steps"], row["num_skipped"]) for row in learning_rows(tmp_path)] == [(20, 0), (4, 1), (4, 0)]
    assert int(state_of(tmp_path)["step"]) == 27
    assert np.isfinite(learning_rows(tmp_path)[1]["loss"])


@pytest.mark.parametrize(
    ("module", "name", "settings"),
    [
        (learner, "train_step", "training.tokens_per_device 8192 and text.prompt_buckets (64,)"),
        (sampler, "sample_tokens", "sampling.prompts_per_batch 2 and sampling.samples_per_task 8"),
    ],
)
def test_a_full_device_names_the_settings_to_lower(tiny, tmp_path, monkeypatch, module, name, settings):
    def exhausted(*arguments, **settings):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 123 bytes.\nMore")

    monkeypatch.setattr(module, name, exhausted)
    full = tiny(tmp_path)
    assert full.code == 2
    expected = f"error: the device's memory doesn't suffice for {settings}, expected a smaller one"
    assert full.err.splitlines() == [expected]
