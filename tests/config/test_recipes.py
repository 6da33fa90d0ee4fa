"""Exact tests of the recipe dial: what it sets, what overrides it, and where a configuration leaves it."""

import ast
from operator import attrgetter
from pathlib import Path

import pytest

from codeit_jax.config.errors import UserError
from codeit_jax.config.loading import load_config
from codeit_jax.config.recipes import CHOICES, DIFFERENCES, departures, recipe_settings
from codeit_jax.config.schema import Config

ROOT = Path(__file__).resolve().parents[2]
RELEASED = load_config([], ["recipe=released"])


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file of that name."""

    def write_file(name, content):
        (tmp_path / name).write_text(content, encoding="utf-8")
        return tmp_path / name

    return write_file


def test_each_setting_differs_once():
    assert all(choice.paper != choice.released for choice in CHOICES)
    assert len(recipe_settings("paper")) == len(CHOICES)


def test_differences_are_numbered_without_a_gap():
    assert [row.number for row in DIFFERENCES] == list(range(1, len(DIFFERENCES) + 1))
    assert len({row.topic for row in DIFFERENCES}) == len(DIFFERENCES) >= 25


@pytest.mark.parametrize("row", DIFFERENCES, ids=lambda row: str(row.number))
def test_a_difference_has_a_setting_or_a_reason_and_a_test(row):
    names = [choice.setting for choice in row.choices] + list(row.settings)
    for name in names:
        attrgetter(name)(Config())  # it exists
    assert names or row.note.startswith("No setting: ")
    texts = [row.paper, row.released, *filter(None, [row.note])]
    assert all(text.endswith(".") and "|" not in text for text in texts)
    file, _, function = row.test.partition("::")
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert function in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


def test_the_defaults_follow_the_papers_recipe():
    assert load_config() == load_config([], ["recipe=paper"]) == Config()
    assert departures(Config()) == {}


def test_the_released_recipe_sets_every_difference_and_nothing_else():
    assert departures(RELEASED) == {}
    overrides = [f"{setting}={value}" for setting, value in recipe_settings("released").items()]
    assert load_config([], ["recipe=released", *overrides]) == RELEASED
    assert load_config([], [*overrides, "recipe=released"]) == RELEASED
    # The same settings one by one, under the paper's recipe, leave it in all of them.
    assert departures(load_config([], overrides)).keys() == recipe_settings("paper").keys()


def test_files_and_overrides_come_before_the_recipe_wherever_it_is_named(write):
    base = write("base.yaml", "training: {pad_loss: false}\nreplay: {draw: with_replacement}")
    top = write("top.yaml", f"recipe: released\nbase: {base.name}\nreplay: {{draw: without_replacement}}")
    config = load_config([top], ["sampling.top_k=7"])
    assert departures(config) == {"sampling.top_k": (50, 7), "training.pad_loss": (True, False)}
    assert load_config([base], ["recipe=released"]).training.pad_loss is False


def test_the_last_recipe_named_is_the_one(write):
    file = write("c.yaml", "recipe: released")
    assert load_config([file]) == RELEASED
    assert load_config([file], ["recipe=paper"]) == Config()


def test_a_value_of_the_recipe_that_is_overridden_wrongly_names_the_override():
    with pytest.raises(UserError, match=r"sampling.grammar is 'none' \(command line\), expected"):
        load_config([], ["recipe=released", "sampling.grammar=none"])
