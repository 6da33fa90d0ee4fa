"""Sum tree: twin (a plain list of floats), exact (fractions), contract. For statistics see test_draw_statistics."""

import copy
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeit_jax.replay import SumTree
from codeit_jax.replay.tree.tree_walk import TreeWalk

CAPACITIES = (1, 2, 7, 8, 9, 63, 64, 65, 500, 513, 4097)
any_float = st.floats(0, 1e300) | st.sampled_from([0.0, 5e-324, 1e-310, 1e-19, 0.5, 1.0, 1e15, 1e16, 1e300])


def assert_equals_fresh(tree: SumTree, priorities: np.ndarray) -> None:
    """The tree is bitwise what a new tree with the same priorities is, on every level."""
    fresh = SumTree(len(tree))
    fresh[:] = priorities
    assert tree.total() == fresh.total()
    for level, expected in zip(tree.levels.flat, fresh.levels.flat, strict=True):
        np.testing.assert_array_equal(level, expected)


@st.composite
def histories(draw):
    capacity = draw(st.sampled_from(CAPACITIES))
    batch = st.lists(st.tuples(st.integers(0, capacity - 1), any_float), max_size=40)
    return capacity, draw(st.lists(batch, max_size=8))


@settings(max_examples=60, deadline=None)
@given(histories(), st.data())
def test_matches_a_list_whatever_the_history(history, data):
    capacity, batches = history
    tree, twin = SumTree(capacity), [0.0] * capacity
    for batch in batches:
        tree[np.array([i for i, _ in batch], int)] = [p for _, p in batch]
        for index, priority in batch:
            twin[index] = priority
        if data.draw(st.booleans()):
            tree.total()  # flush at arbitrary moments
            assert tree.max() == max(twin)
            assert tree.min() == min((p for p in twin if p > 0), default=np.inf)
    assert len(tree) == capacity
    np.testing.assert_array_equal(tree[:], twin)
    assert_equals_fresh(tree, np.array(twin))
    exact = sum(map(Fraction, twin))
    assert abs(Fraction(tree.total()) - exact) <= exact * Fraction(capacity, 2**52)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(any_float, min_size=1, max_size=300), st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=600)
)
def test_query_agrees_with_exact_prefix_sums(priorities, shares):
    """Each mass lies in the interval of its leaf up to rounding of the sums, and the leaf is never empty."""
    tree = SumTree(len(priorities))
    tree[:] = priorities
    total = tree.total()
    if total == 0.0:
        return
    masses = np.minimum(np.array(shares) * total, np.nextafter(total, 0.0))
    found = tree.query(masses)
    ends = np.cumsum([Fraction(p) for p in priorities])
    slack = Fraction(total) * len(priorities) / 2**52
    for mass, leaf in zip(masses, found, strict=True):
        assert priorities[leaf] > 0.0
        start = ends[leaf] - Fraction(priorities[leaf])
        assert start - slack <= Fraction(mass) < ends[leaf] + slack


@pytest.mark.parametrize("capacity", CAPACITIES)
@pytest.mark.parametrize("num_masses", [1, 10, 100, 399, 400, 5000])
def test_query_equals_searchsorted_where_sums_are_exact(capacity, num_masses):
    rng = np.random.default_rng(capacity)
    priorities = rng.integers(0, 4, capacity).astype(float)
    priorities[rng.integers(capacity)] = 1.0
    tree = SumTree(capacity)
    tree[:] = priorities
    masses = rng.integers(0, int(priorities.sum()), num_masses) + rng.integers(0, 2, num_masses) / 2
    expected = np.searchsorted(np.cumsum(priorities), masses, side="right")
    np.testing.assert_array_equal(tree.query(masses), expected)


def test_one_draw_equals_a_batch_of_draws_for_the_same_target():
    rng = np.random.default_rng(3)
    tree = SumTree(3000)
    tree[:] = rng.integers(0, 3, 3000)
    masses = rng.integers(0, int(tree.total()), 500) + 0.5
    walk = TreeWalk(tree.levels)
    one_by_one = [walk.find_one(mass) for mass in masses]
    np.testing.assert_array_equal(tree.query(masses), one_by_one)


def test_rounding_at_the_end_of_a_node_steps_back_to_the_last_positive_leaf():
    tree = SumTree(10_000)
    tree[[17, 4242]] = [1e-30, 1e16]
    assert tree.total() == 1e16
    for num_targets in (10, 500, 5000):
        assert set(tree.query(np.full(num_targets, np.nextafter(1e16, 0)))) == {4242}
        leaves, values = TreeWalk(tree.levels).find(np.full(num_targets, 1e16 * (1 + 2**-51)))  # past the end
        assert set(leaves) == {4242}
        assert set(values) == {1e16}


@pytest.mark.parametrize("num_targets", [10, 500, 5000])
def test_targets_past_the_end_of_the_last_node_end_at_its_last_leaf(num_targets):
    """On every level nodes are filled up with children that do not exist; rounding must not lead there."""
    tree = SumTree(4097 * 8 + 1)
    tree[:] = 1.0
    leaves, _ = TreeWalk(tree.levels).find(np.full(num_targets, tree.total() * (1 + 2**-51)))
    assert set(leaves) == {len(tree) - 1}


@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1.0, 1e290])
@pytest.mark.parametrize("num_masses", [10, 100, 5000])
def test_masses_of_any_size_and_skew_are_found(scale, num_masses):
    """One slot holds half of the mass, 30,000 share a billionth: all of their nodes lie in one bin of the guide."""
    priorities = np.zeros(100_000)
    priorities[[5, 99_999]] = 2.0**40, 2.0**40 - 2.0**20
    priorities[50_000:80_000] = 8.0
    priorities *= scale
    tree = SumTree(100_000)
    tree[:] = priorities
    rng = np.random.default_rng(num_masses)
    shares = np.concatenate([[0.0, 1.0], rng.random(num_masses), 0.5 + rng.random(num_masses) * 1e-7])
    masses = np.minimum(rng.permutation(shares) * tree.total(), np.nextafter(tree.total(), 0))
    starts = np.cumsum(priorities) - priorities
    slack = tree.total() * 1e-11  # cumulating rounds 100,000 times
    found = tree.query(masses)
    assert (priorities[found] > 0).all()
    assert (starts[found] <= masses + slack).all()
    assert (masses <= starts[found] + priorities[found] + slack).all()


def test_the_order_of_targets_does_not_matter():
    rng = np.random.default_rng(4)
    tree = SumTree(200_000)
    tree[:] = rng.random(200_000)
    masses, order = np.sort(rng.random(9000)) * tree.total(), rng.permutation(9000)
    ascending = tree.query(masses)
    assert (np.diff(ascending) >= 0).all()
    np.testing.assert_array_equal(tree.query(masses[order]), ascending[order])


@pytest.mark.parametrize("capacity", [*CAPACITIES, 131_072, 131_077, 300_001])
def test_setting_all_equals_setting_each(capacity):
    """Sums are made from what is given, chunk by chunk, the last node apart; one by one they are not."""
    priorities = np.random.default_rng(capacity).random(capacity)
    tree = SumTree(capacity)
    tree[:] = 3.0
    tree[:] = priorities[::-1]
    for part in np.array_split(np.random.default_rng(0).permutation(capacity), 7):
        tree[part] = priorities[part]
        tree.total()
    assert_equals_fresh(tree, priorities)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
@pytest.mark.parametrize("position", [0, 140_000, 300_000])
def test_setting_all_sets_all_or_nothing(bad, position):
    before = np.random.default_rng(1).random(300_001)
    tree = SumTree(300_001)
    tree[:] = before
    values = np.ones(300_001)
    values[position] = bad
    with pytest.raises(ValueError, match="finite and not negative"):
        tree[:] = values
    assert tree.max() == before.max()
    assert_equals_fresh(tree, before)


def test_the_last_of_equal_indices_wins():
    for capacity in (10, 10_000):
        tree = SumTree(capacity)
        tree[[3, 4, 3, 3]] = [1.0, 2.0, 5.0, 7.0]
        assert tree[3] == 7.0
        assert tree.total() == 9.0


def test_indices_may_be_reused_before_the_flush():
    tree, indices = SumTree(10_000), np.array([1, 2, 3])
    tree[indices] = 1.0
    indices[:] = 9
    assert_equals_fresh(tree, tree[:])
    assert tree.total() == 3.0


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("size", [1, 300])
def test_refuses_bad_priorities_and_changes_nothing(bad, size):
    tree = SumTree(1000)
    tree[:] = 1.0
    values = np.ones(size)
    values[-1] = bad
    with pytest.raises(ValueError, match="finite and not negative"):
        tree[np.arange(size)] = values
    assert_equals_fresh(tree, np.ones(1000))


@pytest.mark.parametrize("bad", [[-1], [10], [0, 10], [2**40], [0.5], [True, False]])
def test_refuses_bad_indices(bad):
    tree = SumTree(10)
    with pytest.raises(IndexError):
        tree[bad] = 1.0
    with pytest.raises(IndexError):
        tree[bad]
    assert tree.total() == 0.0


def test_accepts_scalars_slices_masks_and_shapes():
    tree = SumTree(6)
    tree[2] = 3
    tree[3:] = [1, 2, 4]
    tree[np.array([True, False, False, False, False, False])] = 8
    np.testing.assert_array_equal(tree[np.array([[0, 1], [2, 5]])], [[8, 0], [3, 4]])
    np.testing.assert_array_equal(tree[::2], [8, 3, 2])
    tree[np.array([[0, 1]])] = [[5, 6]]
    np.testing.assert_array_equal(tree[:2], [5, 6])
    tree[np.array([], int)] = np.array([])
    assert isinstance(tree.total(), float)


def test_refuses_what_it_cannot_do():
    tree = SumTree(5)
    with pytest.raises(ValueError, match="all priorities are zero"):
        tree.sample(3)
    tree[:] = [1, 0, 1, 0, 0]
    with pytest.raises(ValueError, match="only 2 priorities are positive"):
        tree.sample(3, replacement=False)
    with pytest.raises(ValueError, match="method"):
        tree.sample(3, method="random")
    with pytest.raises(ValueError, match="not be negative"):
        tree.sample(-1)
    with pytest.raises(ValueError, match="must be in"):
        tree.query([2.0])
    with pytest.raises(ValueError, match="at least 1"):
        SumTree(0)
    with pytest.raises(ValueError, match="only float64"):
        SumTree(5, dtype=np.float32)
    tree[:2] = 1.7e308
    with pytest.raises(OverflowError), np.errstate(over="ignore"):
        tree.sample(2)


def test_empty_tree_has_identities_as_extrema():
    tree = SumTree(100)
    assert (tree.total(), tree.min(), tree.max(), len(tree)) == (0.0, np.inf, 0.0, 100)


@pytest.mark.parametrize("clone", [lambda tree: pickle.loads(pickle.dumps(tree)), copy.deepcopy, "state_dict"])
def test_a_restored_tree_draws_the_same(clone):
    tree = SumTree(5000, rng=np.random.default_rng(1))
    tree[np.random.default_rng(2).integers(0, 5000, 900)] = np.random.default_rng(3).random(900)
    tree.sample(10)
    if clone == "state_dict":
        restored = SumTree(1)
        restored.load_state_dict(tree.state_dict())
    else:
        restored = clone(tree)
    assert_equals_fresh(restored, tree[:])
    for arguments in ({"n": 7}, {"n": 600, "method": "stratified"}, {"n": 300, "replacement": False}):
        np.testing.assert_array_equal(tree.sample(**arguments), restored.sample(**arguments))


def test_state_of_another_version_is_refused():
    state = SumTree(3).state_dict() | {"version": 99}
    with pytest.raises(ValueError, match="version 99"):
        SumTree(3).load_state_dict(state)


def test_spike_leaves_no_trace():
    rng = np.random.default_rng(0)
    priorities = rng.random(100_000)
    tree = SumTree(100_000)
    tree[:] = priorities
    before = tree.total()
    spikes = rng.choice(100_000, 1000, replace=False)
    tree[spikes] = 1e15
    assert tree.total() > 9e17
    tree[spikes] = priorities[spikes]
    assert tree.total() == before
    assert_equals_fresh(tree, priorities)


def many_updates(num_updates: int, batch: int, capacity: int) -> None:
    rng = np.random.default_rng(1)
    tree, twin = SumTree(capacity), np.zeros(capacity)
    for _ in range(num_updates // batch):
        indices, values = rng.integers(0, capacity, batch), np.exp(rng.uniform(-14, 7, batch))
        tree[indices] = values
        twin[indices] = values
        tree.total()
    assert_equals_fresh(tree, twin)


@pytest.mark.parametrize("batch", [1, 30, 5000])
def test_many_updates_leave_no_drift(batch):
    many_updates(2000 * batch if batch < 5000 else 200_000, batch, 100_000)


@pytest.mark.slow
def test_ten_million_updates_leave_no_drift():
    many_updates(10_000_000, 1000, 100_000)


@pytest.mark.slow
def test_ten_million_slots():
    rng = np.random.default_rng(0)
    tree = SumTree(10_000_000)
    priorities = rng.random(10_000_000)
    tree[:] = priorities
    indices = rng.integers(0, 10_000_000, 100_000)
    tree[indices] = 2.0
    priorities[indices] = 2.0
    assert_equals_fresh(tree, priorities)
    assert len(np.unique(tree.sample(90_000, replacement=False))) == 90_000
    assert (tree.min(), tree.max()) == (priorities[priorities > 0].min(), 2.0)


def test_memory_per_slot():
    """9.2 bytes a slot: the leaves, one seventh for the inner nodes, and tables that do not grow."""
    tree = SumTree(1_000_000)
    assert sum(level.nbytes for level in tree.levels.flat) <= 9.2e6


def test_nodes_start_on_cache_lines():
    for level in SumTree(100_000).levels.flat[:-1]:  # all but the root
        assert level.__array_interface__["data"][0] % 64 == 0
