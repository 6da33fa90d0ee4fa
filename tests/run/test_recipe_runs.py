"""Contract tests of whole tiny runs: of each recipe, and of each ablation preset by each recipe."""

from operator import attrgetter

import pytest
import yaml

from codeit_jax.config.loading import load_config
from codeit_jax.config.presets import find_config_file, presets
from tests.run.tiny_run import learning_rows, rows_of

ABLATIONS = [preset.name for preset in presets() if "ablations/" in preset.file]
# What is measured in tens of thousands there.
SIZES = ("num_meta_iterations=2", "replay.num_train_experiences=24")
# What the tiny run sets itself, which would come before the recipe.
OVERRIDDEN = ("replay.draw", "sampling.grammar", "sampling.top_k")


def words_of(recipe):
    """Return a recipe, all of it, as words of the command line."""
    config = load_config([], [f"recipe={recipe}"])
    return [f"recipe={recipe}", *(f"{name}={attrgetter(name)(config)}" for name in OVERRIDDEN)]


def settings_of(name):
    """Return what a preset says itself, without its base, as words of the command line."""
    sections = yaml.safe_load(find_config_file(name).read_text(encoding="utf-8"))
    del sections["base"]
    return [
        f"{section}.{key}={'null' if value is None else value}"
        for section, values in sections.items()
        for key, value in values.items()
    ]


@pytest.mark.parametrize("recipe", ["paper", "released"])
def test_a_recipe_runs_the_whole_loop(tiny, tmp_path, recipe):
    assert tiny(tmp_path, *words_of(recipe), *SIZES).code == 0
    stages = {row["stage"] for row in rows_of(tmp_path, "metrics.jsonl")}
    assert {"mutate", "screen", "sample", "execute", "relabel", "find", "replay", "score", "learn"} <= stages
    executed = [row for row in rows_of(tmp_path, "metrics.jsonl") if row["stage"] == "execute"]
    assert all(("no_grid_size" in row) == (recipe == "released") for row in executed)
    assert len(learning_rows(tmp_path)) == 3


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["paper", "released"])
@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_runs(tiny, tmp_path, name, recipe):
    assert tiny(tmp_path, *words_of(recipe), *settings_of(name), *SIZES).code == 0
    assert len(learning_rows(tmp_path)) == 3
