"""Draw rules: what each draws of scored and unscored programs, statistical (|z| < 4.5)."""

import numpy as np

from codeit_jax.replay import ReplayMixture
from codeit_jax.training.draw_rules import DRAW_RULES

SCHEMA = {"number": np.int64}


def mixture_of(rule):
    performance = np.repeat([1.0, 0.5, 0.0], [30, 70, 500])
    mixture = ReplayMixture({name: rule.make_buffer(1000, SCHEMA) for name in ("policy", "train")})
    for name in mixture:
        mixture[name].add({"number": np.arange(600)}, rule.priorities(name, performance), key=range(600))
    return mixture


def test_released_rule_draws_every_scored_program_once_and_the_rest_uniformly():
    rule, rng = DRAW_RULES["without_replacement"], np.random.default_rng(3)
    mixture = mixture_of(rule)
    seen = {name: np.zeros(600) for name in mixture}
    for _ in range(300):
        batch = rule.sample(mixture, {"policy": 200, "train": 200}, rng)
        for name in mixture:
            seen[name][batch[name].data["number"]] += 1
            assert len(np.unique(batch[name].indices)) == 200
    assert (seen["policy"][:100] == 300).all()
    for counts, share in ((seen["policy"][100:], 100 / 500), (seen["train"], 200 / 600)):
        expected = 300 * share
        z = (((counts - expected) ** 2 / expected / (1 - share)).sum() - len(counts)) / np.sqrt(2 * len(counts))
        assert abs(z) < 4.5
    assert len(rule.sample(mixture, {"policy": 900}, rng)) == 600


def test_paper_rule_draws_in_proportion():
    rule = DRAW_RULES["with_replacement"]
    numbers = rule.sample(mixture_of(rule), {"policy": 65_000}, np.random.default_rng(3))["policy"].data["number"]
    assert numbers.max() < 100
    z = ((numbers < 30).sum() - 30_000) / np.sqrt(65_000 * (30 / 65) * (35 / 65))
    assert abs(z) < 4.5


def test_uniform_rule_ignores_performance():
    rule = DRAW_RULES["uniform"]
    numbers = rule.sample(mixture_of(rule), {"policy": 300}, np.random.default_rng(3))["policy"].data["number"]
    assert len(np.unique(numbers)) == 300
    z = ((numbers < 100).sum() - 50) / np.sqrt(300 * (1 / 6) * (5 / 6) * 0.5)
    assert abs(z) < 4.5
