"""Exact tests of the verb `compare`: its numbers, its two dashes, what it refuses."""

import json

import numpy as np
import pytest

from codeit_jax.cli import main
from codeit_jax.statistics import compare
from tests.laboratory.made_runs import write_run, write_tasks


def called(capsys, *words):
    code = main(["compare", *map(str, words)])
    output = capsys.readouterr()
    return code, output


def test_the_numbers_are_those_of_the_statistics(runs, capsys):
    sides = [runs / "full-0", runs / "full-1", "--", runs / "a3-0", runs / "a3-1"]
    code, output = called(capsys, *sides, "--json")
    result = json.loads(output.out)
    assert code == 0
    solved = np.zeros((2, 2, 10), bool)
    solved[0, 0, :5] = solved[0, 1, :3] = solved[1, :, :3] = True
    expected = compare(*solved)
    assert (result["difference"], result["p_value"]) == (expected.difference, expected.p_value) == (1.0, 0.5)
    assert result["interval"] == pytest.approx(expected.interval)
    assert result["detectable"] == pytest.approx(expected.detectable, rel=1e-5)
    assert result["detectable_by"] == "seeds"
    assert len(result["comparisons"]) == 1
    assert "95 % interval" in output.err


def test_a_row_and_a_column_can_be_chosen_and_more_sides_are_adjusted(runs, capsys):
    sides = [runs / "full-0", "--", runs / "a3-0", "--", runs / "full-1"]
    code, output = called(capsys, *sides, "--json", "--row", "policy_last", "--column", "demonstrations")
    result = json.loads(output.out)
    assert code == 0
    assert [row["difference"] for row in result["comparisons"]] == [3.0, 3.0]
    assert [row["p_value"] for row in result["comparisons"]] == [0.25, 0.25]
    assert [row["adjusted_p_value"] for row in result["comparisons"]] == [0.5, 0.5]


def test_runs_of_a_side_that_differ_in_more_than_the_seed_are_pointed_out(runs, capsys):
    code, output = called(capsys, runs / "full-0", runs / "a3-1", "--", runs / "full-1")
    assert code == 0
    assert "differ in more than the seed: as configured; replay.priority=uniform" in output.out
    assert "note:" not in called(capsys, runs / "full-0", "--", runs / "full-1")[1].out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["full-0"], "found 1 sides, expected at least two"),
        (["full-0", "--"], "found 1 sides, expected at least two"),
        (["full-0", "--", "missing"], "found no run.json"),
        (["full-0", "full-0", "--", "full-1"], "given twice on one side"),
        (["full-0", "--", "full-1", "--row", "polcy"], "--row is 'polcy', expected one of seeds"),
        (["full-0", "--", "full-1", "--column", "x"], "--column is 'x', expected one of demonstrations"),
    ],
)
def test_what_cannot_be_compared_is_one_line(runs, capsys, monkeypatch, words, message):
    monkeypatch.chdir(runs)
    code, output = called(capsys, *words)
    assert code == 2
    assert message in output.err
    assert len(output.err.splitlines()) == 1


def test_runs_on_other_tasks_cannot_be_paired(runs, tmp_path, capsys):
    other = write_run(tmp_path / "other", write_tasks(tmp_path / "tasks", 9), [])
    code, output = called(capsys, runs / "full-0", "--", other)
    assert code == 2
    assert "is on TaskSet(" in output.err
