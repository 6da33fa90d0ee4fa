"""Exact tests of the paired tests: known values, scipy's tests, and all sign flips one by one."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from codeit_jax.statistics import holm, mcnemar, paired_permutation


@pytest.mark.parametrize(
    ("first", "second", "p_value"),
    [(0, 0, 1.0), (1, 0, 1.0), (5, 0, 0.0625), (6, 0, 0.03125), (9, 1, 22 / 1024), (7, 7, 1.0), (10, 2, 158 / 4096)],
)
def test_mcnemar_gives_the_values_worked_out_by_hand(first, second, p_value):
    assert mcnemar(first, second) == mcnemar(second, first) == p_value


@given(st.integers(0, 300), st.integers(0, 300))
@settings(deadline=None, max_examples=30)
def test_mcnemar_is_the_binomial_test_of_the_discordant_pairs(first, second):
    expected = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, rel=1e-9)


def by_all_flips(first, second):
    """Return the p-value by trying every choice of signs."""
    differences = len(second) * first.sum(0) - len(first) * second.sum(0)
    sums = [abs(np.dot(signs, differences)) for signs in itertools.product((-1, 1), repeat=len(differences))]
    return np.mean([value >= abs(differences.sum()) for value in sums])


@pytest.mark.parametrize("sizes", [(1, 1), (3, 3), (2, 3), (1, 4)])
def test_the_permutation_test_is_that_of_all_sign_flips(sizes):
    rng = np.random.default_rng(0)
    for _ in range(10):
        first, second = (rng.random((size, 9)) < chance for size, chance in zip(sizes, (0.6, 0.3), strict=True))
        assert paired_permutation(first, second) == pytest.approx(by_all_flips(first, second))


def test_with_a_run_on_each_side_the_permutation_test_is_mcnemars():
    rng = np.random.default_rng(1)
    for _ in range(20):
        first, second = rng.random((2, 1, 400)) < 0.15
        only = (first & ~second).sum(), (second & ~first).sum()
        assert paired_permutation(first, second) == pytest.approx(mcnemar(*map(int, only)), rel=1e-9)


def test_a_true_null_hypothesis_is_rejected_no_oftener_than_promised():
    rng = np.random.default_rng(2)
    chance = rng.random(100) * 0.6  # tasks differ in difficulty
    p_values = [paired_permutation(*(rng.random((2, 1, 100)) < chance)) for _ in range(600)]
    # At most 5 %; 600 draws have a standard error of 0.9 points.
    assert np.mean(np.array(p_values) <= 0.05) < 0.075


def test_holm_multiplies_the_smallest_most_and_keeps_the_order():
    # Holm's example in Wright (1992): four hypotheses.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=6))
@settings(deadline=None)
def test_holm_lies_between_the_p_value_and_bonferronis(p_values):
    for p_value, adjusted in zip(p_values, holm(p_values), strict=True):
        assert p_value <= adjusted <= min(1.0, len(p_values) * p_value) or adjusted == pytest.approx(p_value)
