"""Exact and seeded statistical tests of comparisons: synthetic sides whose difference is known."""

import numpy as np
import pytest
from scipy import stats

from codeit_jax.statistics import compare, compare_all, mcnemar, mean_interval
from codeit_jax.statistics.side_comparison import RESAMPLES


def side(*counts, num_tasks=100):
    """Return runs that solve the first so many tasks."""
    return np.array([np.arange(num_tasks) < count for count in counts])


def test_differences_are_first_minus_second_in_tasks():
    found = compare(side(30, 32, 34), side(20, 24))
    assert (found.means, found.difference, found.seeds, found.num_tasks) == ((32.0, 22.0), 10.0, (3, 2), 100)
    # Tasks 20 to 33: a larger share of the first side's seeds solves them.
    assert (found.only_first, found.only_second) == (14, 0)
    assert compare(side(20, 24), side(30, 32, 34)).difference == -10.0


def test_equal_sides_differ_by_nothing():
    found = compare(side(30), side(30))
    assert (found.difference, found.interval, found.p_value) == (0.0, (0.0, 0.0), 1.0)


def test_ten_tasks_more_without_a_loss_are_significant_and_the_interval_excludes_zero():
    found = compare(side(30), side(20))
    assert found.p_value == pytest.approx(mcnemar(10, 0)) == pytest.approx(2 / 1024)
    low, high = found.interval
    # The number of tasks won is binomial: 100 draws at 0.1.
    assert (low, high) == pytest.approx(tuple(stats.binom(100, 0.1).ppf([0.025, 0.975])), abs=1)


def test_with_seeds_the_interval_also_has_their_spread():
    wide = compare(side(10, 50, num_tasks=400), side(30, 30, num_tasks=400)).interval
    narrow = compare(side(30, 30, num_tasks=400), side(30, 30, num_tasks=400)).interval
    # Half of the draws of two seeds have the same one twice: 20 tasks more or less.
    assert narrow == (0.0, 0.0)
    assert wide[0] < -15
    assert wide[1] > 15


def test_an_interval_of_a_mean_is_that_of_the_binomial_with_one_seed():
    mean, interval = mean_interval(side(60, num_tasks=400))
    assert mean == 60
    assert interval == pytest.approx(tuple(stats.binom(400, 0.15).ppf([0.025, 0.975])), abs=1)


def test_intervals_cover_the_truth_about_as_often_as_they_promise():
    rng = np.random.default_rng(0)
    covered = 0
    for number in range(30):
        # A seed's luck is common to all of its tasks; the tasks' difficulties are drawn as well.
        chance = rng.beta(0.3, 1.5, size=200)
        first, second = (np.array([rng.random(200) < chance * 0.9 for _ in range(4)]) for _ in range(2))
        low, high = compare(first, second, seed=number).interval
        covered += low <= 0 <= high
    assert covered >= 25  # 28 or 29 expected of an exact one; bootstraps of four seeds are somewhat narrow


def test_the_same_call_gives_the_same_interval():
    sides = side(10, 20), side(15, 15)
    assert compare(*sides) == compare(*sides)
    assert compare(*sides, seed=1).interval == pytest.approx(compare(*sides).interval, abs=1.5)
    assert RESAMPLES >= 10_000


def test_what_could_show_follows_from_the_spread_of_seeds():
    found = compare(side(46, 48, 50), side(46, 48, 50))
    # Variance 4 on both sides, 4 degrees of freedom: (2.776 + 0.941) x sqrt(4 (1/3 + 1/3)).
    assert found.detectable == pytest.approx(3.7173 * (8 / 3) ** 0.5, rel=1e-3)
    assert found.detectable_by == "seeds"
    more = compare(side(*[46, 48, 50] * 3), side(*[46, 48, 50] * 3))
    assert more.detectable < found.detectable / 1.7


def test_a_difference_of_the_detectable_size_is_found_as_often_as_promised():
    rng = np.random.default_rng(0)
    draws = rng.normal(0, 2, size=(2, 2000, 5))
    sizes = (stats.t.ppf(0.975, 8) + stats.t.ppf(0.8, 8)) * 2 * (2 / 5) ** 0.5
    found = stats.ttest_ind(draws[0] + sizes, draws[1], axis=1).pvalue <= 0.05
    assert 0.76 < found.mean() < 0.84


def test_with_one_seed_a_side_what_could_show_is_mcnemars_least():
    found = compare(side(30), side(20))
    assert (found.detectable, found.detectable_by) == (8.0, "tasks")  # 9 to 1 of ten discordant tasks
    assert mcnemar(9, 1) <= 0.05 < mcnemar(8, 2)
    assert compare(side(30), side(30)).detectable == 6.0


def test_several_comparisons_are_adjusted_together():
    comparisons = compare_all([side(40), side(30), side(34), side(40)])
    assert [c.difference for c in comparisons] == [10.0, 6.0, 0.0]
    assert [c.p_value for c in comparisons] == pytest.approx([2 / 1024, 2 / 64, 1.0])
    assert [c.adjusted_p_value for c in comparisons] == pytest.approx([6 / 1024, 4 / 64, 1.0])


@pytest.mark.parametrize("shapes", [((0, 5), (1, 5)), ((1, 5), (1, 4)), ((5,), (1, 5))])
def test_sides_without_runs_or_with_other_tasks_are_refused(shapes):
    with pytest.raises(ValueError, match="expected"):
        compare(*(np.zeros(shape, bool) for shape in shapes))
