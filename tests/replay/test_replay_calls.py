"""Contract: the number of Python-level calls does not grow with the batch."""

import sys

import numpy as np

from codeit_jax.replay import PrioritizedReplayBuffer, Tokens


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
