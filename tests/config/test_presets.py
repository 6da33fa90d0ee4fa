"""Contract tests of what ships: found by its name, head comments, the settings in which a preset leaves its recipe."""

from pathlib import Path

import pytest

from codeit_jax.config.errors import UserError
from codeit_jax.config.loading import load_config
from codeit_jax.config.presets import find_config_file, head_comment, preset_folders, presets
from codeit_jax.config.recipes import departures
from codeit_jax.config.schema import Config

NAMES = [preset.name for preset in presets()]
# What the presets were measured with: the paper's loop, but for these.
DEPARTURES = {"sampling.top_k": (0, 50), "replay.draw": ("with_replacement", "without_replacement")}


def test_every_file_that_ships_is_listed_but_sweeps():
    files = {path for folder in preset_folders() for path in folder.rglob("*.yaml")}
    assert sorted(NAMES) == sorted({path.stem for path in files if path.parent.name != "sweeps"})
    assert NAMES.index("tiny_cpu") < NAMES.index("a1_no_policy_experiences")


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset.name)
def test_a_preset_loads_and_begins_with_its_command(preset):
    assert load_config([preset.name]) != Config()
    comment = head_comment(find_config_file(preset.name))
    assert comment[0] == preset.title
    assert any("codeit-jax " in line and preset.file in line for line in comment)
    assert preset.hardware.startswith("Hardware")
    assert "Expect" not in preset.hardware


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_leaves_its_recipe_where_it_says_so(name):
    config = load_config([name])
    more = {
        "smoke": {"num_meta_iterations": (100, 2)},
        "tiny_cpu": {"num_meta_iterations": (100, 6), "sampling.grammar": ("off", "typed")},
        "llama_tiny": {"num_meta_iterations": (100, 6), "sampling.grammar": ("off", "typed")},
        # A decoder alone reads the program after the prompt, on a new line.
        "qwen_0_5b_lora": {"text.prompt_end": (True, False)},
        "mistral_7b_lora": {"text.prompt_end": (True, False)},
    }.get(name, {})
    assert config.recipe == "paper"
    assert departures(config) == DEPARTURES | more


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_has_a_setting_a_line(name):
    lines = find_config_file(name).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#") and "{" in line] == []


def test_a_preset_is_found_by_its_name_from_any_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    smoke = find_config_file("configs/smoke.yaml")
    assert find_config_file("smoke") == find_config_file(Path("smoke.yaml")) == smoke
    ablation = find_config_file("ablations/a2_no_relabeling.yaml")
    assert find_config_file("a2_no_relabeling") == find_config_file("a2_no_relabeling.yaml") == ablation
    assert find_config_file("model_size").parent.name == "sweeps"


def test_a_file_of_the_users_comes_before_a_preset(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smoke.yaml").write_text("seed: 9")
    (tmp_path / "smoke").mkdir()
    assert load_config(["smoke.yaml"]).seed == 9
    assert load_config(["smoke"]).num_meta_iterations == 2


@pytest.mark.parametrize("name", ["none.yaml", "configs/none.yaml", "", ".", "x" * 5000, "a\0b", "~nobody-here/c.yaml"])
def test_a_missing_file_is_reported_with_the_presets_there_are(name):
    with pytest.raises(UserError) as caught:
        find_config_file(name)
    line = str(caught.value)
    assert line.startswith("config file '")
    assert line.splitlines() == [line]
    assert "expected a YAML file or one of codet5_small, " in line
    assert len(line) < 1000
