"""Exact tests of two ways of solving the same tasks, paired by task, and Holm's correction for several of them.

Shape letters of this room: S seeds of one side, T tasks, R resamples.
"""

from collections.abc import Sequence
from math import comb

import numpy as np
from numpy.typing import NDArray

Solved = NDArray[np.bool_]
"""Which of the T tasks each of S runs solves, bool [S, T]."""


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the p-value of McNemar's exact test, both sides (McNemar, 1947): is either side likelier to win a task?

    Args:
        only_first: tasks that only the first side solves.
        only_second: those that only the second does. Tasks that both or neither solve say nothing.
    """
    discordant = only_first + only_second
    # Each discordant task is a fair coin under the null hypothesis; the binomial is symmetric, so two equal tails.
    tail = sum(comb(discordant, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, float(2 * tail / 2**discordant))  # integers until the last division: exact for any number of tasks


def paired_permutation(first: Solved, second: Solved) -> float:
    """Return the p-value, both sides, of the exact paired permutation test (Fisher, 1935) on shares of solving seeds.

    Under the null hypothesis each task's results could as well have come with the sides exchanged; the statistic is the
    difference of the mean numbers of solved tasks. With one run on each side this is `mcnemar`. Seeds are taken as they
    are: that others might have done better or worse is the business of an interval.

    Args:
        first: of one side, [S, T].
        second: of the other; S may differ, T not.
    """
    # In units of 1 / (S S'), in which a task's difference of shares is an integer.
    differences = len(second) * first.sum(0, dtype=np.int64) - len(first) * second.sum(0, dtype=np.int64)  # [T]
    sizes = np.abs(differences[differences != 0]).tolist()
    reach = sum(sizes)
    # Probabilities of all sums of the sizes with random signs, by one convolution a task; `reach` is the zero.
    sums = np.zeros(2 * reach + 1)
    sums[reach] = 1.0
    for size in sizes:
        sums = (np.roll(sums, size) + np.roll(sums, -size)) / 2  # nothing wraps: sums never exceed the reach
    found = abs(int(differences.sum()))
    extreme = np.abs(np.arange(-reach, reach + 1)) >= found
    return float(min(1.0, sums[extreme].sum()))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for being several (Holm, 1979), in the order given.

    Where those below a level are called significant, the chance that any of these calls is wrong is at most that level.
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        # The smallest is multiplied most; none may come out below one that was smaller.
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted
