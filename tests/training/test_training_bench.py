"""Contract and twin tests of the training benchmark at its smallest: equal losses, figures for both sides, JSON."""

import argparse
import json

import pytest

from codeit_jax.bench import training
from codeit_jax.config.errors import UserError


def options(**changed):
    return argparse.Namespace(**{"preset": "tiny", "repeats": 1, "tokenizer_path": None, **changed})


@pytest.mark.torch
def test_the_smallest_preset_times_both_sides():
    report = training.run(options()).to_json()
    assert json.loads(json.dumps(report)) == report
    cases = ["tiny: step of 4 x (32 + 16) tokens", "tiny: 1e12 useful operations of the length mix"]
    assert list(report["ours"]) == list(report["peers"]["torch"]) == cases
    assert all(seconds > 0 for seconds in report["ours"].values())
    assert "differ from torch's by at most" in report["notes"][cases[0]]
    assert report["compile_seconds"] > 0


def test_other_losses_than_torchs_are_an_error():
    report = training.BenchReport(bench="training", work={})
    with pytest.raises(UserError, match=r"case: losses are \[1.0, 1.0, 1.0\], expected torch's \[1.1, 1.1, 1.1\]"):
        training.compare_losses("case", {training.OURS: lambda: 1.0, training.TORCH: lambda: 1.1}, report)
    with pytest.raises(UserError, match="nan"):
        training.compare_losses("case", {training.OURS: lambda: float("nan"), training.TORCH: lambda: 1.0}, report)


@pytest.mark.slow
def test_without_torch_ours_are_timed_alone(monkeypatch):
    monkeypatch.setattr(training, "torch_step", missing)
    monkeypatch.setattr(training, "time_mix", lambda *arguments: None)
    report = training.run(options())
    assert report.notes["torch"].startswith("not installed (No module named 'torch')")
    assert report.ratios() == {}
    assert len(report.figures) == 1


def missing(*arguments, **settings):
    raise ImportError("No module named 'torch'")


def test_batches_of_a_plan_are_chosen_from_short_to_long():
    plan = [training.PlannedBatch(shape=(1, 8, length, 4), rows=None) for length in (64, 16, 128, 32)]
    assert [batch.shape[2] for batch in training.spread(plan, 2)] == [32, 128]
