"""Contract: the examples in docs/replay.md run, each by itself, and do what the text says."""

import re
from pathlib import Path

import pytest

from tests.replay.make_reports_page import page

TEXT = (Path(__file__).parents[2] / "docs" / "replay.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python(?: torch)?\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that runs the one example with a text in it, in an empty folder, and returns its names."""
    monkeypatch.chdir(tmp_path)

    def run_example(text: str) -> dict:
        [code] = [block for block in BLOCKS if text in block]
        namespace: dict = {}
        exec(compile(code, "docs/replay.md", "exec"), namespace)
        return namespace

    return run_example


def test_dqn_example(run):
    namespace = run("for step in range(200)")
    assert len(namespace["buffer"]) == 200
    assert namespace["batch"].weights.max() == 1.0


def test_mixture_example(run):
    namespace = run("ReplayMixture(")
    assert namespace["prompts"].shape == (2, 1024)
    assert sorted(namespace["prompts"].sum(1).tolist()) == [8, 18]


def test_group_example(run):
    namespace = run("MaxAge(1000)")
    assert (len(namespace["buffer"]), namespace["num_expired"]) == (2, 0)


@pytest.mark.parametrize(
    "text", ["journal.checkpoint()", "SegmentLog(", "ShardedSampler(", "StepReplay(", "decay=0.999", "SharedReader("]
)
def test_examples_that_assert_for_themselves(run, text):
    run(text)


def test_jax_example(run):
    pytest.importorskip("jax")
    assert 0 <= float(run("import jax")["mean"]) <= 99


@pytest.mark.torch
def test_torch_example(run):
    pytest.importorskip("torch")
    assert float(run("import torch")["loss"]) > 0


def test_no_example_is_left_out():
    assert len(BLOCKS) == 11
    assert all(code.strip() for code in BLOCKS)


def test_the_page_of_reports_is_up_to_date():
    made = page()
    assert (Path(__file__).parents[2] / "docs" / "replay_reports.md").read_text(encoding="utf-8") == made
    assert made.count("\n| ") >= 40
