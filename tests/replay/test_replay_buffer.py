"""Buffer: twin (a dict and plain loops, driven by hypothesis), contract, statistical (|z| < 4.5)."""

import math
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeit_jax.replay import Column, LowestPriority, MaxAge, Payload, PrioritizedReplayBuffer, Ring, Tokens

SCHEMA = {"reward": np.float32, "pixels": Column(np.uint8, (2, 2)), "prompt": Tokens()}


def items(numbers):
    numbers = list(numbers)
    return {
        "reward": np.array(numbers, np.float32),
        "pixels": np.array([np.full((2, 2), n) for n in numbers], np.uint8).reshape(-1, 2, 2),
        "prompt": [[n] * (n % 5) for n in numbers],
    }


class Twin:
    """The same buffer as a list of records and loops; Ring, no removals before it is full."""

    def __init__(self, capacity, on_duplicate, eviction):
        self.capacity, self.on_duplicate, self.eviction = capacity, on_duplicate, eviction
        self.records = {}  # key -> [value, priority, stamp], oldest insertion first
        self.clock = 0

    def chosen(self, batch):
        best = {}
        for key, value, priority in batch:
            if key in best and (
                self.on_duplicate == "keep" or (self.on_duplicate == "max" and priority <= best[key][1])
            ):
                continue
            best[key] = (value, priority)
        return best

    def add(self, batch):
        best = self.chosen(batch)
        for key, (value, priority) in best.items():
            if key in self.records and (
                self.on_duplicate == "replace" or (self.on_duplicate == "max" and priority > self.records[key][1])
            ):
                self.records[key][:2] = [value, priority]
        fresh = [key for key in best if key not in self.records]
        self.evict(len(fresh) - (self.capacity - len(self.records)))
        for key in fresh:
            self.clock += 1
            self.records[key] = [*best[key], self.clock]

    def evict(self, needed):
        if needed <= 0:
            return
        by_age = list(self.records)
        if isinstance(self.eviction, LowestPriority):
            kept = math.ceil(self.capacity * (1 - self.eviction.fraction))
            ranked = sorted(self.records.items(), key=lambda item: (item[1][1], item[1][2]))
            by_age, needed = [key for key, _ in ranked], max(needed, len(ranked) - kept)
        for key in by_age[:needed]:
            del self.records[key]


keyed_batches = st.lists(
    st.lists(st.tuples(st.integers(0, 14), st.integers(0, 99), st.sampled_from([0.0, 0.5, 1.0, 2.0])), max_size=8),
    max_size=12,
)


@settings(max_examples=80, deadline=None)
@given(keyed_batches, st.sampled_from(["replace", "max", "keep"]), st.sampled_from([Ring(), LowestPriority(0.5)]))
def test_adding_matches_a_dict(batches, on_duplicate, eviction):
    buffer = PrioritizedReplayBuffer(10, SCHEMA, on_duplicate=on_duplicate, eviction=eviction)
    twin = Twin(10, on_duplicate, eviction)
    for batch in batches:
        slots = buffer.add(
            items(value for _, value, _ in batch),
            [priority for _, _, priority in batch],
            key=[f"k{key}" for key, _, _ in batch],
        )
        twin.add(batch)
        assert len(buffer) == len(twin.records)
        for (key, _, _), slot in zip(batch, slots, strict=True):
            assert (slot >= 0) == (key in twin.records) == (f"k{key}" in buffer)
        if not twin.records:
            continue
        keys = list(twin.records)
        stored = buffer.get([f"k{key}" for key in keys])
        assert stored.data["reward"].tolist() == [value for value, _, _ in twin.records.values()]
        assert stored.data["pixels"][:, 1, 1].tolist() == [value for value, _, _ in twin.records.values()]
        for row, (value, _, _) in zip(stored.data["prompt"], twin.records.values(), strict=True):
            assert row.tolist() == [value] * (value % 5)
        np.testing.assert_array_equal(
            buffer.priorities.tree[stored.indices], [priority for _, priority, _ in twin.records.values()]
        )
        assert buffer.priorities.tree.total() == sum(priority for _, priority, _ in twin.records.values())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_removal_and_updates_match_a_dict(data):
    buffer, twin = PrioritizedReplayBuffer(50, None), {}
    for step in range(data.draw(st.integers(1, 10))):
        keys = data.draw(st.lists(st.integers(0, 29), min_size=1, max_size=6, unique=True))
        action = data.draw(st.sampled_from(["add", "remove", "update"]))
        if action == "add":
            buffer.add([(key, step) for key in keys], 1.0 + step, key=keys)
            twin |= {key: ((key, step), 1.0 + step) for key in keys}
        elif action == "remove":
            assert buffer.remove([*keys, keys[0]]) == len(set(keys) & set(twin))
            twin = {key: item for key, item in twin.items() if key not in keys}
        else:
            present = [key for key in keys if key in twin]
            if present:
                batch = buffer.get(present)
                assert buffer.update_priorities(batch.indices, 100.0 + step, batch.generation) == len(present)
            twin |= {key: (twin[key][0], 100.0 + step) for key in present}
        priorities = [priority for _, priority in twin.values()]
        assert len(buffer) == len(twin)
        assert buffer.max_priority == max(priorities, default=0.0)
        assert buffer.min_priority == min(priorities, default=np.inf)
        stored = buffer.items()
        assert sorted(stored.data.tolist()) == sorted(item for item, _ in twin.values())
    assert buffer.priorities.tree.total() == sum(priorities)


def test_single_items_and_any_payload():
    buffer = PrioritizedReplayBuffer(4)
    assert buffer.add({"any": "object"}, 2.0, key="a") == 0
    assert buffer.add(("tuple",), 1.0, key=("b", 1)) == 1
    assert ("b", 1) in buffer
    assert buffer.get(["a"]).data[0] == {"any": "object"}
    columns = PrioritizedReplayBuffer(4, {"x": Column(np.int32, (3,)), "prompt": Tokens(), "note": Payload()})
    assert columns.add({"x": [1, 2, 3], "prompt": [], "note": "empty"}, 1.0) == 0
    assert columns.add({"x": [4, 5, 6], "prompt": [7, 8], "note": None}, 1.0) == 1
    stored = columns.items()
    assert stored.data["prompt"].pad(3, pad_id=9).tolist() == [[9, 9, 9], [7, 8, 9]]
    assert stored.data["prompt"].lengths.tolist() == [0, 2]


def test_default_priority_is_the_largest_now_in_the_buffer():
    buffer = PrioritizedReplayBuffer(10)
    buffer.add(["a"])
    buffer.add(["b"], 5.0, key=["b"])
    buffer.add(["c"])
    assert buffer.priorities.raw[:3].tolist() == [1.0, 5.0, 5.0]
    buffer.remove(["b"])
    buffer.update_priorities([2], 0.25)
    buffer.add(["d"])
    assert buffer.max_priority == 1.0
    assert buffer.priorities.raw[1] == 1.0  # the hole that "b" left


def test_updates_to_replaced_items_are_dropped():
    buffer = PrioritizedReplayBuffer(3, eviction=Ring())
    buffer.add(["a", "b", "c"], 1.0)
    batch = buffer.items()
    buffer.add(["d"], 7.0)
    assert buffer.update_priorities(batch.indices, [2.0, 3.0, 4.0], batch.generation) == 2
    assert buffer.priorities.raw.tolist() == [7.0, 3.0, 4.0]
    with pytest.raises(ValueError, match="is empty"):
        PrioritizedReplayBuffer(3).update_priorities([0], 1.0)


def test_ring_overwrites_the_oldest():
    buffer = PrioritizedReplayBuffer(5)
    for number in range(12):
        buffer.add([number], 1.0)
    assert sorted(buffer.items().data.tolist()) == [7, 8, 9, 10, 11]


def test_max_age_drops_the_expired_and_the_oldest_if_need_be():
    buffer = PrioritizedReplayBuffer(6, eviction=MaxAge(3))
    buffer.add(list(range(6)), 1.0)
    assert buffer.evict() == 2
    buffer.add([6, 7], 1.0)
    buffer.add([8], 1.0)
    assert sorted(buffer.items().data.tolist()) == [4, 5, 6, 7, 8]
    young = PrioritizedReplayBuffer(3, eviction=MaxAge(100))
    young.add([0, 1, 2], 1.0)
    young.add([3], 1.0)
    assert sorted(young.items().data.tolist()) == [1, 2, 3]


def test_lowest_priority_keeps_a_bounded_number_whatever_the_ties():
    buffer = PrioritizedReplayBuffer(9, eviction=LowestPriority(0.5))
    buffer.add(list(range(9)), 1.0)
    assert buffer.evict() == 4
    assert sorted(buffer.items().data.tolist()) == [4, 5, 6, 7, 8]  # ceil(9 * 0.5), the newest of equals
    assert buffer.evict() == 0


def test_eviction_by_a_function():
    def odd_first(slots, priorities, needed):
        taken = slots.occupied()
        return taken[np.argsort(-(taken % 2), kind="stable")][:needed]

    buffer = PrioritizedReplayBuffer(4, eviction=odd_first)
    buffer.add([0, 1, 2, 3], 1.0)
    buffer.add([4, 5], 1.0)
    assert sorted(buffer.items().data.tolist()) == [0, 2, 4, 5]
    stingy = PrioritizedReplayBuffer(1, eviction=lambda slots, priorities, needed: np.empty(0, np.int64))
    stingy.add([0], 1.0)
    with pytest.raises(ValueError, match="1 are needed"):
        stingy.add([1], 1.0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=12), max_size=6))
def test_group_caps_keep_the_highest_of_each_group(batches):
    buffer, twin, clock = PrioritizedReplayBuffer(100, max_per_group=3), {}, 0
    for batch in batches:
        buffer.add([tuple(pair) for pair in batch], [float(p) for _, p in batch], group=[g for g, _ in batch])
        for group, priority in batch:
            clock += 1
            twin.setdefault(group, []).append((priority, clock))
        twin = {group: sorted(members)[-3:] for group, members in twin.items()}
    expected = sorted((group, priority) for group, members in twin.items() for priority, _ in members)
    assert sorted(buffer.items().data.tolist()) == expected


def test_nothing_changes_if_anything_is_wrong():
    buffer = PrioritizedReplayBuffer(3, SCHEMA, on_duplicate="error", zero="error", seed=3)
    buffer.add(items([1]), 1.0, key=["a"])
    before = buffer.state_dict()
    wrong = [
        ("finite", lambda: buffer.add(items([1, 2]), [1.0, np.nan])),
        ("refuses it", lambda: buffer.add(items([1, 2]), [1.0, 0.0])),
        ("priority has shape", lambda: buffer.add(items([1, 2]), [1.0, 2.0, 3.0])),
        ("occur twice", lambda: buffer.add(items([1, 2]), 1.0, key=["b", "b"])),
        ("already", lambda: buffer.add(items([1, 2]), 1.0, key=["b", "a"])),
        ("1 values of key for 2 items", lambda: buffer.add(items([1, 2]), 1.0, key=["b"])),
        ("capacity is 3", lambda: buffer.add(items([1, 2, 3, 4]), 1.0)),
        ("different lengths", lambda: buffer.add({**items([1, 2]), "prompt": [[1]]}, 1.0)),
        ("uint16 holds", lambda: buffer.add({**items([1]), "prompt": [[65_536]]}, 1.0)),
        ("values have shape", lambda: buffer.add({**items([1]), "pixels": np.zeros((1, 3, 2), np.uint8)}, 1.0)),
        ("outside the range", lambda: buffer.add({**items([1]), "pixels": np.full((1, 2, 2), 256)}, 1.0)),
        ("items have columns", lambda: buffer.add({"reward": np.zeros(1, np.float32)}, 1.0)),
        ("finite", lambda: buffer.update_priorities([0], -1.0)),
        ("has 1 items", lambda: buffer.sample(2, replacement=False)),
    ]
    for message, call in wrong:
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError):
        buffer.add({**items([1]), "pixels": np.zeros((1, 2, 2))}, 1.0)
    after = buffer.state_dict()
    for name in ("slots", "rng", "config"):
        np.testing.assert_equal(after[name], before[name])
    np.testing.assert_equal(after["raw"], before["raw"])


@pytest.mark.parametrize(
    "argument", [{"alpha": -1}, {"eps": np.nan}, {"zero": "no"}, {"on_duplicate": "no"}, {"max_weight": "no"}]
)
def test_refuses_bad_settings(argument):
    with pytest.raises(ValueError, match=next(iter(argument))):
        PrioritizedReplayBuffer(3, **argument)


def filled(priorities, **arguments):
    buffer = PrioritizedReplayBuffer(len(priorities) + 5, **arguments)
    buffer.add(list(range(len(priorities))), priorities)
    return buffer


@pytest.mark.parametrize("max_weight", ["batch", "buffer", None])
def test_importance_weights(max_weight):
    priorities = np.array([1.0, 2.0, 4.0, 8.0])
    buffer = filled(priorities, alpha=0.5, beta=0.7, max_weight=max_weight)
    batch = buffer.sample(3)
    probability = np.sqrt(priorities) / np.sqrt(priorities).sum()
    np.testing.assert_allclose(batch.probabilities, probability[batch.indices], rtol=1e-14)
    weights = (4 * probability) ** -0.7
    reference = {"batch": weights[batch.indices].max(), "buffer": weights.max(), None: 1.0}[max_weight]
    np.testing.assert_allclose(batch.weights, weights[batch.indices] / reference, rtol=1e-14)
    np.testing.assert_array_equal(buffer.sample(3, beta=0.0).weights, 1.0)


def test_alpha_changes_are_exact():
    rng = np.random.default_rng(0)
    priorities = rng.random(1000)
    changed, direct = filled(priorities, alpha=0.9), filled(priorities, alpha=0.3)
    changed.alpha = 0.0
    changed.alpha = 0.3
    np.testing.assert_array_equal(changed.priorities.tree[:], direct.priorities.tree[:])
    with pytest.raises(ValueError, match="alpha"):
        changed.alpha = np.inf


def test_zero_policies():
    priorities = [0.0, 0.0, 3.0, 1.0]
    never, uniform = filled(priorities, zero="never"), filled(priorities, zero="uniform")
    assert set(uniform.sample(200).indices) == {2, 3}
    assert sorted(uniform.sample(4, replacement=False).indices) == [0, 1, 2, 3]
    assert {2, 3} <= set(uniform.sample(3, replacement=False).indices)
    with pytest.raises(ValueError, match="only 2 priorities are positive"):
        never.sample(3, replacement=False)
    with pytest.raises(ValueError, match="refuses"):
        filled(priorities, zero="error")
    zeros = filled([0.0] * 4)
    batch = zeros.sample(300, beta=1.0)
    assert set(batch.indices) == {0, 1, 2, 3}
    np.testing.assert_array_equal(batch.probabilities, 0.25)
    np.testing.assert_array_equal(batch.weights, 1.0)
    with pytest.raises(ValueError, match="nothing to draw"):
        filled([0.0], zero="never").sample(1)
    with pytest.raises(ValueError, match="empty"):
        PrioritizedReplayBuffer(3).sample(1)
    assert set(filled(priorities, alpha=0.0).sample(300).indices) == {0, 1, 2, 3}
    assert set(filled(priorities, alpha=0.0, zero="never").sample(300).indices) == {2, 3}


def test_zero_fill_is_uniform():
    buffer = filled(np.r_[np.ones(10), np.zeros(90)], seed=5)
    counts = sum(np.bincount(buffer.sample(40, replacement=False).indices, minlength=100) for _ in range(1500))
    assert (counts[:10] == 1500).all()
    expected = 1500 * 30 / 90
    z = (((counts[10:] - expected) ** 2 / expected / (1 - 30 / 90)).sum() - 89) / np.sqrt(2 * 89)
    assert abs(z) < 4.5


def test_samples_are_copies():
    buffer = PrioritizedReplayBuffer(2, SCHEMA)
    buffer.add(items([3, 4]), 1.0)
    batch = buffer.items()
    buffer.add(items([90, 91]), 1.0)
    assert batch.data["reward"].tolist() == [3.0, 4.0]
    assert [row.tolist() for row in batch.data["prompt"]] == [[3, 3, 3], [4, 4, 4, 4]]


def test_equal_seeds_and_calls_give_equal_draws():
    first, second = filled(np.arange(1.0, 50), seed=9), filled(np.arange(1.0, 50), seed=9)
    for arguments in ({"n": 5}, {"n": 20, "replacement": False}, {"n": 600, "method": "systematic"}):
        np.testing.assert_array_equal(first.sample(**arguments).indices, second.sample(**arguments).indices)
    assert (first.sample(40).indices != filled(np.arange(1.0, 50), seed=8).sample(40).indices).any()


def test_threads_share_a_buffer():
    """Every item stays whole: its columns agree in every batch that any thread draws."""
    buffer = PrioritizedReplayBuffer(300, {"x": np.int64, "y": np.int64}, seed=1)
    buffer.add({"x": np.arange(300), "y": -np.arange(300)}, 1.0)
    failures = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(60):
            numbers = rng.integers(0, 10**6, 20)
            buffer.add({"x": numbers, "y": -numbers}, rng.random(20))
            batch = buffer.sample(50, rng=rng)
            buffer.update_priorities(batch.indices, rng.random(50), batch.generation)
            if (batch.data["x"] != -batch.data["y"]).any():
                failures.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(buffer) == 300
