"""Contract: what other replay buffers get wrong, one test each; its docstring says what they do."""

import copy
import pickle

import numpy as np
import pytest

from codeit_jax.replay import LowestPriority, PrioritizedReplayBuffer, SumTree


def buffer_of(priorities, **arguments):
    buffer = PrioritizedReplayBuffer(len(priorities), **arguments)
    buffer.add(list(range(len(priorities))), priorities)
    return buffer


def test_half_of_the_priorities_zero():
    """Zero minimum: all importance weights 0, or an error on a non-positive minimum."""
    priorities = np.tile([0.0, 1.0, 3.0], 100)
    for max_weight in ("batch", "buffer", None):
        batch = buffer_of(priorities, alpha=0.6, beta=0.4, max_weight=max_weight).sample(500)
        assert np.isfinite(batch.weights).all()
        assert (batch.weights > 0).all()
        assert (priorities[batch.indices] > 0).all()
        assert batch.probabilities.min() > 0


def test_all_priorities_zero():
    """Weights NaN, or always the first or the last slot."""
    batch = buffer_of(np.zeros(50), beta=0.4).sample(1000)
    assert len(set(batch.indices.tolist())) == 50
    assert np.isfinite(batch.weights).all()


def test_save_and_load_keep_priorities(tmp_path):
    """Transitions saved without priorities: an item with 99.99 % of the mass is drawn 1 % of the time."""
    buffer = buffer_of(np.r_[np.full(99, 1e-4 / 99), 1.0 - 1e-4])
    buffer.save(tmp_path / "replay")
    loaded = PrioritizedReplayBuffer.load(tmp_path / "replay", allow_pickle=True)
    assert (loaded.sample(10_000).indices == 99).mean() > 0.999


def test_pickle_keeps_inner_nodes():
    """Inner nodes not rebuilt: only index 0 drawn, probabilities NaN."""
    for clone in (lambda b: pickle.loads(pickle.dumps(b)), copy.deepcopy):
        original = buffer_of(np.arange(1.0, 1001), seed=4)
        copied = clone(original)
        np.testing.assert_array_equal(copied.sample(500).indices, original.sample(500).indices)
        assert np.isfinite(copied.sample(5).probabilities).all()


def test_a_power_of_two_does_not_double_the_leaves():
    """Leaves allocated with <=: twice the memory at 2 ** 20."""
    assert len(SumTree(2**20).levels.flat[0]) == 2**20


def test_the_last_of_equal_indices_wins_in_updates():
    """The first value wins."""
    buffer = buffer_of([1.0, 1.0])
    buffer.update_priorities([0, 1, 0], [5.0, 6.0, 7.0])
    assert buffer.priorities.raw.tolist() == [7.0, 6.0]
    assert buffer.priorities.tree.total() == 13.0


def test_a_capacity_that_is_no_power_of_two():
    """Masses .5, 1.5, 2.5 over three equal leaves give 1, 2, 0."""
    tree = SumTree(3)
    tree[:] = 1.0
    assert tree.query([0.5, 1.5, 2.5]).tolist() == [0, 1, 2]


@pytest.mark.parametrize("bad", [np.nan, -1.0, np.inf])
def test_bad_priorities_are_refused(bad):
    """NaN and negative priorities accepted in silence."""
    buffer = buffer_of([1.0, 2.0])
    with pytest.raises(ValueError, match="finite and not negative"):
        buffer.update_priorities([0], bad)
    with pytest.raises(ValueError, match="finite and not negative"):
        buffer.add(["x"], bad)


def test_eviction_works_and_counts_ties():
    """Eviction deletes from the wrong dict (KeyError), or removes nothing when priorities are equal."""
    buffer = PrioritizedReplayBuffer(1000, eviction=LowestPriority(0.5))
    for start in range(0, 5000, 100):
        buffer.add(list(range(start, start + 100)), 1.0, key=range(start, start + 100))
        assert len(buffer) <= 1000
    assert sorted(buffer.items().data.tolist())[-1] == 4999


def test_size_counts_distinct_keys():
    """Size grows with every repeated key."""
    buffer = PrioritizedReplayBuffer(10)
    buffer.add(["a", "b", "a2"], [0.1, 0.2, 0.9], key=[("t", "p"), ("t", "q"), ("t", "p")])
    buffer.add(["a3"], 0.5, key=[("t", "p")])
    assert len(buffer) == 2
    assert buffer.get([("t", "p")]).data.tolist() == ["a3"]
    assert buffer.get([("t", "p")]).indices == buffer.items().indices[0]  # it keeps its place


def test_draws_without_replacement_are_distinct_and_positive():
    """Duplicates and zero weights drawn; at most 2 ** 24 categories."""
    priorities = np.where(np.arange(20_000) % 3 == 0, 0.0, 1.0)
    for k in (100, 10_000):
        drawn = buffer_of(priorities).sample(k, replacement=False).indices
        assert len(np.unique(drawn)) == k
        assert (priorities[drawn] > 0).all()


def test_a_spike_leaves_the_total_as_it_was():
    """Sums changed by differences lose 28 % of the total after one spike."""
    buffer = buffer_of(np.full(2000, 1e-3))
    before = buffer.priorities.tree.total()
    buffer.update_priorities(np.arange(500), 1e15)
    buffer.sample(10)
    buffer.update_priorities(np.arange(500), 1e-3)
    assert buffer.priorities.tree.total() == before


def test_max_priority_forgets_what_left():
    """The maximum ever seen, not the maximum in the buffer."""
    buffer = buffer_of([1.0, 100.0, 2.0])
    buffer.update_priorities([1], 0.5)
    assert buffer.max_priority == 2.0
    assert buffer.min_priority == 0.5
