"""Exact and property tests of packing: compaction sizes, layouts by prompt, rows taken and put back."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeit_jax.sampling.packing import CompactionSize, compaction_sizes, fits, pack, put_back, take


def test_sizes_halve_down_to_the_smallest():
    assert compaction_sizes(4, 24, 12) == [CompactionSize(rows=48, slots=24), CompactionSize(rows=24, slots=12)]
    assert compaction_sizes(4, 24, 30) == [CompactionSize(rows=48, slots=24)]
    assert compaction_sizes(1, 5, 1) == [CompactionSize(rows=3, slots=5), CompactionSize(rows=2, slots=4)]
    assert compaction_sizes(1, 5, 99) == []


@given(st.integers(0, 2**32), st.floats(0.0, 1.0))
@settings(deadline=None, max_examples=25)
def test_slots_hold_every_unfinished_row_of_their_prompt_once(seed, share):
    num_prompts, num_samples = 3, 5
    unfinished = np.random.default_rng(seed).random((2, 15)) < share
    prompts = np.broadcast_to(np.arange(15) // num_samples, (2, 15))
    of_prompt = unfinished.reshape(2, num_prompts, num_samples).sum(axis=2)
    size = CompactionSize(rows=8, slots=4)
    room = bool(fits(unfinished, jnp.asarray(prompts), num_prompts, size))
    assert room == bool((of_prompt.sum(axis=1) <= 8).all() and (of_prompt <= 4).all())
    if not room:
        return
    packing = pack(jnp.asarray(unfinished), jnp.asarray(prompts), num_prompts, size)
    for group in range(2):
        index = np.asarray(packing.index[group])
        rows = np.flatnonzero(unfinished[group])
        np.testing.assert_array_equal(index[: len(rows)], rows)
        assert len(set(index.tolist())) == 8
        slots = np.asarray(packing.row_of_slot[group])
        for place, row in enumerate(rows):
            slot = int(packing.slot_of_row[group, place])
            assert slot // size.slots == row // num_samples
            assert index[slots[slot]] == row


def test_rows_move_within_their_group_and_come_back():
    leaf = np.arange(24.0).reshape(12, 2)  # 3 groups of 4 rows
    index = jnp.asarray([[3, 0], [1, 2], [0, 1]])
    taken = take({"x": jnp.asarray(leaf)}, index)["x"]
    np.testing.assert_array_equal(taken, leaf[[3, 0, 5, 6, 8, 9]])
    again = put_back({"x": jnp.asarray(leaf)}, index, {"x": -taken})["x"]
    want = leaf.copy()
    want[[3, 0, 5, 6, 8, 9]] *= -1
    np.testing.assert_array_equal(again, want)


@pytest.mark.parametrize("size", [None, CompactionSize(rows=2, slots=2)])
def test_no_unfinished_rows_fit_everywhere(size):
    assert bool(fits(jnp.zeros((1, 4), bool), jnp.zeros((1, 4), jnp.int32), 1, size))
