"""Exact tests of `codeit-jax config show|presets|reference`: what is printed, for people and as JSON."""

import json

import pytest
import yaml

from codeit_jax.cli import main
from codeit_jax.config.errors import first_line
from codeit_jax.config.loading import from_yaml, load_config
from codeit_jax.config.presets import presets
from codeit_jax.config.reference import recipes_page, reference_page


@pytest.fixture
def printed(capsys):
    """Return a function that runs the verb and returns its standard output."""

    def run(*arguments):
        assert main(["config", *arguments]) == 0
        return capsys.readouterr().out

    return run


def test_show_prints_what_reads_back_equal(printed):
    arguments = ("show", "--config", "smoke", "--seed", "5", "sampling.temperature=0.5")
    config = load_config(["smoke"], ["sampling.temperature=0.5", "seed=5"])
    assert from_yaml(printed(*arguments)) == config
    assert json.loads(printed(*arguments, "--json")) == yaml.safe_load(printed(*arguments))


def test_show_diff_prints_a_setting_a_line(printed):
    assert printed("show", "--diff", "seed=3") == "seed: 3 (default 0)\n"
    assert json.loads(printed("show", "--diff", "--json", "seed=3", "model.weights=w")) == {
        "seed": 3,
        "model.weights": "w",
    }
    assert printed("show", "--diff") == ""


def test_show_diff_recipe_prints_where_a_configuration_leaves_it(printed):
    line = "replay.draw: 'without_replacement' (recipe paper 'with_replacement')\n"
    assert printed("show", "--diff-recipe", "replay.draw=without_replacement", "seed=3") == line
    assert printed("show", "--diff-recipe", "recipe=released") == ""
    result = json.loads(printed("show", "--diff-recipe", "--json", "recipe=released", "sampling.top_k=0"))
    assert result == {"recipe": "released", "differences": {"sampling.top_k": [50, 0]}}


def test_presets_lists_names_titles_and_hardware(printed):
    lines = printed("presets").splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [preset.name for preset in presets()]
    at = lines.index("smoke")
    assert lines[at + 1] == "    The whole loop at its smallest, for tests and resume checks."
    assert lines[at + 2] == "    Hardware: 2 CPU cores. Time: about half a minute."
    rows = json.loads(printed("presets", "--json"))["presets"]
    assert {"name", "file", "title", "hardware"} == rows[0].keys()


def test_reference_prints_the_page(printed):
    assert printed("reference") == reference_page()
    assert printed("recipes") == recipes_page()


@pytest.mark.parametrize(
    ("error", "line"), [(ValueError("a\nb"), "a"), (ValueError(""), ""), (OSError(2, "no"), "[Errno 2] no")]
)
def test_the_first_line_of_an_error(error, line):
    assert first_line(error) == line
