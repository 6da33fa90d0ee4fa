"""Steps stored once: twin (plain lists of episodes), exact values, contract (what is stored, what is refused)."""

import numpy as np
import pytest

from codeit_jax.replay import Column, Payload, StepReplay

NESTED = {
    "observation": {"image": Column(np.uint8, (2,)), "speed": np.float32},
    "reward": np.float32,
    "number": np.int64,
}


class Worlds:
    """Environments with random episodes; keeps every step in a list, the twin of what a replay stores."""

    def __init__(self, num_streams, seed, nested):
        self.rng, self.nested, self.steps = np.random.default_rng(seed), nested, []
        self.now = [self.observe() for _ in range(num_streams)]
        self.episode = list(range(num_streams))
        self.episodes = num_streams

    def observe(self):
        return self.rng.integers(0, 256, 2).astype(np.uint8), np.float32(self.rng.normal())

    def pack(self, observations):
        image, speed = np.stack([o[0] for o in observations]), np.array([o[1] for o in observations])
        return {"image": image, "speed": speed} if self.nested else speed

    def step(self, streams):
        rows = []
        for stream in streams:
            after, terminated, truncated = self.observe(), self.rng.random() < 0.15, self.rng.random() < 0.15
            rows.append(
                {
                    "number": len(self.steps), "observation": self.now[stream], "next": after,
                    "episode": self.episode[stream],
                    "reward": np.float32(self.rng.normal()), "terminated": terminated, "truncated": truncated,
                }
            )  # fmt: skip
            self.steps.append(rows[-1])
            self.now[stream] = after
            if terminated or truncated:
                self.now[stream], self.episode[stream] = self.observe(), self.episodes
                self.episodes += 1
        columns = {"observation": self.pack([row["observation"] for row in rows])}
        columns |= {name: np.array([row[name] for row in rows]) for name in ("reward", "number")}
        ends = [[row[name] for row in rows] for name in ("terminated", "truncated")]
        return columns, self.pack([row["next"] for row in rows]), *ends

    def following(self, number, count, stored):
        """The step and those after it in its episode, as far as they are stored."""
        step = self.steps[number]
        later = [other for other in self.steps[number:] if other["episode"] == step["episode"]]
        return [other for other in later[:count] if other["number"] in stored]

    def before(self, number, count, stored):
        step = self.steps[number]
        earlier = [o for o in self.steps[: number + 1] if o["episode"] == step["episode"] and o["number"] in stored]
        frames = earlier[-count:]
        return [frames[0]] * (count - len(frames)) + frames


def filled(num_streams, n_step, stack, nested, seed, rounds=40, capacity=37):
    worlds = Worlds(num_streams, seed, nested)
    schema = NESTED if nested else NESTED | {"observation": np.float32}
    replay = StepReplay(capacity, schema, num_streams=num_streams, n_step=n_step, gamma=0.9, stack=stack, beta=0.4)
    for _ in range(rounds):
        streams = np.flatnonzero(worlds.rng.random(num_streams) < 0.8)
        if len(streams):
            replay.add(*worlds.step(streams), streams=streams)
    return worlds, replay


def speeds(observation, nested):
    return observation["speed"] if nested else observation


@pytest.mark.parametrize(
    ("num_streams", "n_step", "stack", "nested"), [(1, 1, 1, False), (3, 4, 1, True), (2, 3, 3, True), (5, 2, 4, False)]
)
def test_a_batch_is_what_plain_lists_give(num_streams, n_step, stack, nested):
    worlds, replay = filled(num_streams, n_step, stack, nested, seed=num_streams)
    stored = set(replay.buffer.items().data["number"].tolist())
    batch = replay.sample(200)
    for row, number in enumerate(batch.data["number"].tolist()):
        window = worlds.following(number, n_step, stored)
        last = window[-1]
        expected = sum(0.9**k * float(step["reward"]) for k, step in enumerate(window))
        assert batch.data["reward"][row] == pytest.approx(expected, rel=1e-5, abs=1e-6)
        discount = 0.0 if last["terminated"] else 0.9 ** len(window)
        assert batch.data["discount"][row] == pytest.approx(discount, rel=1e-6)
        frames = [step["observation"][1] for step in worlds.before(number, stack, stored)]
        following = (
            [step["observation"][1] for step in worlds.before(last["number"], stack - 1, stored)] if stack > 1 else []
        )
        following.append(last["next"][1])
        np.testing.assert_array_equal(np.ravel(speeds(batch.data["observation"], nested)[row]), frames)
        np.testing.assert_array_equal(np.ravel(speeds(batch.data["next_observation"], nested)[row]), following)
        if nested and stack == 1:
            np.testing.assert_array_equal(batch.data["next_observation"]["image"][row], last["next"][0])


@pytest.mark.parametrize(("num_streams", "nested"), [(1, True), (4, False)])
def test_windows_stay_within_episodes(num_streams, nested):
    worlds, replay = filled(num_streams, 1, 1, nested, seed=7)
    stored = set(replay.buffer.items().data["number"].tolist())
    batch = replay.sample_windows(100, 5)
    for row in range(100):
        window = worlds.following(batch.data["number"][row, 0], 5, stored)
        mask = batch.data["mask"][row]
        assert mask.tolist() == [True] * len(window) + [False] * (5 - len(window))
        assert batch.data["number"][row][mask].tolist() == [step["number"] for step in window]
        observed = speeds(batch.data["next_observation"], nested)[row][mask]
        np.testing.assert_array_equal(observed, [step["next"][1] for step in window])
        assert batch.data["truncated"][row][mask].tolist() == [step["truncated"] for step in window]


def test_an_observation_is_stored_once():
    """Only what no stored step begins with has a place of its own: the newest, and one for each episode's end."""
    replay = StepReplay(1000, {"observation": Column(np.float32, (8,)), "reward": np.float32})
    for step in range(900):
        ends = step % 100 == 99
        now = np.full((1, 8), step + step // 100, np.float32)  # a new episode begins with another observation
        replay.add({"observation": now, "reward": [0.0]}, now + 1, [False], [ends])
    assert replay.state_dict()["num_tails"] <= 11
    assert len(replay.state_dict()["tails"]["observation"]) <= 11


def test_a_truncated_episode_is_bootstrapped_and_a_terminated_one_not():
    replay = StepReplay(10, {"observation": np.float32, "reward": np.float32}, n_step=3, gamma=0.5)
    for k in range(3):
        replay.add({"observation": [k], "reward": [1.0]}, [k + 1], [False], [k == 2])
    for k in range(10, 12):
        replay.add({"observation": [k], "reward": [1.0]}, [k + 1], [k == 11], [False])
    rows = {row["observation"]: row for row in rows_of(replay.sample(200).data)}
    assert (rows[0]["reward"], rows[0]["discount"], rows[0]["next_observation"]) == (1.75, 0.125, 3)
    assert (rows[1]["reward"], rows[1]["discount"], rows[1]["next_observation"]) == (1.5, 0.25, 3)
    assert (rows[2]["reward"], rows[2]["discount"], rows[2]["next_observation"]) == (1.0, 0.5, 3)
    assert (rows[10]["reward"], rows[10]["discount"], rows[10]["next_observation"]) == (1.5, 0.0, 12)


def rows_of(data):
    return [{name: values[row] for name, values in data.items()} for row in range(len(data["reward"]))]


def test_a_step_that_does_not_follow_is_not_taken_for_the_next():
    """The environment was reset without a word: what came before keeps its own next observation."""
    replay = StepReplay(10, {"observation": np.float32, "reward": np.float32}, n_step=2, gamma=1.0)
    replay.add({"observation": [1.0], "reward": [1.0]}, [2.0], [False], [False])
    replay.add({"observation": [50.0], "reward": [10.0]}, [51.0], [False], [False])
    rows = {row["observation"]: row for row in rows_of(replay.sample(50).data)}
    assert (rows[1.0]["reward"], rows[1.0]["next_observation"]) == (1.0, 2.0)


@pytest.mark.parametrize("how", ["state", "file"])
def test_a_restored_replay_goes_on_the_same(tmp_path, how):
    worlds, replay = filled(3, 3, 2, True, seed=11)
    if how == "file":
        replay.save(tmp_path / "steps")
        restored = StepReplay.load(tmp_path / "steps")
    else:
        _, restored = filled(3, 1, 1, True, seed=12)
        restored.load_state_dict(replay.state_dict())
    for _ in range(30):
        steps = worlds.step(range(3))
        np.testing.assert_array_equal(replay.add(*steps), restored.add(*steps))
        first, second = replay.sample(20), restored.sample(20)
        for name in ("reward", "discount", "number"):
            np.testing.assert_array_equal(first.data[name], second.data[name])
        np.testing.assert_array_equal(first.data["next_observation"]["image"], second.data["next_observation"]["image"])


def test_priorities_belong_to_steps():
    _, replay = filled(2, 2, 1, False, seed=3)
    batch = replay.sample(10)
    assert replay.update_priorities(batch.indices, np.zeros(10), batch.generation) == 10
    assert not set(replay.sample(200).indices.tolist()) & set(batch.indices.tolist())


def test_what_is_wrong_is_refused_and_nothing_changes():
    _, replay = filled(2, 1, 1, False, seed=5)
    before = replay.state_dict()
    good = {"observation": [0.0, 0.0], "reward": [0.0, 0.0], "number": [0, 0]}
    ends = [False, False]
    with pytest.raises(ValueError, match="1 next observations for 2 streams"):
        replay.add(good, [0.0], ends, ends)
    with pytest.raises(ValueError, match="for 1 streams"):
        replay.add(good, [0.0, 0.0], ends, ends, streams=[1])
    with pytest.raises(ValueError, match="for 2 streams"):
        replay.add(good, [0.0, 0.0], ends, ends, streams=[1, 1])
    with pytest.raises(IndexError, match=r"streams span \[1, 2\]"):
        replay.add(good, [0.0, 0.0], ends, ends, streams=[1, 2])
    with pytest.raises(ValueError, match="different lengths"):
        replay.add(good, [0.0, 0.0], [False], ends)
    np.testing.assert_equal(replay.state_dict(), before)
    with pytest.raises(ValueError, match="at least 2 steps for each of 4 streams"):
        StepReplay(7, {"observation": np.float32, "reward": np.float32}, num_streams=4)
    with pytest.raises(ValueError, match="must have 'reward'"):
        StepReplay(7, {"observation": np.float32})
    with pytest.raises(ValueError, match="none of"):
        StepReplay(7, {"observation": np.float32, "reward": np.float32, "discount": np.float32})
    with pytest.raises(ValueError, match="arrays of one shape"):
        StepReplay(7, {"observation": Payload(), "reward": np.float32})
