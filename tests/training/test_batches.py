"""Exact and property tests of batches: every row once, few shapes, right shift, masks."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeit_jax.config.schema import TextConfig
from codeit_jax.replay import TokenRows
from codeit_jax.text import build_tokenizer
from codeit_jax.training.batches import BatchSizes, collate, plan_batches
from codeit_jax.training.experience_replay import Draw

TOKENIZER = build_tokenizer("native")
TEXT = TextConfig(prompt_buckets=(8, 16, 32), program_buckets=(4, 12))


def make_draw(prompt_lengths, program_lengths):
    rng = np.random.default_rng(0)
    rows = [
        TokenRows.from_rows([rng.integers(5, 300, length).tolist() for length in lengths])
        for lengths in (prompt_lengths, program_lengths)
    ]
    number = len(prompt_lengths)
    return Draw(
        prompts=rows[0], programs=rows[1], origins=np.zeros(number, np.int8), performance=np.zeros(number, np.float32)
    )


def whole(batch_size):
    """Sizes with which a batch is always one part."""
    return BatchSizes(batch_size=batch_size, tokens_per_device=1_000_000)


lengths = st.lists(st.tuples(st.integers(1, 32), st.integers(1, 12)), min_size=0, max_size=80)


@given(lengths, st.integers(1, 9), st.integers(1, 200), st.sampled_from([1, 2, 8]), st.integers(0, 5))
@settings(deadline=None, max_examples=150)
def test_a_plan_holds_every_row_once_in_known_shapes(pairs, batch_size, tokens, num_shards, seed):
    draw = make_draw([p for p, _ in pairs], [t for _, t in pairs])
    sizes = BatchSizes(batch_size=batch_size, tokens_per_device=tokens, num_shards=num_shards)
    plan = plan_batches(draw, TEXT, sizes, np.random.default_rng(seed))
    rows = np.concatenate([batch.rows for batch in plan]) if plan else np.empty(0)
    assert sorted(rows.tolist()) == list(range(len(pairs)))
    assert sum(len(batch.rows) < batch_size for batch in plan) <= 1
    for batch in plan:
        num_parts, num_rows, prompt_length, program_length = batch.shape
        assert batch.shape in sizes.shapes(TEXT)
        assert 0 < len(batch.rows) <= num_parts * num_rows
        assert num_rows % num_shards == 0
        # A part fits the devices, or holds a single row on each of them.
        assert num_rows * (prompt_length + program_length) <= tokens * num_shards or num_rows == num_shards
        assert prompt_length >= draw.prompts.lengths[batch.rows].max()
        assert program_length >= draw.programs.lengths[batch.rows].max()
    # The same rows make the same batches on other devices.
    others = plan_batches(draw, TEXT, whole(batch_size), np.random.default_rng(seed))
    assert [batch.rows.tolist() for batch in plan] == [batch.rows.tolist() for batch in others]


def test_a_batch_is_cut_into_as_few_equal_parts_as_fit():
    sizes = BatchSizes(batch_size=512, tokens_per_device=16_384)
    lengths = ((16, 16), (64, 64), (512, 128), (1024, 512))
    assert [sizes.shape(*pair)[:2] for pair in lengths] == [(1, 512), (4, 128), (21, 25), (52, 10)]
    eight = BatchSizes(batch_size=512, tokens_per_device=16_384, num_shards=8)
    assert [eight.shape(*pair)[:2] for pair in lengths[1:]] == [(1, 512), (3, 176), (7, 80)]
    assert BatchSizes(batch_size=6, tokens_per_device=8).shape(32, 12) == (6, 1, 32, 12)


def test_a_plan_is_a_function_of_its_generator():
    draw = make_draw(list(range(1, 30)), [3] * 29)
    plans = [plan_batches(draw, TEXT, whole(4), np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert [b.rows.tolist() for b in plans[0]] == [b.rows.tolist() for b in plans[1]]
    assert [b.rows.tolist() for b in plans[0]] != [b.rows.tolist() for b in plans[2]]


def test_a_random_plan_is_a_random_order_in_the_longest_shape():
    draw = make_draw([3] * 60 + [9] * 30 + [20] * 10, [2] * 50 + [10] * 50)
    plan = plan_batches(draw, TEXT, whole(10), np.random.default_rng(0), "random")
    assert np.concatenate([batch.rows for batch in plan]).tolist() == (
        np.random.default_rng(0).permutation(100).tolist()
    )
    for batch in plan:
        longest = draw.prompts.lengths[batch.rows].max()
        assert batch.shape == (1, 10, *((8, 4) if longest == 3 else (16 if longest == 9 else 32, 12)))


def test_collate_pads_shifts_and_masks():
    draw = Draw(
        prompts=TokenRows.from_rows([[7, 8, 9], [5]]),
        programs=TokenRows.from_rows([[40, 2], [41, 42, 2]]),
        origins=np.zeros(2, np.int8),
        performance=np.zeros(2, np.float32),
    )
    [plan] = plan_batches(draw, TEXT, whole(3), np.random.default_rng(0))
    batch = jax.tree.map(lambda array: array[0], collate(draw, plan, TOKENIZER))
    order = plan.rows.tolist()
    pad, start = TOKENIZER.pad_id, TOKENIZER.start_id
    targets = np.array([[40, 2, pad, pad], [41, 42, 2, pad]])
    np.testing.assert_array_equal(batch.decoder_target_tokens[:2], targets[order])
    np.testing.assert_array_equal(batch.decoder_input_tokens[:2], np.insert(targets, 0, start, axis=1)[order][:, :4])
    np.testing.assert_array_equal(batch.loss_mask.sum(axis=1), [*np.array([2, 3])[order], 0])
    np.testing.assert_array_equal(batch.encoder_mask[:2].sum(axis=1), np.array([3, 1])[order])
    assert batch.encoder_input_tokens.shape == (3, 8)
    released = collate(draw, plan, TOKENIZER, pad_loss=True)
    np.testing.assert_array_equal(released.loss_mask.sum(axis=2), [[4, 4, 0]])


def test_a_row_longer_than_its_buckets_is_refused():
    with pytest.raises(ValueError, match="33"):
        plan_batches(make_draw([33], [2]), TEXT, whole(4), np.random.default_rng(0))


def test_a_batch_in_parts_has_the_rows_of_one_part_in_order():
    draw = make_draw([3, 5, 7, 8, 2], [2, 3, 4, 1, 2])
    plans = [
        plan_batches(draw, TEXT, BatchSizes(batch_size=5, tokens_per_device=tokens), np.random.default_rng(0))
        for tokens in (1_000, 24)
    ]
    one, parts = (collate(draw, plan[0], TOKENIZER) for plan in plans)
    assert (one.loss_mask.shape, parts.loss_mask.shape) == ((1, 5, 4), (3, 2, 4))
    for name, array in vars(parts).items():
        np.testing.assert_array_equal(array.reshape(6, -1)[:5], vars(one)[name][0], err_msg=name)
    assert parts.loss_mask[2, 1].sum() == 0
