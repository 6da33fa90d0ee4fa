"""Mixtures and shards: contract, exact, statistical (|z| < 4.5)."""

import numpy as np
import pytest

from codeit_jax.replay import (
    PrioritizedReplayBuffer,
    ReplayMixture,
    ShardedSampler,
    Tokens,
    restore_shards,
)
from codeit_jax.replay.sharded_sampler import merge_race_keys, split_counts

SCHEMA = {"number": np.int64, "program": Tokens()}


def columns(numbers):
    return {"number": np.asarray(numbers), "program": [[n % 7] * (n % 3) for n in numbers]}


def buffer_of(numbers, priorities, capacity=1000, **arguments):
    buffer = PrioritizedReplayBuffer(capacity, SCHEMA, **arguments)
    buffer.add(columns(numbers), priorities, key=[int(number) for number in numbers])
    return buffer


def mixture_of(num_policy, num_train):
    return ReplayMixture(
        {
            "policy": buffer_of(range(num_policy), 1.0, seed=1),
            "train": buffer_of(range(1000, 1000 + num_train), 1.0, seed=2),
        }
    )


def test_draws_come_in_the_given_counts():
    batch = mixture_of(50, 20).sample({"train": 5, "policy": 40}, replacement=False)
    assert (len(batch), len(batch["train"]), len(batch["policy"])) == (45, 5, 40)
    assert (batch.data["number"][:5] >= 1000).all()
    assert (batch.data["number"][5:] < 1000).all()
    assert batch.partition.tolist() == [0] * 5 + [1] * 40
    assert len(np.unique(batch.data["number"])) == 45
    assert batch.data["program"].lengths.tolist() == (batch.data["number"] % 3).tolist()
    assert [row.tolist() for row in batch.data["program"]] == [[n % 7] * (n % 3) for n in batch.data["number"]]
    assert len(batch.weights) == len(batch.indices) == 45


def test_a_small_partition_is_taken_whole():
    mixture = mixture_of(7, 0)
    batch = mixture.sample({"policy": 10, "train": 3}, replacement=False)
    assert sorted(batch.data["number"]) == list(range(7))
    assert len(mixture.sample({"policy": 10, "train": 3})) == 10
    for replacement in (True, False):
        with pytest.raises(ValueError, match="has 0 items"):
            mixture.sample({"train": 3}, replacement=replacement, shortage="error")
    with pytest.raises(ValueError, match="partitions are"):
        mixture.sample({"typo": 3})


def test_updates_find_their_partition():
    mixture = mixture_of(5, 5)
    batch = mixture.sample({"policy": 5, "train": 5}, replacement=False)
    assert mixture.update_priorities(batch, np.arange(10.0)) == 10
    np.testing.assert_array_equal(mixture["train"].priorities.raw[batch["train"].indices], np.arange(5.0, 10))
    with pytest.raises(ValueError, match="3 priorities for 10"):
        mixture.update_priorities(batch, np.ones(3))


def test_counts_are_split_alike_on_every_host_and_in_proportion():
    totals = [1.0, 3.0, 0.0, 6.0]
    splits = np.array([split_counts(totals, 1000, seed) for seed in range(300)])
    assert (splits.sum(1) == 1000).all()
    assert (splits[:, 2] == 0).all()
    z = (splits.mean(0) - [100, 300, 0, 600]) / np.sqrt(np.array([90, 210, 1, 240]) / 300)
    assert (np.abs(z) < 4.5).all()
    buffers = [buffer_of([i], total) for i, total in enumerate(totals)]
    samplers = [ShardedSampler(buffer, shard, 4) for shard, buffer in enumerate(buffers)]
    assert [sampler.total() for sampler in samplers] == totals
    assert [sampler.plan(totals, 1000, 5) for sampler in samplers] == splits[5].tolist()
    assert [len(sampler.sample(totals, 1000, 5)) for sampler in samplers] == splits[5].tolist()
    for bad in ([0.0, 0.0], [np.nan, 1.0], [-1.0, 2.0]):
        with pytest.raises(ValueError, match="totals"):
            split_counts(bad, 5, 0)


def test_merged_races_have_the_law_of_one_buffer():
    """Two of four items of weights 1, 2, 3, 4 on three shards, against the exact law of successive draws."""
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    homes = [[0, 3], [1], [2]]
    samplers = [ShardedSampler(buffer_of(home, weights[home]), shard, 3) for shard, home in enumerate(homes)]
    counts = np.zeros((4, 4))
    for seed in range(4000):
        keys = [sampler.race_keys(2, seed) for sampler in samplers]
        slots = [sampler.take(keys, 2) for sampler in samplers]
        i, j = sorted(homes[shard][slot] for shard in range(3) for slot in slots[shard])
        counts[i, j] += 1
    for i in range(4):
        for j in range(i + 1, 4):
            chance = weights[i] / 10 * weights[j] / (10 - weights[i]) + weights[j] / 10 * weights[i] / (10 - weights[j])
            assert abs(counts[i, j] - 4000 * chance) < 4.5 * np.sqrt(4000 * chance * (1 - chance))


def test_merging_refuses_what_does_not_fit():
    assert merge_race_keys([np.array([0.1, 0.5]), np.array([0.1, 0.2])], 3).tolist() == [1, 2]
    with pytest.raises(ValueError, match="only 1 priorities"):
        merge_race_keys([np.array([0.1]), np.array([])], 2)
    with pytest.raises(ValueError, match="shard is 2"):
        ShardedSampler(buffer_of([1], 1.0), 2, 2)
    sampler = ShardedSampler(buffer_of([1], 1.0), 0, 2)
    with pytest.raises(ValueError, match="same race"):
        sampler.take([np.array([0.1]), np.array([0.1])], 1)
    with pytest.raises(ValueError, match="shape"):
        sampler.plan([1.0], 3, 0)


@pytest.mark.parametrize(("num_files", "num_hosts"), [(3, 2), (2, 5), (1, 4), (3, 1)])
@pytest.mark.parametrize("keyed", [True, False])
def test_shards_are_dealt_again_without_loss(tmp_path, num_files, num_hosts, keyed):
    rng = np.random.default_rng(0)
    priorities = rng.random(300)
    paths = [tmp_path / f"shard{i}" for i in range(num_files)]
    for shard, path in enumerate(paths):
        numbers = np.arange(shard, 300, num_files)
        buffer = PrioritizedReplayBuffer(1000, SCHEMA, alpha=0.5, max_per_group=50)
        keys = [int(number) for number in numbers] if keyed else None
        buffer.add(columns(numbers), priorities[numbers], key=keys, group=[int(number) % 10 for number in numbers])
        buffer.save(path)
    parts = [restore_shards(paths, host, num_hosts, capacity=400) for host in range(num_hosts)]
    numbers = np.concatenate([part.items().data["number"] for part in parts])
    np.testing.assert_array_equal(np.sort(numbers), np.arange(300))
    for part in parts:
        stored = part.items()
        assert len(part) > 300 / num_hosts / 3
        assert (part.capacity, part.alpha) == (400, 0.5)
        np.testing.assert_array_equal(part.priorities.raw[stored.indices], priorities[stored.data["number"]])
        assert stored.data["program"].lengths.tolist() == (stored.data["number"] % 3).tolist()
        if keyed:
            assert all(int(number) in part for number in stored.data["number"])
    again = restore_shards(paths, 0, num_hosts, capacity=400)
    np.testing.assert_array_equal(again.sample(20).indices, parts[0].sample(20).indices)


def test_as_many_shards_as_files_are_restored_as_they_are(tmp_path):
    buffer = buffer_of(range(50), np.arange(50.0), seed=8)
    buffer.sample(3)
    buffer.save(tmp_path / "only")
    restored = restore_shards([tmp_path / "only"], 0, 1)
    np.testing.assert_array_equal(restored.sample(30).indices, buffer.sample(30).indices)
    with pytest.raises(ValueError, match="shard is 1 of 1"):
        restore_shards([tmp_path / "only"], 1, 1)
