"""Exact tests of reading run directories that were damaged: one line, before anything slow."""

import json
import os

import pytest

from codeit_jax.config.errors import StorageError, UserError
from codeit_jax.reporting.run_reader import read_run_config, read_solutions
from codeit_jax.storage.run_directory import FORMAT, KIND_FILE

ROW = {
    "task_id": "a",
    "program": "O = hmirror(I)",
    "iteration": 0,
    "origin": "policy",
    "demonstrations": [True],
    "tests": [False],
}


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_an_emptied_configuration_is_not_taken_for_the_defaults(tmp_path, content):
    (tmp_path / KIND_FILE).write_text(json.dumps({"kind": "train", "format": FORMAT}))
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(UserError, match=r"config\.yaml: empty, expected the configuration of a run"):
        read_run_config(tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"task_id": 3},
        {"program": None},
        {"iteration": "0"},
        {"iteration": True},
        {"origin": ["policy"]},
        {"demonstrations": "yes"},
        {"demonstrations": [1, 0]},
        {"tests": {}},
        {"guess": 5},
        {"work": 1.5},
        {"copy_of": []},
        {"constant": "no"},
    ],
    ids=str,
)
def test_a_found_program_with_a_value_of_another_type_is_one_line(tmp_path, wrong):
    path = tmp_path / "solutions.jsonl"
    path.write_text(json.dumps(ROW) + "\n")
    assert [candidate.task_id for candidate in read_solutions(tmp_path)] == ["a"]
    path.write_text(json.dumps(ROW | wrong) + "\n")
    with pytest.raises(StorageError, match=r"solutions\.jsonl:1: not a found program"):
        read_solutions(tmp_path)


def test_a_pipe_in_place_of_a_line_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "solutions.jsonl")
    with pytest.raises(StorageError, match="not a regular file"):
        read_solutions(tmp_path)
