"""Contract tests of the ablation presets: what each changes of the main run, and what it draws; no model is run."""

import re

import numpy as np
import pytest

from codeit_jax.arc import Example
from codeit_jax.config.loading import changed_settings, load_config
from codeit_jax.config.presets import find_config_file, head_comment, presets
from codeit_jax.hindsight import BEFORE_TRAINING, Experience
from codeit_jax.text import build_tokenizer
from codeit_jax.training.experience_replay import ORIGINS, ExperienceReplay

MAIN = "codet5p_220m"
CHANGES = {
    "a1_no_policy_experiences": {
        "replay.policy_experiences": "none",
        "replay.num_train_experiences": 100_000,
        "replay.train_draw": "with_replacement",
    },
    "a1_mutants_on_search_tasks": {"replay.policy_experiences": "mutants"},
    "a2_no_relabeling": {"hindsight.relabel": False, "hindsight.keep": "all"},
    "a3_no_priority": {"replay.priority": "uniform"},
    "a4_no_pretrained_weights": {"model.weights": None},
    "a5_one_demonstration": {"text.num_demonstrations": 1},
    "a5_one_demonstration_learned": {"text.num_demonstrations": 1, "hindsight.num_demonstrations": 1},
    "a6_no_mutation": {"mutation.num_programs": 0},
}
# Table 2: tasks solved by the policy, and with the mutants.
PUBLISHED = {
    "a1_no": (13, 45),
    "a2": (24, 42),
    "a3": (38, 58),
    "a4": (9, 35),
    "a5_one_demonstration": (34, 51),
    "a6": (17, 20),
}


def test_every_ablation_is_here():
    assert sorted(CHANGES) == sorted(preset.name for preset in presets() if "ablations/" in preset.file)


@pytest.mark.parametrize("recipe", ["paper", "released"])
@pytest.mark.parametrize("name", CHANGES)
def test_an_ablation_is_the_main_run_but_for_what_it_ablates(name, recipe):
    main, ablation = (load_config([preset], [f"recipe={recipe}"]) for preset in (MAIN, name))
    assert {key: new for key, (_, new) in changed_settings(main, ablation).items()} == CHANGES[name]
    assert ablation.data.seeds == main.data.seeds == "seeds/solvers.py"


@pytest.mark.parametrize(
    "name", [name for name in CHANGES if name not in ("a1_mutants_on_search_tasks", "a5_one_demonstration_learned")]
)
def test_a_preset_states_the_papers_numbers(name):
    [(policy, cumulative)] = [numbers for start, numbers in PUBLISHED.items() if name.startswith(start)]
    assert f"Expect: policy {policy}, cumulative {cumulative} of 400 (paper)" in " ".join(
        head_comment(find_config_file(name))
    )
    assert re.search(r"Expect: 59 of 400", " ".join(head_comment(find_config_file(MAIN))))


def draw_of(name, recipe, *, train, policy):
    """Return a learning stage's draw, as that preset makes it, from partitions of these sizes; every fifth solves."""
    config = load_config([name], [f"recipe={recipe}"])
    replay = ExperienceReplay(config.replay, config.text, build_tokenizer("native"))
    for count, origin, iteration in ((train, "mutant", BEFORE_TRAINING), (policy, "policy", 0)):
        example = Example(((1,),), ((2,),))
        rows = [
            Experience(
                task_id=str(number),
                program="O = hmirror(I)",
                examples=(example,),
                demonstration_performance=float(number % 5 == 0),
                origin=origin,
                iteration=iteration,
            )
            for number in range(count)
        ]
        replay.add(rows)
    draw = replay.draw(np.random.default_rng(0))
    return np.bincount(draw.origins, minlength=ORIGINS.index("policy") + 1).tolist(), draw


@pytest.mark.parametrize("recipe", ["paper", "released"])
def test_a_draw_of_the_papers_a1_has_100_000_rows(recipe):
    counts, _ = draw_of("a1_no_policy_experiences", recipe, train=19_585, policy=0)
    assert counts == [0, 100_000, 0]


def test_a_draw_of_the_main_run_has_its_shares():
    assert draw_of(MAIN, "paper", train=19_585, policy=95_000)[0] == [0, 10_000, 90_000]
    counts, draw = draw_of("a3_no_priority", "paper", train=19_585, policy=95_000)
    assert counts == [0, 10_000, 90_000]
    assert abs(draw.mean_performance() - 0.2) < 0.005
