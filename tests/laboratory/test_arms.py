"""Exact tests of arms: which runs belong together, and what the paper calls them."""

import dataclasses
from pathlib import Path

import pytest

from codeit_jax.config.errors import UserError
from codeit_jax.config.loading import load_config
from codeit_jax.laboratory.arms import group_arms, paper_row
from codeit_jax.laboratory.run_record import expand_directories, read_records
from tests.laboratory.made_runs import write_run

ABLATIONS = sorted((Path(__file__).parents[2] / "configs/ablations").glob("*.yaml"))


def test_runs_that_differ_in_the_seed_alone_are_an_arm_and_codeit_is_the_first(runs):
    arms = group_arms(read_records([runs]))
    assert [(arm.label, arm.paper_row, [run.name for run in arm.runs]) for arm in arms] == [
        ("as configured", "CodeIt", ["full-0", "full-1"]),
        ("replay.priority=uniform", "A3", ["a3-0", "a3-1"]),
    ]


def test_a_seed_given_twice_counts_once_as_the_run_that_came_further(runs, tasks, tmp_path):
    short = write_run(tmp_path / "short", tasks, [], num_iterations=1)
    [arm] = group_arms(read_records([short, runs / "full-0", runs / "full-1"]))
    assert [run.name for run in arm.runs] == ["full-0", "full-1"]


def test_settings_that_decide_no_numbers_make_no_arm(runs, tasks, tmp_path):
    other = write_run(tmp_path / "other", tasks, [], "interpreter.num_workers=3", "checkpoint.every=2", seed=7)
    [arm] = group_arms(read_records([runs / "full-0", other]))
    assert [run.seed for run in arm.runs] == [0, 7]


@pytest.mark.parametrize("file", ABLATIONS, ids=lambda file: file.stem)
def test_the_ablations_that_ship_have_the_papers_names(file, runs):
    [record] = read_records([runs / "full-0"])
    shipped = dataclasses.replace(record, config=load_config([file]))
    assert paper_row(shipped, has_weights=True) == file.stem[:2].upper()


def test_from_scratch_is_an_ablation_only_beside_weights(runs):
    [record] = read_records([runs / "full-0"])
    assert paper_row(record, has_weights=False) == "CodeIt"
    assert paper_row(record, has_weights=True) == "A4"


def test_two_things_taken_out_are_no_row_of_the_paper(runs):
    [record] = read_records([runs / "full-0"])
    both = dataclasses.replace(record, config=load_config([], ["replay.priority=uniform", "hindsight.relabel=false"]))
    assert paper_row(both, has_weights=False) is None


def test_a_folder_of_runs_stands_for_all_of_them(runs):
    names = [path.name for path in expand_directories([runs, runs / "full-0"])]
    assert names == ["a3-0", "a3-1", "full-0", "full-1", "full-0"]


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_what_is_no_run_is_named(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="found no run.json, expected a run directory, or a folder"):
        expand_directories([tmp_path / name])
