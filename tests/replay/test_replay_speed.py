"""Contract: what draws and updates cost, as counts and as ratios to NumPy in one process (CPU time, least of 9)."""

import sys

import numpy as np
import pytest

from codeit_jax.bench import replay as bench_module
from codeit_jax.bench.replay import interleave
from codeit_jax.replay import PrioritizedReplayBuffer, SumTree, Tokens


def ratio(ours, baseline):
    times = interleave({"ours": ours, "baseline": baseline}, repeats=9)
    return times["baseline"] / times["ours"]


@pytest.fixture(scope="module")
def tree():
    tree = SumTree(300_000)
    tree[:] = np.random.default_rng(0).random(300_000)
    return tree


def test_draws_after_updates_beat_cumulative_sums(tree):
    """Updates force a cumulative sum over everything; measured 20x for 512 of 300,000, the gate is 4x."""
    rng = np.random.default_rng(1)
    indices, values, flat = rng.integers(0, 300_000, 512), rng.random(512), tree[:]

    def ours():
        tree[indices] = values
        tree.sample(512)

    def baseline():
        flat[indices] = values
        sums = np.cumsum(flat)
        sums.searchsorted(rng.random(512) * sums[-1])

    assert ratio(ours, baseline) > 4


def test_large_batches_beat_binary_search(tree):
    """With no updates in between; measured 2x for 8192 of 300,000, the gate is 0.8x."""
    rng = np.random.default_rng(2)
    sums = np.cumsum(tree[:])
    assert ratio(lambda: tree.sample(8192), lambda: sums.searchsorted(rng.random(8192) * sums[-1])) > 0.8


@pytest.mark.parametrize(("k", "num_slots"), [(10_000, 19_600), (5_000, 300_000), (27_000, 300_000)])
def test_draws_without_replacement_beat_numpy(k, num_slots):
    """Measured 8x to 20x; the gate is 3x."""
    rng = np.random.default_rng(3)
    weights = rng.random(num_slots)
    tree = SumTree(num_slots)
    tree[:] = weights
    chances = weights / weights.sum()
    baseline = lambda: rng.choice(num_slots, k, replace=False, p=chances)  # noqa: E731
    assert ratio(lambda: tree.sample(k, replacement=False), baseline) > 3


def count_calls(call) -> int:
    """Python-level calls, of functions written in Python or C, during one call."""
    calls = 0

    def profile(_frame, event, _argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(None)
    return calls


def test_no_python_per_item():
    """The number of Python-level calls does not grow with the batch (pieces of 4096 rows aside)."""
    buffer = PrioritizedReplayBuffer(50_000, {"x": np.int64, "prompt": Tokens()}, alpha=0.6, beta=0.4)
    rows = np.ones((50_000, 3), np.uint16)
    buffer.add({"x": np.arange(50_000), "prompt": list(rows)}, np.random.default_rng(0).random(50_000))

    def round_of(n):
        batch = buffer.sample(n)
        batch.data["prompt"].pad(4)
        buffer.update_priorities(batch.indices, 1.0 + batch.weights, batch.generation)
        buffer.sample(n, replacement=False)

    for n in (500, 4000):
        round_of(n)
    assert count_calls(lambda: round_of(4000)) < 1.5 * count_calls(lambda: round_of(500))


def test_the_bench_reports_every_case(monkeypatch):
    result = bench_module.run(max_slots=10_000, repeats=1)
    assert {"bench", "device", "work", "ours", "peers", "ratio", "compile_seconds"} <= set(result)
    assert result["ours"]["sample 8192 of 1e4"] > 0
    assert result["ratio"]["cumsum"]["mixed 8192 of 1e4"] > 0
    assert {"cumsum", "level tree (Dopamine)", "loop tree (dqn_zoo)"} <= set(result["peers"])
    cases = {goal["case"] for goal in result["goals"]}
    assert {
        "bytes per experience",
        "checkpoint of 1e6, np.savez",
        "bytes per slot of 1e6",
        "bytes per slot of 2^20",
    } <= cases
    assert all(goal["reached"] in ("no", "must", "stretch") for goal in result["goals"])


def test_every_goal_belongs_to_a_case_that_is_measured():
    figures = {case: {"ours": 1.0, **{goal.peer: 2.0 for goal in goals}} for case, goals in bench_module.GOALS.items()}
    assert len(bench_module.report(figures, {})["goals"]) == sum(map(len, bench_module.GOALS.values()))
