"""Draws follow their law: statistical (fixed seeds; |z| < 4.5 is exceeded 1 time in 150,000), exact on small cases."""

import itertools

import numpy as np
import pytest

from codeit_jax.replay import SumTree
from codeit_jax.replay.tree.tree_draws import RACE_FROM_SHARE, race, race_keys

MAX_Z = 4.5


def chi_square_z(counts: np.ndarray, probabilities: np.ndarray) -> float:
    """Standardized chi-square; also checks that nothing of probability zero was drawn."""
    assert not counts[probabilities == 0].any()
    expected = probabilities[probabilities > 0] * counts.sum()
    chi_square = ((counts[probabilities > 0] - expected) ** 2 / expected).sum()
    freedom = len(expected) - 1
    return (chi_square - freedom) / np.sqrt(2 * freedom)


def tree_of(priorities: np.ndarray, seed: int = 0) -> SumTree:
    tree = SumTree(len(priorities), rng=np.random.default_rng(seed))
    tree[:] = priorities
    return tree


def sparse_priorities(num_slots: int) -> np.ndarray:
    rng = np.random.default_rng(7)
    return np.where(rng.random(num_slots) < 0.2, 0.0, np.exp(rng.normal(0, 1, num_slots)))


@pytest.mark.parametrize("batch", [1, 3, 100, 500, 10_000])
def test_iid_draws_are_proportional(batch):
    priorities = sparse_priorities(1000)
    tree = tree_of(priorities)
    num_draws = 20_000 * batch if batch < 10 else 300_000
    draws = np.concatenate([tree.sample(batch) for _ in range(num_draws // batch)])
    assert abs(chi_square_z(np.bincount(draws, minlength=1000), priorities / priorities.sum())) < MAX_Z


@pytest.mark.parametrize("method", ["stratified", "systematic"])
def test_stratified_draws_have_the_right_mean_and_less_spread(method):
    priorities = sparse_priorities(1000)
    expected = priorities / priorities.sum() * 500
    tree = tree_of(priorities)
    counts = np.array([np.bincount(tree.sample(500, method=method), minlength=1000) for _ in range(2000)])
    error = counts.mean(0) - expected
    bound = MAX_Z * np.sqrt(expected / 2000) + 1e-12
    assert (np.abs(error) <= bound).all()
    assert not counts[:, priorities == 0].any()
    assert (np.abs(counts - expected) < (1 if method == "systematic" else 2) + 1e-9).all()


@pytest.mark.parametrize(
    ("method", "replacement"), [("iid", True), ("stratified", True), ("systematic", True), ("iid", False)]
)
def test_order_is_random_unless_sorted(method, replacement):
    """The first of 50 draws is as likely to be any slot as the priorities say."""
    tree = tree_of(np.ones(1000))
    first = [tree.sample(50, replacement, method)[0] for _ in range(4000)]
    z = (np.mean(first) - 499.5) / (288.7 / np.sqrt(4000))
    assert abs(z) < MAX_Z
    ascending = tree.sample(50, replacement, method, sort=True)
    assert (np.diff(ascending) >= 0).all()


def test_parts_of_a_draw_are_alike():
    draws = tree_of(np.arange(100.0)).sample(60_000)
    half = np.bincount(draws[:30_000], minlength=100)
    assert abs(chi_square_z(half, np.arange(100) / 4950)) < MAX_Z


def dispersion_z(num_slots: int, num_draws: int, num_rounds: int) -> float:
    priorities = np.random.default_rng(5).uniform(0.7, 1.3, num_slots)
    tree = tree_of(priorities, seed=11)
    counts = np.zeros(num_slots, np.int64)
    for _ in range(num_rounds):
        counts += np.bincount(tree.sample(num_draws // num_rounds, sort=True), minlength=num_slots)
    return chi_square_z(counts, priorities / priorities.sum())


def test_dispersion_at_a_hundred_thousand():
    assert abs(dispersion_z(100_000, 1_000_000, 10)) < MAX_Z


@pytest.mark.slow
@pytest.mark.parametrize("num_slots", [1_000_000, 10_000_000])
def test_dispersion_of_large_trees(num_slots):
    """Where float32 trees have z = 282 to 570."""
    assert abs(dispersion_z(num_slots, 3 * num_slots, 30)) < MAX_Z


def set_law(weights: np.ndarray, k: int) -> dict[tuple[int, ...], float]:
    """Chance of each set of k positions under successive sampling, by summing over all orders."""
    law: dict[tuple[int, ...], float] = {}
    for order in itertools.permutations(np.flatnonzero(weights).tolist(), k):
        left, chance = weights.sum(), 1.0
        for position in order:
            chance *= weights[position] / left
            left -= weights[position]
        key = tuple(sorted(order))
        law[key] = law.get(key, 0.0) + chance
    return law


def spread_out(weights: np.ndarray, num_slots: int) -> tuple[np.ndarray, np.ndarray]:
    """The same weights among many zeros, so that the tree method is chosen."""
    slots = np.linspace(0, num_slots - 1, len(weights)).astype(int)
    priorities = np.zeros(num_slots)
    priorities[slots] = weights
    return priorities, slots


@pytest.mark.parametrize("num_slots", [6, 300])
@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_without_replacement_has_the_law_of_successive_draws(num_slots, k):
    weights = np.array([5.0, 1.0, 0.3, 2.0, 0.0, 9.0])
    priorities, slots = spread_out(weights, num_slots)
    assert (k < RACE_FROM_SHARE * num_slots) == (num_slots == 300)  # one size for each method
    tree = tree_of(priorities, seed=k)
    law = set_law(weights, k)
    seen = dict.fromkeys(law, 0)
    back = {slot: position for position, slot in enumerate(slots.tolist())}
    for _ in range(4000):
        seen[tuple(sorted(back[slot] for slot in tree.sample(k, replacement=False).tolist()))] += 1
    if len(law) == 1:
        assert list(seen.values()) == [4000]
    else:
        assert abs(chi_square_z(np.array(list(seen.values())), np.array(list(law.values())))) < MAX_Z


@pytest.mark.parametrize("k", [1000, 1249, 1250, 5000])
def test_tree_and_race_agree_on_inclusion(k):
    """Shares of three weight classes among k of 20,000, on both sides of the switch, against the race itself."""
    weights = np.repeat([1.0, 5.0, 50.0], [12_000, 7_000, 1_000])
    tree = tree_of(weights, seed=1)
    rng = np.random.default_rng(2)
    classes = np.array([1.0, 5.0, 50.0])
    ours = np.array([[(weights[tree.sample(k, replacement=False)] == c).sum() for c in classes] for _ in range(60)])
    races = np.array([[(weights[race(weights, k, rng)] == c).sum() for c in classes] for _ in range(60)])
    z = (ours.mean(0) - races.mean(0)) / np.sqrt(ours.var(0) / 60 + races.var(0) / 60 + 1e-9)
    assert (np.abs(z) < MAX_Z).all()


@pytest.mark.parametrize("k", [900, 30_000])
def test_every_scored_item_comes_before_any_tiny_one(k):
    """1e-19 beside 0.5 vanishes in a sum; a draw of k must still hold all scored items, and tiny ones uniformly."""
    num_scored = k // 2
    priorities = np.full(50_000, 1e-19)
    priorities[:num_scored] = np.random.default_rng(0).choice([0.25, 0.5, 1.0], num_scored)
    drawn = tree_of(priorities).sample(k, replacement=False)
    assert len(np.unique(drawn)) == k
    assert (drawn < num_scored).sum() == num_scored
    tiny = drawn[drawn >= num_scored]
    z = (tiny.mean() - (num_scored + 49_999) / 2) / ((50_000 - num_scored) / np.sqrt(12 * len(tiny)))
    assert abs(z) < MAX_Z


@pytest.mark.parametrize("num_slots", [10, 10_000])
def test_subnormal_weights_are_drawn_too(num_slots):
    priorities = np.zeros(num_slots)
    priorities[:4] = [5e-324, 1.0, 1e-310, 1e-300]
    assert sorted(tree_of(priorities).sample(4, replacement=False).tolist()) == [0, 1, 2, 3]
    assert set(tree_of(priorities).sample(2, replacement=False).tolist()) == {1, 3}


def test_taking_all_takes_all():
    for num_slots in (1, 2, 17, 1000):
        drawn = tree_of(np.arange(1.0, num_slots + 1)).sample(num_slots, replacement=False)
        np.testing.assert_array_equal(np.sort(drawn), np.arange(num_slots))


def test_race_keys_of_parts_merge_to_the_keys_of_the_whole():
    """The smallest key of a union of exponentials of rates w is exponential of rate sum(w)."""
    weights = np.array([0.0, 1.0, 2.0, 4.0])
    smallest = [race_keys(weights, 1, np.random.default_rng(seed))[0][0] for seed in range(4000)]
    z = (np.mean(smallest) - 1 / 7) / (1 / 7 / np.sqrt(4000))
    assert abs(z) < MAX_Z
    keys, positions = race_keys(weights, 10, np.random.default_rng(0))
    assert sorted(positions) == [1, 2, 3]
    assert (np.diff(keys) >= 0).all()
