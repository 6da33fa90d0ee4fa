"""Exact and property tests of packing: rungs, layouts by prompt, rows taken and put back."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeit_jax.sampling.packing import Rung, fits, lower_rungs, pack, put_back, take


def test_rungs_halve_down_to_the_smallest():
    assert lower_rungs(4, 24, 12) == [Rung(rows=48, lanes=24), Rung(rows=24, lanes=12)]
    assert lower_rungs(4, 24, 30) == [Rung(rows=48, lanes=24)]
    assert lower_rungs(1, 5, 1) == [Rung(rows=3, lanes=5), Rung(rows=2, lanes=4)]
    assert lower_rungs(1, 5, 99) == []


@given(st.integers(0, 2**32), st.floats(0.0, 1.0))
@settings(deadline=None, max_examples=25)
def test_lanes_hold_every_unfinished_row_of_their_prompt_once(seed, share):
    num_prompts, num_samples = 3, 5
    unfinished = np.random.default_rng(seed).random((2, 15)) < share
    prompts = np.broadcast_to(np.arange(15) // num_samples, (2, 15))
    of_prompt = unfinished.reshape(2, num_prompts, num_samples).sum(axis=2)
    rung = Rung(rows=8, lanes=4)
    room = bool(fits(unfinished, jnp.asarray(prompts), num_prompts, rung))
    assert room == bool((of_prompt.sum(axis=1) <= 8).all() and (of_prompt <= 4).all())
    if not room:
        return
    packing = pack(jnp.asarray(unfinished), jnp.asarray(prompts), num_prompts, rung)
    for group in range(2):
        index = np.asarray(packing.index[group])
        rows = np.flatnonzero(unfinished[group])
        np.testing.assert_array_equal(index[: len(rows)], rows)
        assert len(set(index.tolist())) == 8
        lanes = np.asarray(packing.row_of_lane[group])
        for place, row in enumerate(rows):
            lane = int(packing.lane_of_row[group, place])
            assert lane // rung.lanes == row // num_samples
            assert index[lanes[lane]] == row


def test_rows_move_within_their_group_and_come_back():
    leaf = np.arange(24.0).reshape(12, 2)  # 3 groups of 4 rows
    index = jnp.asarray([[3, 0], [1, 2], [0, 1]])
    taken = take({"x": jnp.asarray(leaf)}, index)["x"]
    np.testing.assert_array_equal(taken, leaf[[3, 0, 5, 6, 8, 9]])
    again = put_back({"x": jnp.asarray(leaf)}, index, {"x": -taken})["x"]
    want = leaf.copy()
    want[[3, 0, 5, 6, 8, 9]] *= -1
    np.testing.assert_array_equal(again, want)


@pytest.mark.parametrize("rung", [None, Rung(rows=2, lanes=2)])
def test_no_unfinished_rows_fit_everywhere(rung):
    assert bool(fits(jnp.zeros((1, 4), bool), jnp.zeros((1, 4), jnp.int32), 1, rung))
