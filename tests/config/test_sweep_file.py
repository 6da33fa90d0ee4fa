"""Contract and exact tests of sweeps: the product of axes, names, commands, errors, exit codes of real runs."""

import json
import shlex

import pytest

from codeit_jax.cli import main
from codeit_jax.config.errors import UserError
from codeit_jax.config.loading import load_config
from codeit_jax.config.presets import preset_folders
from codeit_jax.config.sweep_file import expand, read_axis, read_sweep

SWEEPS = sorted({path for folder in preset_folders() for path in (folder / "sweeps").glob("*.yaml")})


def test_the_product_of_two_axes_changes_the_last_fastest():
    points = expand(["configs/smoke.yaml"], [read_axis("sampling.temperature=0.8,1"), read_axis("seed=3,4")])
    names = ["temperature0.8-seed3", "temperature0.8-seed4", "temperature1-seed3", "temperature1-seed4"]
    assert [point.name for point in points] == names
    config = load_config(points[1].files, points[1].overrides)
    assert (config.sampling.temperature, config.seed) == (0.8, 4)


def test_a_single_value_is_a_setting_of_all_runs_and_not_in_their_names():
    [point] = expand([], [read_axis("sampling.grammar=off"), read_axis("data.seeds=a b.py")])
    assert point.name == "run"
    config = load_config(point.files, point.overrides)
    assert (config.sampling.grammar, config.data.seeds) == ("off", "a b.py")


def test_lists_are_values():
    values = read_axis("text.prompt_buckets=[64],[64,128]")
    assert [load_config([], value.overrides).text.prompt_buckets for value in values] == [(64,), (64, 128)]


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_a_sweep_that_ships_expands_and_begins_with_its_command(path):
    points = expand(*read_sweep(path))
    assert len(points) == 9
    assert len({load_config(point.files, point.overrides).model for point in points}) == 3
    head = path.read_text(encoding="utf-8")
    assert head.startswith("# ")
    assert f"codeit-jax sweep configs/sweeps/{path.name}" in head


def test_printed_commands_are_one_a_run(capsys):
    arguments = ["sweep", "configs/sweeps/model_size.yaml", "--print", "--runs", "r", "data.seeds=my seeds.py"]
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9
    words = shlex.split(lines[0])
    assert words[:2] == ["codeit-jax", "train"]
    assert words[words.index("--run-dir") + 1] == "r/60M-seed0"
    assert 'data.seeds="my seeds.py"' in words


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", "has no mapping"),
        ("bases: x", "has the keys bases"),
        ("base: {a: 1}", "base is"),
        ("axes: [1]", "axes is"),
        ("axes: {size: {}}", "axis size is"),
        ("axes: {size: {small: 3}}", "axis size is"),
        ("axes: {s: {a: {seed: 0}, 'a ': {seed: 1}, a_: {seed: 2}}}", "would be called 'a_'"),
        ("axes: {s: {a: {sed: 0}}}", "unknown key 'sed'"),
        ("base: nowhere.yaml", "config file .* not found"),
        ("{", "not valid YAML"),
    ],
)
def test_a_wrong_sweep_is_reported_in_one_line(content, message, tmp_path):
    file = tmp_path / "sweep.yaml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=message) as caught:
        expand(*read_sweep(file))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("override", ["seed", "=1", "seed=", "seed=[1"])
def test_a_wrong_axis_is_reported(override):
    with pytest.raises(UserError, match="expected section.field=value"):
        read_axis(override)


def test_the_exit_code_is_the_worst_of_the_runs(tmp_path, capsys):
    arguments = ["sweep", "--config", "configs/smoke.yaml", "--runs", str(tmp_path), "--jobs", "2", "--json"]
    assert main([*arguments, "data.seeds=missing.py", "seed=0,1"]) == 2
    output = capsys.readouterr()
    rows = json.loads(output.out.splitlines()[-1])["runs"]
    assert rows == [{"name": f"seed{seed}", "exit_code": 2} for seed in (0, 1)]
    assert "seed1  exit code 2" in output.err
