"""Twin and property: bucket lengths against trying every choice, grouping and padding of rows."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeit_jax.text import choose_bucket_lengths, group_rows, pad_rows


def padded_size(lengths, buckets):
    return sum(min(bucket for bucket in buckets if bucket >= length) for length in lengths)


@settings(deadline=None, max_examples=150)
@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=30),
    num_buckets=st.integers(1, 4),
    multiple=st.sampled_from([1, 8]),
)
def test_no_choice_of_buckets_pads_less(lengths, num_buckets, multiple):
    chosen = choose_bucket_lengths(lengths, num_buckets=num_buckets, multiple=multiple)
    assert list(chosen) == sorted(set(chosen))
    assert len(chosen) <= num_buckets
    assert all(bucket % multiple == 0 for bucket in chosen)
    longest = -(-max(lengths) // multiple) * multiple
    assert chosen[-1] == longest
    useful = sorted({-(-length // multiple) * multiple for length in lengths} - {longest})
    fewest = min(
        padded_size(lengths, (*others, longest))
        for count in range(num_buckets)
        for others in combinations(useful, count)
    )
    assert padded_size(lengths, chosen) == fewest


def test_choose_bucket_lengths_exact():
    assert choose_bucket_lengths([3, 3, 3, 17, 100], num_buckets=2) == (32, 112)
    assert choose_bucket_lengths([3, 3, 3, 17, 100], num_buckets=9) == (16, 32, 112)


@pytest.mark.parametrize(("lengths", "num_buckets"), [([], 1), ([0], 1), ([5], 0)])
def test_impossible_buckets_are_refused(lengths, num_buckets):
    with pytest.raises(ValueError, match="positive lengths"):
        choose_bucket_lengths(lengths, num_buckets=num_buckets)


@settings(deadline=None, max_examples=100)
@given(lengths=st.lists(st.tuples(st.integers(1, 64), st.integers(1, 32)), min_size=1, max_size=40))
def test_every_row_is_in_the_smallest_bucket_that_holds_it(lengths):
    sizes = ((8, 32, 64), (16, 32))
    buckets = group_rows(lengths, sizes)
    assert [bucket.shape for bucket in buckets] == sorted({bucket.shape for bucket in buckets})
    found = {}
    for bucket in buckets:
        assert len(bucket.rows) > 0
        assert bucket.rows.tolist() == sorted(bucket.rows.tolist())
        found.update(dict.fromkeys(bucket.rows.tolist(), bucket.shape))
    wanted = [
        tuple(min(size for size in axis if size >= length) for axis, length in zip(sizes, row, strict=True))
        for row in lengths
    ]
    assert [found[index] for index in range(len(lengths))] == wanted


def test_a_row_too_long_is_refused():
    with pytest.raises(ValueError, match="length 65"):
        group_rows([[65]], [(8, 64)])
    with pytest.raises(ValueError, match="3 tokens"):
        pad_rows([np.arange(3, dtype=np.int32)], length=2, pad_id=0)


def test_pad_rows_exact():
    batch = pad_rows(
        [np.array([1, 2], np.int32), np.array([], np.int32), np.array([3, 4, 5], np.int32)], length=3, pad_id=9
    )
    assert batch.dtype == np.int32
    assert batch.tolist() == [[1, 2, 9], [9, 9, 9], [3, 4, 5]]
