"""Access by slot and age, nested columns, clearing, decay, tiny priorities, larger rings: exact, twin, counts."""

import resource
import subprocess
import sys

import numpy as np
import pytest

from codeit_jax.replay import Column, MaxAge, Payload, PrioritizedReplayBuffer, Ring, SumTree, Tokens

NESTED = {
    "observation": {"image": Column(np.uint8, (2, 2)), "state": {"speed": np.float32, "words": Tokens()}},
    "info": Payload(),
    "reward": np.float64,
}


def nested_items(numbers):
    return {
        "observation": {
            "image": np.array([np.full((2, 2), n) for n in numbers], np.uint8),
            "state": {"speed": np.array(numbers, np.float32), "words": [[n] * (n % 3) for n in numbers]},
        },
        "info": [{"number": n} for n in numbers],  # a payload may be a mapping itself
        "reward": np.array(numbers, float),
    }


@pytest.mark.parametrize("how", ["kept", "file"])
def test_columns_may_be_nested(tmp_path, how):
    buffer = PrioritizedReplayBuffer(10, NESTED)
    buffer.add(nested_items([3, 4, 5]), 1.0)
    one = {"image": np.ones((2, 2), np.uint8), "state": {"speed": 1.0, "words": [7]}}
    buffer.add({"observation": one, "info": {"a": 1}, "reward": 2.0})
    if how == "file":
        buffer.save(tmp_path / "replay")
        buffer = PrioritizedReplayBuffer.load(tmp_path / "replay", allow_pickle=True)
    data = buffer.items().data
    assert data["observation"]["image"][:, 1, 0].tolist() == [3, 4, 5, 1]
    assert data["observation"]["state"]["speed"].tolist() == [3, 4, 5, 1]
    assert [row.tolist() for row in data["observation"]["state"]["words"]] == [[], [4], [5, 5], [7]]
    assert data["info"].tolist() == [{"number": 3}, {"number": 4}, {"number": 5}, {"a": 1}]
    lacking = nested_items([1])
    del lacking["observation"]["state"]["speed"]
    with pytest.raises(ValueError, match=r"must be \['info', 'observation/image', 'observation/state/speed'"):
        buffer.add(lacking)
    with pytest.raises(ValueError, match="no '/'"):
        PrioritizedReplayBuffer(3, {"a": {"b/c": np.float32}})
    with pytest.raises(ValueError, match="schema is empty"):
        PrioritizedReplayBuffer(3, {"a": {}})
    assert PrioritizedReplayBuffer(3, {"a/b": np.float32}).add({"a/b": 1.0}) == 0  # a name like any other


def test_items_by_slot_and_by_age():
    buffer = PrioritizedReplayBuffer(5, {"x": np.int64})
    for number in range(8):
        buffer.add({"x": number}, 1.0 + number)
    assert buffer.at([0, 4, 0]).data["x"].tolist() == [5, 4, 5]
    assert [buffer[k].data["x"].tolist() for k in (0, -1, 2)] == [[3], [7], [5]]
    assert buffer[1:-1].data["x"].tolist() == [4, 5, 6]
    assert buffer[[-1, 0]].data["x"].tolist() == [7, 3]
    assert [item.data["x"].tolist() for item in buffer] == [[3], [4], [5], [6], [7]]
    with pytest.raises(IndexError):
        buffer[5]
    keyed = PrioritizedReplayBuffer(5, {"x": np.int64})
    keyed.add({"x": np.arange(4)}, 1.0, key=range(4))
    keyed.remove([1])
    keyed.add({"x": 9}, 1.0)  # into the hole
    assert keyed[:].data["x"].tolist() == [0, 2, 3, 9]
    keyed.remove([0])
    with pytest.raises(IndexError, match="slot 0 is empty"):
        keyed.at(0)


@pytest.mark.parametrize("eviction", [Ring(), MaxAge(100)])
def test_a_cleared_buffer_is_as_new_but_for_its_stamps(eviction):
    buffer = PrioritizedReplayBuffer(5, NESTED, eviction=eviction)
    for start in range(0, 9, 3):
        buffer.add(nested_items([start, start + 1, start + 2]), 7.0, key=[start, start + 1, start + 2], group=[1, 1, 2])
    stale = buffer.items()
    buffer.clear()
    assert len(buffer) == 0
    assert 8 not in buffer
    assert (buffer.max_priority, buffer.min_priority) == (0.0, np.inf)
    with pytest.raises(ValueError, match="empty"):
        buffer.sample(1)
    assert buffer.add(nested_items([1, 2, 3, 4, 5]), 1.0, key=range(5)).tolist() == [0, 1, 2, 3, 4]
    assert buffer.update_priorities(stale.indices, 9.0, stale.generation) == 0


def test_weights_may_be_float32():
    buffer = PrioritizedReplayBuffer(9, {"x": np.int64}, beta=0.5, weights_dtype=np.float32)
    buffer.add({"x": np.arange(9)}, np.arange(1.0, 10.0))
    twin = PrioritizedReplayBuffer(9, {"x": np.int64}, beta=0.5)
    twin.load_state_dict(buffer.state_dict())
    first, second = buffer.sample(20), twin.sample(20)
    assert first.weights.dtype == np.float32
    np.testing.assert_array_equal(first.weights, second.weights.astype(np.float32))


@pytest.mark.parametrize("alpha", [1.0, 0.5])
def test_decayed_priorities_are_those_of_a_pass_over_all(alpha):
    """So strong a decay that the masses are made anew several times."""
    rng, decay = np.random.default_rng(0), 0.8
    buffer = PrioritizedReplayBuffer(40, {"x": np.int64}, alpha=alpha, decay=decay, seed=1)
    raw, added = {}, {}
    for number in range(0, 9000, 3):
        values = rng.random(3) + 0.1
        slots = buffer.add({"x": np.arange(number, number + 3)}, values)
        for k, slot in enumerate(slots.tolist()):
            raw[slot], added[slot] = values[k], number + k
        if number % 7 == 0:
            slot = int(rng.integers(len(raw)))
            buffer.update_priorities([slot], 5.0)
            raw[slot] = 5.0
        if number % 500 == 0:
            stored = buffer.items()
            expected = np.array([(raw[s] * decay ** (number + 2 - added[s])) ** alpha for s in stored.indices.tolist()])
            np.testing.assert_allclose(stored.probabilities, expected / expected.sum(), rtol=1e-9)
    assert buffer.max_priority == max(raw.values())  # raw ones stay as they were given


def test_a_decayed_buffer_comes_back_bitwise(tmp_path):
    buffer = PrioritizedReplayBuffer(50, {"x": np.int64}, alpha=0.7, decay=0.9, seed=1)
    for start in range(0, 3000, 30):
        buffer.add({"x": np.arange(start, start + 30)}, 1.0)
    buffer.save(tmp_path / "replay")
    restored = PrioritizedReplayBuffer.load(tmp_path / "replay")
    np.testing.assert_array_equal(restored.priorities.tree.priorities, buffer.priorities.tree.priorities)
    for _ in range(20):
        for target in (buffer, restored):
            target.add({"x": np.arange(30)}, 2.0)
        np.testing.assert_array_equal(restored.sample(30).indices, buffer.sample(30).indices)
    with pytest.raises(OverflowError, match="with a decay"):
        buffer.add({"x": 1}, 1e300)
    assert buffer.max_priority == 2.0


def test_decay_costs_no_pass_over_all():
    """Masses are made anew once in so many items that all of them are written fewer than twice an item."""
    buffer = PrioritizedReplayBuffer(1000, {"x": np.int64}, decay=0.99)
    written = 0
    whole = buffer.priorities.set_alpha

    def counted(alpha, table):
        nonlocal written
        written += len(table.occupied())
        whole(alpha, table)

    buffer.priorities.set_alpha = counted
    for start in range(0, 60_000, 10):
        buffer.add({"x": np.arange(start, start + 10)}, 1.0)
    assert 0 < written < 2 * 60_000


@pytest.mark.parametrize("scale", [5e-324, 1e-310, 1e-300])
@pytest.mark.parametrize("method", ["iid", "stratified", "systematic"])
def test_priorities_below_the_smallest_normal_float_are_drawn_in_proportion(scale, method):
    weights = np.array([1.0, 2.0, 0.0, 3.0, 2.0])
    tree = SumTree(7, rng=np.random.default_rng(0))
    tree[:5] = weights * scale
    counts = np.bincount(tree.sample(80_000, method=method), minlength=5)
    assert counts[2] == 0
    expected = weights / 8 * 80_000
    deviations = (counts - expected)[expected > 0] / np.sqrt(expected[expected > 0])
    assert np.abs(deviations).max() < 4.5
    assert sorted(tree.sample(4, replacement=False).tolist()) == [0, 1, 3, 4]
    assert tree.sample(1)[0] in (0, 1, 3, 4)


def test_a_ring_of_another_size_goes_on_with_the_oldest():
    """The write position was wrong after a load: https://github.com/AI4Finance-Foundation/ElegantRL/pull/299."""
    buffer = PrioritizedReplayBuffer(5, NESTED, seed=2)
    for number in range(7):
        buffer.add(nested_items([number]), 1.0 + number, key=[number], group=[number % 2])
    larger = PrioritizedReplayBuffer(8, NESTED)
    larger.load_state_dict(buffer.state_dict())
    assert larger.get(range(2, 7)).data["reward"].tolist() == [2, 3, 4, 5, 6]
    assert larger.at(larger.get([6]).indices).data["observation"]["image"][0, 0, 0] == 6
    assert larger.priorities.raw[larger.get([4]).indices].tolist() == [5.0]
    assert [k in larger for k in (1, 2)] == [False, True]
    left = []
    for number in range(7, 15):
        before = set(larger.items().data["reward"].tolist())
        larger.add(nested_items([number]), 1.0)
        left += sorted(before - set(larger.items().data["reward"].tolist()))
    assert left == [2, 3, 4, 5, 6]
    with pytest.raises(ValueError, match="capacity is 4"):
        PrioritizedReplayBuffer(4, NESTED).load_state_dict(buffer.state_dict())


def test_a_tree_changes_its_capacity():
    tree = SumTree(5)
    tree[:] = np.arange(5.0)
    tree.resize(9)
    assert (len(tree), tree.total(), tree[8]) == (9, 10.0, 0.0)
    tree[8] = 2.0
    with pytest.raises(ValueError, match="slot 3 beyond it has a priority"):
        tree.resize(3)
    tree[[3, 4, 8]] = 0.0
    tree.resize(3)
    assert (len(tree), tree.total()) == (3, 3.0)
    fresh = SumTree(3)
    fresh[:] = np.arange(3.0)
    assert (
        tree.sample(20, rng=np.random.default_rng(1)).tolist()
        == fresh.sample(20, rng=np.random.default_rng(1)).tolist()
    )


def test_one_item_at_a_time_is_the_same_as_a_batch_of_one():
    """Single items take a shorter way; keys and other policies don't."""
    buffers = [
        PrioritizedReplayBuffer(6, {"x": np.int64, "y": Column(np.float32, (2,))}, alpha=0.6, seed=3) for _ in range(2)
    ]
    for number in range(40):
        y = np.full(2, number, np.float32)
        priority = None if number % 3 else 1.0 + number % 5
        buffers[0].add({"x": number, "y": y}, priority)
        buffers[1].add({"x": [number], "y": [y]}, priority if priority is None else [priority], group=[None])
        for buffer in buffers:
            drawn = buffer.sample(3)
            buffer.update_priorities(drawn.indices, 1.0 + drawn.data["x"] % 4, drawn.generation)
    first, second = buffers[0].state_dict(), buffers[1].state_dict()
    for name in ("slots", "raw", "columns", "rng", "digests"):
        np.testing.assert_equal(first[name], second[name])


SAVING = """
import resource, sys
import numpy as np
from codeit_jax.replay import Column, PrioritizedReplayBuffer, Tokens
buffer = PrioritizedReplayBuffer(3000, {"x": Column(np.uint8, (30_000,)), "words": Tokens()})
for start in range(0, 3000, 100):
    words = [np.ones(5000, np.uint16)] * 100
    buffer.add({"x": np.full((100, 30_000), start % 251, np.uint8), "words": words}, 1.0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
buffer.save(sys.argv[1])
print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_saving_needs_no_second_copy(tmp_path):
    """90 MB of rows and 30 MB of tokens are written without as much memory again; kilobytes, not time, are counted."""
    if sys.platform != "linux" or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss == 0:
        pytest.skip("ru_maxrss is in other units here")
    command = [sys.executable, "-c", SAVING, tmp_path / "replay"]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)})
    before, after = map(int, run.stdout.split())
    assert after - before < 60_000
    assert (tmp_path / "replay").stat().st_size > 119_000_000
