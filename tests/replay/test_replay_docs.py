"""Contract: the examples in docs/replay.md run, each by itself, and do what the text says."""

import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[2] / "docs" / "replay.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python( torch)?\n(.*?)```", TEXT, re.DOTALL)
NUMPY_AND_JAX = [code for needs_torch, code in BLOCKS if not needs_torch]


def run(code: str) -> dict:
    namespace: dict = {}
    exec(compile(code, "docs/replay.md", "exec"), namespace)
    return namespace


def test_dqn_example():
    namespace = run(NUMPY_AND_JAX[0])
    assert len(namespace["buffer"]) == 200
    assert namespace["batch"].weights.max() == 1.0


def test_codeit_example():
    namespace = run(NUMPY_AND_JAX[1])
    assert namespace["prompts"].shape == (2, 1024)
    assert sorted(namespace["prompts"].sum(1).tolist()) == [8, 18]


def test_jax_example():
    pytest.importorskip("jax")
    namespace = run(NUMPY_AND_JAX[2])
    assert 0 <= float(namespace["mean"]) <= 99


@pytest.mark.torch
def test_torch_example():
    pytest.importorskip("torch")
    [code] = [code for needs_torch, code in BLOCKS if needs_torch]
    assert float(run(code)["loss"]) > 0


def test_no_example_is_left_out():
    assert len(BLOCKS) == 4
    assert all(code.strip() for _, code in BLOCKS)
