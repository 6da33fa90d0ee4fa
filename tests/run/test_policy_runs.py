"""Contract tests of runs with other policies than T5: the whole loop, resumed, read again, exported."""

import ast
import json
import re

import jax
import numpy as np
import pytest

from codeit_jax.cli import main
from codeit_jax.config.loading import load_config
from codeit_jax.inference import trained_policy
from codeit_jax.model import build_model
from codeit_jax.model.adapters import leaves
from codeit_jax.model.families import FAMILIES
from codeit_jax.model.huggingface import load_pretrained
from codeit_jax.model.peft import load_adapters
from codeit_jax.parallel import make_mesh
from codeit_jax.storage import faults
from codeit_jax.text import build_tokenizer
from tests.run.tiny_run import learning_rows, result_of, state_of

DECODER = ("model.family=mistral", "model.num_kv_heads=1", "model.sliding_window=48", "data.held_out_tasks=2")
ADAPTERS = ("model.lora_rank=4", "model.lora_targets=[query,value,inner]", "training.learning_rate=0.05")
KINDS = {
    "decoder": DECODER,
    "decoder, adapters": (*DECODER, *ADAPTERS),
    "t5, adapters": (*ADAPTERS, "data.held_out_tasks=2"),
}


@pytest.fixture(autouse=True)
def _one_device_for_the_policy(monkeypatch):
    monkeypatch.setattr(trained_policy, "make_mesh", lambda config: make_mesh(config, jax.devices()[:1]))


@pytest.fixture(
    scope="module",
    params=[kind if kind == "decoder, adapters" else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS],
)
def run(request, tiny, tmp_path_factory):
    from tests.run.tiny_run import one_device

    directory = tmp_path_factory.mktemp("policy") / "run"
    settings = KINDS[request.param]
    with one_device():
        done = tiny(directory, *settings)
    assert done.code == 0, done.err
    return directory, settings


def test_a_run_learns_and_shows_its_loss_on_held_out_programs(run):
    directory, _ = run
    rows = learning_rows(directory)
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert all(row["held_out_programs"] == 2 and row["held_out_loss"] > 0 for row in rows)
    initial = [json.loads(line) for line in (directory / "initial_programs.jsonl").read_text().splitlines()]
    assert sum(row["origin"] == "seed" for row in initial) == 4  # of six, two are held out


def test_a_checkpoint_holds_what_is_learned(run):
    directory, settings = run
    names = {path for path in state_of(directory) if path.startswith("params/")}
    adapters = {path for path in names if "_lora_" in path}
    assert adapters == (names if any("lora_rank" in setting for setting in settings) else set())
    assert names


def test_stopped_while_learning_it_ends_as_the_run_that_was_not(run, tiny, tmp_path, monkeypatch):
    directory, settings = run
    monkeypatch.setattr(faults, "armed", faults.read_fault("learn:4:term"))
    assert tiny(tmp_path / "cut", *settings).code == 75
    assert tiny(tmp_path / "cut", *settings).code == 0
    found, wanted = result_of(tmp_path / "cut"), result_of(directory)
    for name in wanted:
        assert found[name] == wanted[name], name


def test_it_samples_and_exports_what_it_learned(run, tmp_path, capsys):
    directory, settings = run
    assert main(["sample", str(directory), "task0", "--num", "3", "--json"]) == 0
    config = load_config([directory / "config.yaml"]).model
    vocabulary_size = build_tokenizer("native").vocabulary_size
    learned = {path.removeprefix("params/"): leaf for path, leaf in state_of(directory).items()}
    adapts = any("lora_rank" in setting for setting in settings)
    assert main(["export", str(directory), str(tmp_path / "plain"), "--json"]) == 0
    if adapts:
        model = build_model(config, vocabulary_size)
        for path, leaf in leaves(load_adapters(tmp_path / "plain", model)):
            np.testing.assert_array_equal(leaf, learned[path])
    merging = main(["export", str(directory), str(tmp_path / "merged"), "--merge", "--json"])
    assert merging == (0 if adapts else 2)
    folder = tmp_path / ("merged" if adapts else "plain")
    params = load_pretrained(folder, config, vocabulary_size)
    for path, leaf in leaves(params):
        if not adapts:
            np.testing.assert_array_equal(leaf, learned[path])
    for name in ("plain", "merged")[: 1 + adapts]:
        card = (tmp_path / name / "README.md").read_text()
        [block] = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
        ast.parse(block)
        assert f"from transformers import {FAMILIES[config.family].loader}\n" in block
        assert ("PeftModel" in block) == (adapts and name == "plain")
    capsys.readouterr()


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        (("model.sliding_window=8",), "model.sliding_window is 8 with model.family 't5', expected mistral or qwen2"),
        (("model.family=llama", "model.num_heads=3", "model.num_kv_heads=2"), "are 3, 2 and 8, expected the first"),
        (("model.vocabulary_size=9",), "model.vocabulary_size is 9, expected at least the tokenizer's"),
        (("model.lora_weights=nowhere", "model.lora_rank=2"), "adapter_config.json: no such file"),
    ],
)
def test_what_does_not_fit_is_one_line(tiny, tmp_path, settings, found):
    done = tiny(tmp_path / "run", *settings)
    assert done.code == 2
    [line] = done.err.splitlines()
    assert found in line
