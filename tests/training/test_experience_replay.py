"""Exact tests of the replay of experiences: partitions, replacement, what each rule draws, and saving."""

from dataclasses import replace

import numpy as np
import pytest

from codeit_jax.arc import Example
from codeit_jax.config.schema import ReplayConfig, TextConfig
from codeit_jax.hindsight import BEFORE_TRAINING, Experience
from codeit_jax.text import build_tokenizer
from codeit_jax.training.experience_replay import ORIGINS, ExperienceReplay

TEXT = TextConfig(prompt_buckets=(64,), program_buckets=(8,))
TOKENIZER = build_tokenizer("native")
NAMES = ["hmirror", "vmirror", "dmirror", "cmirror", "rot90", "rot180", "rot270", "identity"]


def make(number, origin="policy", performance=0.0, program=None):
    """Make an experience that its task id and program tell from others."""
    example = Example(input=((number % 10,),), output=((1, 2),))
    return Experience(
        task_id=f"task{number}",
        program=program or f"O = {NAMES[number % len(NAMES)]}(I)",
        examples=(example,),
        demonstration_performance=performance,
        origin=origin,
        iteration=0 if origin == "policy" else BEFORE_TRAINING,
    )


def filled(policy=(), draw="without_replacement", text=TEXT, **settings):
    """Return a replay of 4 seeds, 6 mutants and a program of the policy for each performance given."""
    replay = ExperienceReplay(ReplayConfig(capacity=256, draw=draw, **settings), text, TOKENIZER)
    replay.add([make(number, "seed", 1.0) for number in range(4)])
    replay.add([make(number, "mutant", 0.5 * (number % 2)) for number in range(4, 10)])
    replay.add([make(number, "policy", performance) for number, performance in enumerate(policy)])
    return replay


def counts(draw):
    return {origin: int((draw.origins == number).sum()) for number, origin in enumerate(ORIGINS)}


def rng():
    return np.random.default_rng(0)


def test_experiences_go_to_the_partition_of_their_origin():
    replay = filled([0.0, 1.0])
    assert (len(replay["train"]), len(replay["policy"])) == (10, 2)
    data = replay["policy"].items().data
    assert data["performance"].tolist() == [0.0, 1.0]
    assert [TOKENIZER.decode_program(list(row)) for row in data["program"]] == ["O = hmirror(I)", "O = vmirror(I)"]
    wanted = TOKENIZER.encode_prompt(make(1).examples, max_tokens=64).token_ids
    np.testing.assert_array_equal(data["prompt"][1], wanted)


def test_a_program_that_does_not_fit_is_left_out_and_counted():
    replay = filled(text=replace(TEXT, long_programs="leave_out"))
    long = make(0, program="x1 = hmirror(I)\nx2 = vmirror(x1)\nO = rot90(x2)")
    assert len(TOKENIZER.encode_program(long.program)) > TEXT.max_program_tokens
    assert replay.add([long, make(1)]) == 1
    assert len(replay["policy"]) == 1
    assert replay.add([]) == 0


def test_a_program_that_does_not_fit_is_truncated():
    replay = filled()
    long = make(0, program="x1 = hmirror(I)\nx2 = vmirror(x1)\nO = rot90(x2)")
    assert replay.add([long]) == 0
    [program] = replay["policy"].items().data["program"]
    assert list(program) == TOKENIZER.encode_program(long.program)[:8].tolist()


def test_only_the_smallest_demonstrations_are_shown_when_told_so():
    small, large = (Example(input=grid, output=grid) for grid in (((1,),), ((1, 2), (3, 4))))
    experience = replace(make(0), examples=(large, small))
    replay = filled(text=replace(TEXT, num_demonstrations=1))
    replay.add([experience])
    [prompt] = replay["policy"].items().data["prompt"]
    assert list(prompt) == TOKENIZER.encode_prompt([small], max_tokens=64).token_ids.tolist()


def test_the_train_share_can_be_larger_than_the_partition():
    settings = {"num_train_experiences": 500, "num_policy_experiences": 0}
    assert len(filled([1.0], **settings).draw(rng())) == 10
    draw = filled([1.0], train_draw="with_replacement", **settings).draw(rng())
    assert counts(draw)["policy"] == 0
    assert len(draw) == 500
    # Each of the ten comes 50 times: standard deviation 6.7, so 27 is four of them.
    assert abs(counts(draw)["seed"] - 200) < 4 * 11


def test_pretraining_can_be_a_draw():
    draw = filled([1.0] * 5, pretraining="draw", num_train_experiences=3).draw(rng(), train_only=True)
    assert (len(draw), counts(draw)["policy"]) == (3, 0)


def test_mutants_of_a_meta_iteration_are_in_the_policys_partition():
    replay = filled()
    replay.add([replace(make(7, "mutant", 1.0), iteration=0)])
    assert len(replay["policy"]) == 1
    assert counts(replay.draw(rng()))["mutant"] == 7


def test_the_same_program_for_the_same_task_is_replaced():
    replay = filled([0.0, 0.0])
    replay.add([make(0, performance=1.0), make(0, performance=0.5, program="O = rot90(I)")])
    assert sorted(replay["policy"].items().data["performance"].tolist()) == [0.0, 0.5, 1.0]
    replay.add([make(0, "mutant")])  # the other partition has its own keys: the mutant takes the seed's place
    assert (len(replay["policy"]), len(replay["train"])) == (3, 10)


def test_before_the_first_meta_iteration_each_seed_and_mutant_comes_once():
    draw = filled([1.0] * 5, num_train_experiences=3).draw(rng(), train_only=True)
    assert counts(draw) == {"seed": 4, "mutant": 6, "policy": 0, "guided": 0}
    programs = [row.tobytes() for row in draw.programs]
    prompts = [row.tobytes() for row in draw.prompts]
    assert len(set(zip(prompts, programs, strict=True))) == len(draw) == 10


def test_a_draw_has_its_shares_and_takes_a_smaller_partition_whole():
    replay = filled([0.0] * 3, num_policy_experiences=50, num_train_experiences=4)
    assert sum(counts(replay.draw(rng())).values()) == 7
    assert counts(replay.draw(rng()))["policy"] == 3


@pytest.mark.parametrize("rule", ["without_replacement", "with_replacement"])
def test_without_anything_of_the_policy_the_draw_is_of_the_training_partition(rule):
    draw = filled(draw=rule, num_train_experiences=4).draw(rng())
    assert (len(draw), counts(draw)["policy"], draw.mean_performance()) == (4, 0, 0.0)


def test_an_empty_replay_gives_an_empty_draw():
    replay = ExperienceReplay(ReplayConfig(capacity=8), TEXT, TOKENIZER)
    assert len(replay.draw(rng(), train_only=True)) == len(replay.draw(rng())) == 0


def test_the_released_draw_has_each_program_that_solves_before_any_that_does_not():
    performances = [0.0] * 40 + [0.25, 1.0, 0.5]
    replay = filled(performances, num_policy_experiences=5, num_train_experiences=0)
    for seed in range(20):
        draw = replay.draw(np.random.default_rng(seed))
        assert sorted(draw.performance.tolist()) == [0.0, 0.0, 0.25, 0.5, 1.0]
        assert draw.mean_performance() == pytest.approx(0.35)


def test_the_papers_draw_repeats_only_what_solves_in_proportion():
    replay = filled([0.0, 0.25, 0.75], draw="with_replacement", num_policy_experiences=4000, num_train_experiences=100)
    draw = replay.draw(rng())
    policy = draw.performance[draw.origins == ORIGINS.index("policy")]
    assert len(policy) == 4000
    assert set(policy.tolist()) == {0.25, 0.75}
    # 4000 draws with p = 3/4: standard deviation 27, so 110 is four of them.
    assert abs(int((policy == 0.75).sum()) - 3000) < 110
    train = draw.performance[draw.origins != ORIGINS.index("policy")]
    assert len(train) == 10  # uniformly, each once


def test_the_uniform_draw_does_not_look_at_performance():
    replay = filled([1.0] + [0.0] * 19, priority="uniform", num_policy_experiences=5, num_train_experiences=0)
    solving = sum(1.0 in replay.draw(np.random.default_rng(seed)).performance for seed in range(200))
    # 200 draws of 5 in 20: mean 50, standard deviation 6.1, so 25 is four of them.
    assert abs(solving - 50) < 25


def test_the_mean_performance_is_that_of_the_policys_rows():
    draw = filled([0.5, 1.0, 0.0], num_policy_experiences=9, num_train_experiences=9).draw(rng())
    assert draw.mean_performance() == 0.5


def test_a_saved_replay_draws_and_grows_as_before(tmp_path):
    settings = {"num_policy_experiences": 4, "num_train_experiences": 4}
    replay = filled([0.0, 0.5, 1.0, 0.0, 0.0, 0.25], **settings)
    replay.save(tmp_path)
    restored = ExperienceReplay(ReplayConfig(capacity=256, draw="without_replacement", **settings), TEXT, TOKENIZER)
    restored.load(tmp_path)
    for source in (replay, restored):
        source.add([make(1, performance=0.0), make(99, performance=1.0)])
    for train_only in (False, True):
        a, b = (source.draw(rng(), train_only=train_only) for source in (replay, restored))
        for name in ("prompts", "programs"):
            rows_a, rows_b = getattr(a, name), getattr(b, name)
            assert [row.tobytes() for row in rows_a] == [row.tobytes() for row in rows_b]
        assert a.origins.tobytes() == b.origins.tobytes()
        assert a.performance.tobytes() == b.performance.tobytes()


def test_of_one_behavior_the_first_and_shortest_program_stays_when_told_so():
    long, short = (replace(make(1), program=text) for text in ("x1 = rot90(I)\nO = rot90(x1)", "O = rot180(I)"))
    other = replace(make(1), program="O = rot90(I)", examples=make(2).examples)

    def programs(replay):
        replay.add([long, other, short])
        replay.add([replace(long, iteration=3)])
        rows = replay["policy"].items().data["program"]
        return sorted(TOKENIZER.decode_program(list(row)) for row in rows)

    text = replace(TEXT, program_buckets=(32,))
    assert programs(filled(text=text)) == sorted([long.program, other.program, short.program])
    assert programs(filled(text=text, distinct="behaviors")) == [other.program, short.program]
    # The same grids for another task are another behavior, and seeds and mutants stay as they are.
    replay = filled(distinct="behaviors")
    replay.add([make(1), replace(make(1), task_id="another")])
    assert (len(replay["train"]), len(replay["policy"])) == (10, 2)


def test_a_task_has_at_most_so_many_experiences_when_told_so(tmp_path):
    replay = filled(max_per_task=2)
    replay.add([replace(make(n, performance=n / 10), task_id="one") for n in (3, 1, 7, 5)])
    replay.add([make(n) for n in (1, 2)])
    assert sorted(replay["policy"].items().data["performance"].round(1).tolist()) == pytest.approx([0, 0, 0.5, 0.7])
    replay.save(tmp_path)
    loaded = ExperienceReplay(ReplayConfig(capacity=256, max_per_task=2), TEXT, TOKENIZER)
    loaded.load(tmp_path)
    loaded.add([replace(make(4, performance=0.9), task_id="one")])
    assert sorted(loaded["policy"].items().data["performance"].round(1).tolist()) == pytest.approx([0, 0, 0.7, 0.9])
    assert len(loaded["train"]) == 10
