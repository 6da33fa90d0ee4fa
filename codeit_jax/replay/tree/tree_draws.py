"""Draws: targets in the cumulated mass, and exact draws without replacement, by a race or by repeated tree draws.

Both of the latter follow successive sampling: the next item is drawn among those left, in proportion to its weight.

Race (Efraimidis and Spirakis, 2006): every item gets the key Exp(1) / weight, the k smallest keys win. O(N), and keys
tell apart weights that a sum cannot: 1e-19 beside 0.5.

Tree: draw as many items as are still missing, with replacement, keep the new ones, repeat. A round never yields more
than is missing, so no draw is cut off and the result is exactly the first k distinct values of one i.i.d. sequence.
O(k log N), best for few of many.
"""

from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from codeit_jax.replay.tree.arrays import FloatArray, IntArray, distinct

Method = Literal["iid", "stratified", "systematic"]
"""Of draws with replacement."""

RACE_FROM_SHARE = 1 / 16
_MIN_NEW_SHARE = 0.2
_MAX_SMALL_ROUNDS = 8
_SMALL_ROUND = 1024
_SUBNORMAL_SCALE = 2.0**900


class Drawable(Protocol):
    """What tree draws need: ascending i.i.d. draws, and the weights."""

    def sample(self, n: int, *, sort: bool, rng: np.random.Generator) -> IntArray:
        """Draw n positions with replacement."""

    @property
    def priorities(self) -> FloatArray:
        """The weights, [n]."""


def draw_targets(n: int, total: float, method: Method, sort: bool, rng: np.random.Generator) -> FloatArray:
    """Return n targets in [0, total), in random order, or ascending with `sort`; rounding may reach the total."""
    if method == "iid":
        targets = rng.random(n)
        targets *= total
        if sort:
            targets.sort()
    elif method in ("stratified", "systematic"):
        targets = np.arange(n, dtype=np.float64)  # [n]: where each share starts
        targets += rng.random(n) if method == "stratified" else rng.random()
        # Shares of the mass, each of width total / n.
        targets *= total / n
        # Ascending, the first targets of a batch would all lie at its beginning.
        if not sort:
            rng.shuffle(targets)
    else:
        raise ValueError(f"method is {method!r}: must be 'iid', 'stratified' or 'systematic'")
    return targets


def race_keys(weights: FloatArray, k: int, rng: np.random.Generator) -> tuple[FloatArray, IntArray]:
    """Return the k smallest race keys, ascending, and their positions; fewer if fewer weights have a finite key.

    The k smallest keys of a union are among the k smallest of each part: shards can be merged by their keys.
    """
    keys, winners = _unsorted_race(weights, k, rng)
    order = keys.argsort(kind="stable")
    return keys[order], winners[order]


def race(weights: FloatArray, k: int, rng: np.random.Generator) -> IntArray:
    """Return k positions drawn without replacement, in no particular order; fewer if fewer weights are positive."""
    _, winners = _unsorted_race(weights, k, rng)
    if len(winners) == k:
        return winners
    # Keys of weights below about 1e-300 overflow. An exponential clock has no memory: those that reach the end of the
    # range start again, so a second race among them, scaled up, has the right law.
    rest = np.where(weights < 1.0, weights, 0.0) * _SUBNORMAL_SCALE
    rest[winners] = 0.0
    _, late_winners = _unsorted_race(rest, k - len(winners), rng)
    return np.concatenate([winners, late_winners])


def draw_without_replacement(tree: Drawable, k: int, rng: np.random.Generator) -> IntArray:
    """Return k leaves drawn without replacement, in random order; fewer if fewer leaves are positive."""
    weights = tree.priorities
    k = min(k, len(weights))
    if k == 0:
        return np.empty(0, np.int64)
    drawn = race(weights, k, rng) if k >= RACE_FROM_SHARE * len(weights) else _distinct_draws(tree, k, rng)
    rng.shuffle(drawn)
    return drawn


def _unsorted_race(weights: FloatArray, k: int, rng: np.random.Generator) -> tuple[FloatArray, IntArray]:
    keys = rng.standard_exponential(len(weights))
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # 0 / 0 is NaN, which is not finite either
        np.divide(keys, weights, out=keys)
    # Keys 0 / 0 and x / 0 are no finite ones, so weights of zero never win.
    winners = np.argpartition(keys, k - 1)[:k] if 0 < k < len(keys) else np.arange(min(k, len(keys)))
    won = keys.take(winners)
    if not won.max(initial=0.0) < np.inf:
        finite = np.isfinite(won)
        won, winners = won[finite], winners[finite]
    return won, winners


def _distinct_draws(tree: Drawable, k: int, rng: np.random.Generator) -> IntArray:
    weights = tree.priorities
    if not weights.any():
        return np.empty(0, np.int64)
    seen: npt.NDArray[np.bool_] = np.zeros(len(weights), bool)
    rounds: list[IntArray] = []
    missing, poor_rounds = k, 0
    while missing:
        draws = tree.sample(missing, sort=True, rng=rng)
        draws = distinct(draws)  # all of them: to stop at the first k ascending ones would favor low positions
        draws = draws[~seen.take(draws)]
        seen[draws] = True
        rounds.append(draws)
        poor_rounds = poor_rounds + 1 if len(draws) < _MIN_NEW_SHARE * missing else 0
        missing -= len(draws)
        if missing and poor_rounds and (missing > _SMALL_ROUND or poor_rounds > _MAX_SMALL_ROUNDS):
            rounds.append(race(np.where(seen, 0.0, weights), missing, rng))  # most of the mass is drawn
            break
    return np.concatenate(rounds)
