"""The comparison of two sides, each some runs that differ in the seed alone: difference, interval, p-value, power."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from codeit_jax.statistics.paired_tests import Solved, holm, mcnemar, paired_permutation

LEVEL = 0.05
"""Chance of calling a difference where there is none: of intervals, and of what could show."""

POWER = 0.8
"""Chance with which a difference of the detectable size would be called one."""

RESAMPLES = 10_000

_BLOCK = 500  # resamples at once: a matrix of 500 x 400 weights and not one of 10,000 x 400


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two sides, in numbers of tasks; differences are first minus second.

    Attributes:
        num_tasks: how many tasks both sides were given.
        seeds: runs of each side.
        means: tasks solved by a run of each side, on average.
        difference: of the means.
        interval: the middle 95 % of the differences of resampled tasks and seeds.
        only_first: tasks that a larger share of the first side's seeds solve.
        only_second: the other way around.
        p_value: of `paired_permutation`, which with one seed a side is McNemar's exact test.
        adjusted_p_value: by `holm`, where several comparisons were made; else the same.
        detectable: the smallest difference that so many seeds could have shown: see `detectable_difference`.
        detectable_by: what that was computed from, `seeds` or `tasks`.
    """

    num_tasks: int
    seeds: tuple[int, int]
    means: tuple[float, float]
    difference: float
    interval: tuple[float, float]
    only_first: int
    only_second: int
    p_value: float
    adjusted_p_value: float
    detectable: float
    detectable_by: str


def compare(first: Solved, second: Solved, *, seed: int = 0) -> Comparison:
    """Compare two sides on the same tasks.

    Args:
        first: which tasks each run of the first side solves, bool [S, T].
        second: the same of the second side; S may differ.
        seed: of the resampling.

    Raises:
        ValueError: a side has no runs, or the sides have other numbers of tasks.
    """
    if first.ndim != 2 or second.ndim != 2 or not len(first) or not len(second):
        raise ValueError(f"shapes {first.shape} and {second.shape}, expected at least one run by tasks on both sides")
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"{first.shape[1]} and {second.shape[1]} tasks, expected the same on both sides")
    shares = first.mean(0) - second.mean(0)  # [T]
    means = float(first.sum(1).mean()), float(second.sum(1).mean())
    p_value = paired_permutation(first, second)
    detectable, detectable_by = detectable_difference(first, second)
    low, high = np.quantile(_resampled_differences(first, second, seed), [LEVEL / 2, 1 - LEVEL / 2])
    return Comparison(
        num_tasks=first.shape[1],
        seeds=(len(first), len(second)),
        means=means,
        difference=means[0] - means[1],
        interval=(float(low), float(high)),
        only_first=int((shares > 0).sum()),
        only_second=int((shares < 0).sum()),
        p_value=p_value,
        adjusted_p_value=p_value,
        detectable=detectable,
        detectable_by=detectable_by,
    )


def compare_all(sides: Sequence[Solved], *, seed: int = 0) -> list[Comparison]:
    """Compare the first side with each other one; their p-values are adjusted for being several."""
    first, *others = sides
    comparisons = [compare(first, other, seed=seed) for other in others]
    adjusted = holm([comparison.p_value for comparison in comparisons])
    return [replace(c, adjusted_p_value=value) for c, value in zip(comparisons, adjusted, strict=True)]


def mean_interval(solved: Solved, *, seed: int = 0) -> tuple[float, tuple[float, float]]:
    """Return how many tasks a run solves on average, and the middle 95 % of that over resampled tasks and seeds."""
    totals = _resampled_totals(solved, np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1]))
    low, high = np.quantile(totals, [LEVEL / 2, 1 - LEVEL / 2])
    return float(solved.sum(1).mean()), (float(low), float(high))


def detectable_difference(first: Solved, second: Solved) -> tuple[float, str]:
    """Return the smallest difference, in tasks, that these numbers of seeds could have shown, and what it is based on.

    With two seeds or more on a side the spread between seeds decides (`seeds`): a t-test of the runs' counts at level
    0.05 would find a difference of this size with power 0.8. Seeds that all solve the same number give 0.
    With one on both sides nothing is known of seeds (`tasks`): it is the smallest difference that McNemar's test would
    call significant with as many discordant tasks as were found, and 6 with fewer than 6, when it never does.
    """
    sizes = len(first), len(second)
    freedom = sum(sizes) - 2
    if not freedom:
        discordant = max(int((first != second).sum()), 6)
        wins = next(wins for wins in range(discordant, -1, -1) if mcnemar(wins - 1, discordant - wins + 1) > LEVEL)
        return float(2 * wins - discordant), "tasks"
    counts = first.sum(1), second.sum(1)
    variance = sum(float(((count - count.mean()) ** 2).sum()) for count in counts) / freedom
    quantiles = stats.t.ppf(1 - LEVEL / 2, freedom) + stats.t.ppf(POWER, freedom)
    return float(quantiles * sqrt(variance * (1 / sizes[0] + 1 / sizes[1]))), "seeds"


def _resampled_differences(first: Solved, second: Solved, seed: int) -> NDArray[np.float64]:
    """Return differences of the means of resampled tasks and seeds, [R]."""
    # The same stream of tasks for both sides, which is what makes them paired; seeds of each side have their own.
    totals = [
        _resampled_totals(side, np.random.default_rng([seed, 0]), np.random.default_rng([seed, number]))
        for number, side in enumerate((first, second), start=1)
    ]
    return totals[0] - totals[1]


def _resampled_totals(
    solved: Solved, task_rng: np.random.Generator, seed_rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the mean numbers of solved tasks when tasks and seeds are drawn with replacement, [R]."""
    num_seeds, num_tasks = solved.shape
    chosen = seed_rng.integers(num_seeds, size=(RESAMPLES, num_seeds))
    totals = []
    for start in range(0, RESAMPLES, _BLOCK):
        drawn = task_rng.integers(num_tasks, size=(_BLOCK, num_tasks)) + num_tasks * np.arange(_BLOCK)[:, None]
        # How often each task was drawn, [B, T]: the totals of all runs are then one product of matrices. Counted by
        # hand: NumPy's multinomial takes several times as long.
        weights = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
        by_seed = weights @ solved.T.astype(np.float64)  # [B, S]
        totals.append(np.take_along_axis(by_seed, chosen[start : start + _BLOCK], axis=1).mean(1))
    return np.concatenate(totals)
