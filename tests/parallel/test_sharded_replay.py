"""Twin tests of the replay over several processes: what one process alone draws, they draw, bit for bit."""

import itertools

import numpy as np
import pytest

from codeit_jax.arc import Example
from codeit_jax.config.schema import ReplayConfig, TextConfig
from codeit_jax.hindsight import BEFORE_TRAINING, Experience
from codeit_jax.text import build_tokenizer
from codeit_jax.training.experience_replay import ExperienceReplay
from tests.parallel.thread_hosts import together

TEXT = TextConfig(prompt_buckets=(64,), program_buckets=(8,))
TOKENIZER = build_tokenizer("native")
NAMES = ["hmirror", "vmirror", "dmirror", "cmirror", "rot90", "rot180", "rot270", "identity"]


def experiences(origin, iteration):
    """Make 32 experiences with prompts of different lengths, half of them with keys of the iteration before."""
    rng = np.random.default_rng([iteration, len(origin)])
    places = itertools.islice(itertools.product(range(4), NAMES), 32)
    return [
        Experience(
            task_id=f"task{task + 2 * iteration}",
            program=f"O = {name}(I)",
            examples=(Example(input=((task,) * int(rng.integers(1, 9)),), output=((iteration, 2),)),),
            demonstration_performance=float(rng.choice([0.0, 0.0, 0.5, 1.0])),
            origin=origin,
            iteration=iteration if origin == "policy" else BEFORE_TRAINING,
        )
        for task, name in places
    ]


def make(hosts, draw, capacity=1024):
    config = ReplayConfig(draw=draw, num_policy_experiences=20, num_train_experiences=9, capacity=capacity)
    return ExperienceReplay(config, TEXT, TOKENIZER, hosts)


def fill(replay):
    for iteration in range(3):
        replay.add(experiences("mutant", iteration))
        replay.add(experiences("policy", iteration))
    return replay


def drawn(replay, seed, **options):
    """Return everything that a draw holds."""
    draw = replay.draw(np.random.default_rng(seed), **options)
    rows = zip(draw.prompts, draw.programs, draw.origins.tolist(), draw.performance.tolist(), strict=True)
    return [(prompt.tolist(), program.tolist(), origin, value) for prompt, program, origin, value in rows]


def both_draws(replay):
    return drawn(replay, 1), drawn(replay, 2, train_only=True)


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize(
    ("draw", "capacity"), [("without_replacement", 1024), ("with_replacement", 1024), ("without_replacement", 40)]
)
def test_processes_draw_what_one_draws(draw, capacity, count):
    [alone], _ = together(1, lambda hosts: both_draws(fill(make(hosts, draw, capacity))))
    results, _ = together(count, lambda hosts: both_draws(fill(make(hosts, draw, capacity))))
    assert results == [alone] * count
    assert all(prompt for prompt, *_ in alone[0])


def test_each_prompt_lies_with_one_process():
    def stored(hosts):
        replay = fill(make(hosts, "without_replacement"))
        return [replay[name].items().data["prompt"].lengths for name in ("train", "policy")]

    [[train, policy]], _ = together(1, stored)
    parts, _ = together(3, stored)
    for whole, shares in ((train, [part[0] for part in parts]), (policy, [part[1] for part in parts])):
        assert (np.count_nonzero(shares, axis=0) == 1).all()
        np.testing.assert_array_equal(np.sum(shares, axis=0), whole)
        assert min(share.sum() for share in shares) > 0.15 * whole.sum()


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1), (2, 3), (3, 2), (2, 2)])
def test_a_replay_saved_by_some_processes_is_restored_by_others(tmp_path, before, after):
    [alone], _ = together(1, lambda hosts: both_draws(fill(make(hosts, "without_replacement"))))
    together(before, lambda hosts: fill(make(hosts, "without_replacement")).save(tmp_path))
    assert len(list(tmp_path.iterdir())) == before

    def restored(hosts):
        replay = make(hosts, "without_replacement")
        replay.load(tmp_path)
        own = replay["policy"].items().data["prompt"].lengths
        return both_draws(replay), own

    results, _ = together(after, restored)
    assert [draws for draws, _ in results] == [alone] * after
    assert (np.count_nonzero([own for _, own in results], axis=0) == 1).all()
