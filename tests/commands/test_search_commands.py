"""Contract tests of `search` and `programs shorten`: JSON keys, exit codes, files, one-line errors."""

import json
import os
import subprocess
import sys

import pytest

from codeit_jax.cli import main
from codeit_jax.evaluation import COLUMNS
from codeit_jax.programs import load_programs

GRIDS = [[[1, 2], [3, 4]], [[5, 0, 6], [0, 7, 7]], [[8], [9]]]


@pytest.fixture
def folder(tmp_path):
    """Two tasks that one line solves, and one without a program."""
    outputs = {
        "flip": lambda g: g[::-1],
        "turn": lambda g: [r[::-1] for r in g[::-1]],
        "none": lambda g: [[len(g), 9, 8]],
    }
    (tmp_path / "tasks").mkdir()
    for task_id, output in outputs.items():
        pairs = [{"input": grid, "output": output(grid)} for grid in GRIDS]
        (tmp_path / "tasks" / f"{task_id}.json").write_text(json.dumps({"train": pairs[:2], "test": pairs[2:]}))
    return tmp_path


def last_json(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_search_reports_and_adds_to_the_file(folder, capsys):
    known = "def solve_flip(I):\n    x1 = rot180(I)\n    O = vmirror(x1)\n    return O\n"
    (folder / "programs.txt").write_text(known)
    arguments = ["search", str(folder / "tasks"), "--budget", "2000programs", "--max-lines", "2", "--workers", "2"]
    assert main([*arguments, "--output", str(folder / "programs.txt"), "--json"]) == 0
    summary = last_json(capsys)
    assert summary["programs"] >= 2
    assert summary["solved"] == dict.fromkeys(COLUMNS, 2)
    assert summary["seconds"] > 0
    written = {seed.task_id: str(seed.program) for seed in load_programs(folder / "programs.txt")}
    assert written == {"flip": "x1 = rot180(I)\nO = vmirror(x1)", "turn": "O = rot180(I)"}


def test_a_search_that_is_stopped_reports_what_it_found_and_goes_on(folder, capsys):
    arguments = ["search", str(folder / "tasks"), "--max-lines", "3", "--run-dir", str(folder / "run"), "--json"]
    arguments += ["--workers", "1", "--output", str(folder / "programs.txt")]
    command = [sys.executable, "-m", "codeit_jax", *arguments, "--budget", "1h"]
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "CODEIT_JAX_FAULT": "searched.jsonl:4:term"}
    ended = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=100)
    assert ended.returncode == 75, ended.stderr
    stopped = json.loads(ended.stdout.splitlines()[-1])
    assert stopped["solved"]["pass@3"] == 2
    assert {seed.task_id for seed in load_programs(folder / "programs.txt")} == {"flip", "turn"}
    assert main([*arguments, "--budget", "3000programs"]) == 0
    summary = last_json(capsys)
    assert (summary["solved"], summary["programs"]) == (stopped["solved"], stopped["programs"])
    assert summary["curve"][:-1] == stopped["curve"][:-1]
    assert summary["seconds"] >= stopped["curve"][-2][0]


def test_a_search_without_a_find_writes_no_file(folder, capsys):
    output = folder / "programs.txt"
    assert main(["search", str(folder / "tasks" / "none.json"), "--budget", "50programs", "--output", str(output)]) == 0
    assert "tasks solved: demonstrations 0" in capsys.readouterr().out
    assert not output.exists()


def test_shorten_reports_and_writes(folder, capsys):
    text = "def solve_turn(I):\n    x1 = size(I)\n    x2 = hmirror(I)\n    O = vmirror(x2)\n    return O\n"
    (folder / "programs.txt").write_text(text)
    arguments = ["programs", "shorten", str(folder / "programs.txt"), "--tasks", str(folder / "tasks"), "--json"]
    assert main([*arguments, "--workers", "1", "--output", str(folder / "short.txt")]) == 0
    assert last_json(capsys) == {"programs": 1, "correct": 1, "lines_before": 3, "lines_after": 1}
    [seed] = load_programs(folder / "short.txt")
    assert str(seed.program) == "O = rot180(I)"
    assert (folder / "programs.txt").read_text() == text


@pytest.mark.parametrize(
    ("arguments", "needle"),
    [
        (["search", "TASKS", "--budget", "soon"], "budget is 'soon', expected"),
        (["search", "nowhere", "--budget", "1s"], "task source 'nowhere' not found"),
        (["search", "TASKS", "--budget", "1s", "--output", "TASKS/missing/f.txt"], "found no folder"),
        (["search", "TASKS", "--budget", "1s", "--output", "TASKS/flip.json"], "flip.json:1: found"),
        (["programs", "shorten", "missing.txt", "--tasks", "TASKS"], "missing.txt: no such file"),
    ],
)
def test_user_errors_are_one_line_and_exit_code_2(folder, capsys, arguments, needle):
    replaced = [argument.replace("TASKS", str(folder / "tasks")) for argument in arguments]
    assert main(replaced) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert needle in error


@pytest.mark.parametrize("option", [["--max-lines", "0"], ["--workers", "-1"], ["--max-lines", "few"]])
def test_a_number_out_of_range_is_refused(option, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["search", "arc1/training", "--budget", "1s", *option])
    assert caught.value.code == 2
    assert option[0] in capsys.readouterr().err
