"""Contract: situations from public reports on other replays and samplers, a test each: what happened, and where.

`docs/replay_reports.md` is made from these by `python -m tests.replay.make_reports_page`. Inputs are our own.
"""

import threading

import numpy as np
import pytest

from codeit_jax.replay import (
    Column,
    LowestPriority,
    MaxAge,
    PrioritizedReplayBuffer,
    ReplayJournal,
    ReplayMixture,
    StepReplay,
    SumTree,
)

STEP = {"observation": np.float32, "reward": np.float32}


def tree_of(*priorities):
    tree = SumTree(len(priorities))
    tree[:] = np.array(priorities, float)
    return tree


def buffer_of(priorities, **arguments):
    buffer = PrioritizedReplayBuffer(len(priorities), {"x": np.int64}, **arguments)
    buffer.add({"x": np.arange(len(priorities))}, priorities)
    return buffer


def episode(replay, observations, terminated=True):
    """One step between each two observations; the last one ends it."""
    for k in range(len(observations) - 1):
        last = k == len(observations) - 2
        step = {"observation": [observations[k]], "reward": [1.0]}
        replay.add(step, [observations[k + 1]], [last and terminated], [last and not terminated])


def drawn(replay, n=300):
    batch = replay.sample(n)
    return {float(np.ravel(o)[-1]): row for row, o in enumerate(batch.data["observation"])}, batch.data


def test_leaves_keep_their_order_at_any_capacity():
    """A tree of three leaves returned the wrong ones: https://github.com/vwxyzjn/cleanrl/issues/546."""
    for capacity in (3, 5, 6, 7, 9, 63, 65, 100):
        tree = tree_of(*[1.0] * capacity)
        assert tree.query(np.arange(capacity) + 0.5).tolist() == list(range(capacity))


def test_the_total_has_every_item_in_it():
    """The newest item was left out of the total: https://github.com/hill-a/stable-baselines/issues/941."""
    buffer = buffer_of([1.0, 2.0, 4.0])
    assert buffer.priorities.tree.total() == 7.0
    assert set(buffer.sample(200).indices.tolist()) == {0, 1, 2}


def test_a_mass_on_a_boundary_belongs_to_the_next_leaf():
    """The left leaf got one unit more than its share: https://github.com/Howuhh/prioritized_experience_replay/issues/3."""
    assert np.bincount(tree_of(10, 5, 2).query(np.arange(17.0))).tolist() == [10, 5, 2]


def test_stratified_draws_take_one_target_in_each_share():
    """Shares of the mass were ignored: https://github.com/openai/baselines/pull/527."""
    drawn_slots = tree_of(*[1.0] * 50).sample(50, method="stratified")
    assert sorted(drawn_slots.tolist()) == list(range(50))


def test_a_leaf_of_priority_zero_is_never_drawn():
    """Zero leaves came out at the edges: https://github.com/JuliaReinforcementLearning/ReinforcementLearningCore.jl/pull/83."""
    tree = tree_of(0, 1e-300, 0, 0.3, 0, 0, 0.1, 0)
    slots = tree.sample(20_000)
    assert (tree[slots] > 0).all()
    edges = np.nextafter([0.3, tree.total()], 0)
    assert (tree[tree.query(edges)] > 0).all()


def test_the_largest_mass_stays_within_the_tree():
    """Rounding led past the end: https://github.com/pytorch/rl/pull/2239."""
    rng = np.random.default_rng(0)
    for size in (1, 9, 100, 5000):
        tree = tree_of(*rng.random(size) * 10.0 ** rng.integers(-8, 8))
        assert tree.query(np.nextafter(tree.total(), 0)) == size - 1


def test_draws_cover_a_buffer_that_is_not_full():
    """Until it was full, only slot zero had a priority: https://github.com/Shmuma/ptan/pull/21."""
    buffer = PrioritizedReplayBuffer(1000, {"x": np.int64})
    for k in range(20):
        buffer.add({"x": k})
    assert set(buffer.sample(500).data["x"].tolist()) == set(range(20))


def test_an_empty_slot_is_never_drawn():
    """A slot without an item was read: https://github.com/tensorforce/tensorforce/issues/308."""
    buffer = PrioritizedReplayBuffer(10, {"x": np.int64})
    buffer.add({"x": np.arange(6)}, 0.0, key=range(6))
    buffer.remove([1, 4])
    assert set(buffer.sample(300).data["x"].tolist()) == {0, 2, 3, 5}
    assert set(buffer.sample(4, replacement=False).data["x"].tolist()) == {0, 2, 3, 5}


def test_a_td_error_of_zero_gives_finite_weights():
    """Zero to a negative power: https://github.com/Guillaume-Cr/lunar_lander_per/issues/2."""
    for max_weight in ("batch", "buffer", None):
        batch = buffer_of([0.0, 1.0, 0.0, 3.0], beta=1.0, max_weight=max_weight).sample(4, replacement=False)
        assert np.isfinite(batch.weights).all()
        assert (batch.weights > 0).all()


def test_eps_is_added_before_the_power():
    """p ** alpha + eps in place of (p + eps) ** alpha: https://github.com/HorizonRobotics/alf/pull/1232."""
    batch = buffer_of([0.0, 3.0], alpha=0.5, eps=1.0).items()
    np.testing.assert_allclose(batch.probabilities, [1 / 3, 2 / 3])


def test_weights_come_of_probabilities_in_the_whole_buffer():
    """The batch's size in place of the buffer's: https://github.com/google-research/seed_rl/issues/3."""
    batch = buffer_of([1.0, 2.0, 5.0], beta=1.0, max_weight=None).sample(20)
    np.testing.assert_allclose(batch.weights, 1 / (3 * batch.probabilities))


def test_weights_are_normalized_by_the_smallest_probability_of_what_is_stored():
    """Empty leaves were the minimum: https://github.com/MorvanZhou/Reinforcement-learning-with-tensorflow/issues/171."""
    buffer = PrioritizedReplayBuffer(100, {"x": np.int64}, beta=0.5, max_weight="buffer")
    buffer.add({"x": np.arange(3)}, [1.0, 4.0, 16.0])
    batch = buffer.items()
    np.testing.assert_allclose(batch.weights, [1.0, 0.5, 0.25])


def test_weights_do_not_change_priorities():
    """Priorities were multiplied with weights: https://github.com/Shmuma/ptan/issues/36."""
    buffer = buffer_of([1.0, 2.0, 5.0], beta=1.0)
    batch = buffer.sample(10)
    buffer.update_priorities(batch.indices, np.full(10, 2.5), batch.generation)
    assert set(buffer.priorities.raw[batch.indices].tolist()) == {2.5}


def test_a_truncated_episode_ends_the_sum_of_rewards():
    """n-step sums ran on into the next episode: https://github.com/tensorflow/agents/issues/939."""
    replay = StepReplay(20, STEP, n_step=3, gamma=0.5)
    episode(replay, [1, 2, 3], terminated=False)
    episode(replay, [11, 12, 13, 14], terminated=False)
    rows, data = drawn(replay)
    assert (data["reward"][rows[1]], data["next_observation"][rows[1]], data["discount"][rows[1]]) == (1.5, 3, 0.25)


def test_the_reward_of_the_terminal_step_counts():
    """The last reward was cleared: https://github.com/thu-ml/tianshou/issues/135."""
    replay = StepReplay(20, STEP, n_step=2, gamma=1.0)
    episode(replay, [1, 2, 3])
    rows, data = drawn(replay)
    assert (data["reward"][rows[1]], data["reward"][rows[2]], data["discount"][rows[1]]) == (2.0, 1.0, 0.0)


def test_the_discount_has_as_many_factors_as_rewards():
    """gamma in place of gamma ** n: https://github.com/younggyoseo/FastTD3/issues/6."""
    replay = StepReplay(20, STEP, n_step=3, gamma=0.9)
    episode(replay, range(10), terminated=False)
    rows, data = drawn(replay)
    np.testing.assert_allclose(data["discount"][[rows[0], rows[7], rows[8]]], [0.9**3, 0.9**2, 0.9])


def test_n_steps_do_not_cross_the_place_where_a_full_ring_is_written():
    """Old and new steps in one return: https://github.com/younggyoseo/FastTD3/pull/7."""
    replay = StepReplay(8, STEP, n_step=4, gamma=1.0)
    episode(replay, range(100), terminated=False)
    rows, data = drawn(replay)
    assert sorted(rows) == list(range(91, 99))
    for first, row in rows.items():
        assert data["next_observation"][row] == min(first + 4, 99)


def test_the_newest_step_is_drawn_with_its_own_next_observation():
    """At the write position, next_obs was a slot never written: https://github.com/huggingface/lerobot/pull/918."""
    replay = StepReplay(50, STEP)
    replay.add({"observation": [5.0], "reward": [1.0]}, [6.0], [False], [False])
    assert set(replay.sample(9).data["next_observation"].tolist()) == {6.0}


def test_a_truncated_step_keeps_its_final_observation():
    """next_obs was the reset's: https://github.com/DLR-RM/stable-baselines3/issues/934."""
    replay = StepReplay(50, STEP)
    episode(replay, [1, 2, 3], terminated=False)
    episode(replay, [50, 51], terminated=False)
    rows, data = drawn(replay)
    assert (data["next_observation"][rows[2]], data["discount"][rows[2]] > 0) == (3, True)


def test_the_final_observation_of_a_vector_environment_is_kept():
    """The final observation was put in, then lost: https://github.com/vwxyzjn/cleanrl/issues/460."""
    replay = StepReplay(50, STEP, num_streams=2)
    replay.add({"observation": [1.0, 2.0], "reward": [0.0, 0.0]}, [3.0, 99.0], [False, False], [False, True])
    replay.add({"observation": [3.0, 0.0], "reward": [0.0, 0.0]}, [4.0, 1.5], [False, False], [False, False])
    rows, data = drawn(replay)
    assert (data["next_observation"][rows[1]], data["next_observation"][rows[2]]) == (3.0, 99.0)


def test_frames_are_not_stacked_over_a_truncation():
    """Only terminations were looked at: https://github.com/google/dopamine/issues/213."""
    replay = StepReplay(50, STEP, stack=3)
    episode(replay, [1, 2], terminated=False)
    episode(replay, [11, 12, 13], terminated=False)
    rows, data = drawn(replay)
    assert data["observation"][rows[11]].tolist() == [11, 11, 11]
    assert data["next_observation"][rows[11]].tolist() == [11, 11, 12]
    assert data["observation"][rows[12]].tolist() == [11, 11, 12]


def test_frames_are_not_stacked_over_the_head_of_a_full_ring():
    """Fresh frames on very old ones: https://github.com/berkeleydeeprlcourse/homework/issues/52."""
    replay = StepReplay(6, STEP, stack=4)
    episode(replay, range(20), terminated=False)
    rows, data = drawn(replay)
    assert data["observation"][rows[13]].tolist() == [13, 13, 13, 13]
    assert data["observation"][rows[16]].tolist() == [13, 14, 15, 16]


def test_what_was_overwritten_is_no_predecessor():
    """Links to overwritten steps stayed: https://github.com/takuseno/d3rlpy/issues/268."""
    replay = StepReplay(4, STEP, stack=2)
    episode(replay, range(6), terminated=False)
    episode(replay, [50, 51], terminated=False)
    rows, data = drawn(replay)
    assert data["observation"][rows[50]].tolist() == [50, 50]
    assert data["observation"][rows[min(rows)]].tolist() == [min(rows)] * 2


def test_windows_do_not_cross_trajectories():
    """Slices went over an episode's end: https://github.com/pytorch/rl/issues/2208."""
    replay = StepReplay(50, STEP)
    for start in (0, 100, 200):
        episode(replay, range(start, start + 7))
    batch = replay.sample_windows(200, 5)
    hundreds = batch.data["observation"] // 100
    assert (hundreds == hundreds[:, :1]).all()
    assert set(batch.data["mask"].sum(1).tolist()) == {1, 2, 3, 4, 5}


def test_windows_at_capacity():
    """An episode round the end of the storage was an error: https://github.com/pytorch/rl/issues/1969."""
    replay = StepReplay(10, STEP)
    for start in (0, 100):
        episode(replay, range(start, start + 9))
    batch = replay.sample_windows(200, 8)
    steps = np.diff(batch.data["observation"])[batch.data["mask"][:, 1:]]
    assert set(steps.tolist()) == {1.0}
    assert batch.data["mask"].sum(1).max() == 8


def test_an_episode_is_as_long_as_it_was():
    """A window held parts of the next episodes: https://github.com/twni2016/pomdp-baselines/issues/20."""
    replay = StepReplay(300, STEP)
    for length in (20, 30, 3):
        episode(replay, np.arange(length + 1) + 1000 * length)
    batch = replay.sample_windows(100, 100)
    for observations, mask in zip(batch.data["observation"], batch.data["mask"], strict=True):
        kept = observations[mask]
        assert kept[-1] == 1000 * (kept[0] // 1000) + kept[0] // 1000 - 1


def test_a_resumed_replay_draws_as_before(tmp_path):
    """After a restore the replay was empty: https://github.com/ray-project/ray/issues/8151."""
    buffer = buffer_of(np.arange(1.0, 9.0), seed=3)
    buffer.sample(5)
    buffer.save(tmp_path / "replay")
    restored = PrioritizedReplayBuffer.load(tmp_path / "replay")
    assert restored.sample(50).indices.tolist() == buffer.sample(50).indices.tolist()


def test_an_interrupted_save_leaves_the_file_before(tmp_path):
    """A second Ctrl-C left no file: https://github.com/werner-duvaud/muzero-general/issues/181."""

    class Interrupts:
        def __reduce__(self):
            raise KeyboardInterrupt

    buffer = PrioritizedReplayBuffer(4)
    buffer.add(["a"], 1.0)
    buffer.save(tmp_path / "replay")
    buffer.add([Interrupts()], 1.0)
    with pytest.raises(KeyboardInterrupt):
        buffer.save(tmp_path / "replay")
    loaded = PrioritizedReplayBuffer.load(tmp_path / "replay", allow_pickle=True)
    assert loaded.items().data.tolist() == ["a"]
    assert len(list(tmp_path.iterdir())) == 1


def test_what_came_after_a_checkpoint_is_there_too(tmp_path):
    """A run that was resumed without its replay got worse: https://github.com/nicklashansen/tdmpc2/issues/28."""
    journal = ReplayJournal(tmp_path, lambda: PrioritizedReplayBuffer(50, {"x": np.int64}))
    journal.add({"x": np.arange(5)}, 1.0)
    journal.checkpoint()
    journal.add({"x": np.arange(5, 9)}, 2.0)
    reopened = ReplayJournal(tmp_path, lambda: PrioritizedReplayBuffer(50, {"x": np.int64}))
    assert reopened.buffer.items().data["x"].tolist() == list(range(9))


def test_threads_never_read_half_an_item():
    """sample() beside add() gave rows of two items: https://github.com/huggingface/lerobot/pull/3372."""
    buffer = PrioritizedReplayBuffer(50, {"x": Column(np.int64, (200,))})
    buffer.add({"x": np.zeros((50, 200), np.int64)}, 1.0)
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            number += 1
            buffer.add({"x": np.full((7, 200), number)}, 1.0)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(150):
            rows = buffer.sample(32).data["x"]
            assert (rows == rows[:, :1]).all()
    finally:
        stop.set()
        writer.join()


def test_weights_of_zero_are_not_drawn_without_replacement():
    """Zero weights came out of multinomial: https://github.com/pytorch/pytorch/issues/48841."""
    weights = np.zeros(20_000)
    weights[[17, 4000, 19_999]] = [2.1e-35, 9e-1, 9e-2]
    for k in (1, 2, 3):
        assert set(tree_of(*weights).sample(k, replacement=False).tolist()) <= {17, 4000, 19_999}


def test_a_zero_between_positive_weights_is_not_drawn():
    """Once in ten million draws it was: https://github.com/pytorch/pytorch/issues/50034."""
    tree = tree_of(0.33, 0.34, 0.0, 0.33)
    assert np.bincount(tree.sample(3_000_000), minlength=4)[2] == 0


def test_more_than_the_positive_weights_is_refused():
    """The sample was filled up with zeros: https://github.com/mesa/mesa/issues/3844."""
    with pytest.raises(ValueError, match="only 1 priorities are positive"):
        tree_of(1, 0, 0).sample(2, replacement=False)
    with pytest.raises(ValueError, match="only 1 priorities are positive"):
        buffer_of([1.0, 0.0, 0.0], zero="never").sample(2, replacement=False)


def test_leading_zeros_do_not_break_the_race():
    """A first weight of zero made a key NaN: https://github.com/JuliaStats/StatsBase.jl/issues/265."""
    for _ in range(50):
        assert tree_of(0, 0, 1).sample(1, replacement=False).tolist() == [2]
    assert tree_of(*[0.0] * 5, *[1.0] * 5).sample(5, replacement=False).min() >= 5


def test_draws_without_replacement_follow_successive_draws():
    """Inclusion probabilities were clipped: https://github.com/dmlc/dgl/issues/6917."""
    tree = tree_of(0.7, 0.2, 0.1)
    counts = sum(np.bincount(tree.sample(2, replacement=False), minlength=3) for _ in range(20_000))
    first = np.array([0.7, 0.2, 0.1])
    included = [first[i] + sum(first[j] * first[i] / (1 - first[j]) for j in range(3) if j != i) for i in range(3)]
    z = (counts - 20_000 * np.array(included)) / np.sqrt(20_000 * np.array(included) * (1 - np.array(included)))
    assert np.abs(z).max() < 4.5


def test_the_last_item_is_not_drawn_for_rounding():
    """float32 weights gave the last, zero item: https://github.com/JuliaStats/StatsBase.jl/issues/982."""
    weights = np.zeros(300, np.float32)
    weights[:270:9] = np.random.default_rng(0).random(30, np.float32)
    assert tree_of(*weights).sample(1_000_000).max() <= 261


def test_a_setting_of_eviction_by_age_is_kept():
    """Stale samples stayed for ever: https://github.com/NVIDIA-NeMo/RL/issues/2458."""
    buffer = PrioritizedReplayBuffer(100, {"x": np.int64}, eviction=MaxAge(3))
    buffer.add({"x": np.arange(10)}, 1.0)
    assert buffer.evict() == 6
    assert buffer.items().data["x"].tolist() == [6, 7, 8, 9]


def test_a_new_maximum_is_known_after_the_old_one_left():
    """The largest priority ever stayed the default: https://github.com/deepmind/reverb/issues/91."""
    buffer = PrioritizedReplayBuffer(3, {"x": np.int64})
    buffer.add({"x": np.arange(3)}, [100.0, 2.0, 1.0])
    buffer.add({"x": 3}, 0.5)  # over the 100
    buffer.add({"x": 4})
    assert buffer.priorities.raw.tolist() == [0.5, 2.0, 1.0]


def test_the_best_items_stay():
    """Only the oldest could leave: https://github.com/pytorch/rl/issues/1622."""
    buffer = PrioritizedReplayBuffer(4, {"x": np.int64}, eviction=LowestPriority(0.5))
    buffer.add({"x": np.arange(4)}, [3.0, 1.0, 4.0, 2.0])
    buffer.add({"x": 9}, 0.5)
    assert sorted(buffer.items().data["x"].tolist()) == [0, 2, 9]


def test_buffers_are_mixed_in_given_shares():
    """Several buffers in one batch had to be put together by hand: https://github.com/deepmind/reverb/issues/40."""
    mixture = ReplayMixture({"own": buffer_of([1.0] * 50), "expert": buffer_of([1.0] * 50)})
    batch = mixture.sample({"own": 24, "expert": 8})
    assert [len(batch["own"]), len(batch["expert"])] == [24, 8]
    assert np.bincount(batch.partition).tolist() == [24, 8]
