"""Contract tests of `programs check` and `mutate`: JSON keys, exit codes, files, one-line errors."""

import json
import os
import subprocess
import sys

import pytest

from codeit_jax.cli import main
from codeit_jax.evaluation import COLUMNS

PROGRAMS = (
    "def solve_flip(I):\n    O = hmirror(I)\n    return O\n\n\ndef solve_turn(I):\n    O = hmirror(I)\n    return O\n"
)


def pair(grid, output):
    return {"input": grid, "output": output}


@pytest.fixture
def folder(tmp_path):
    """Two tasks: `flip`, which its program solves, and `turn`, which one mutation of that solves."""
    first, second, test = [[1, 2], [3, 4]], [[5, 0, 6], [0, 7, 7]], [[8], [9]]
    tasks = {
        "flip": [pair(grid, grid[::-1]) for grid in (first, second, test)],
        "turn": [pair(grid, [row[::-1] for row in grid[::-1]]) for grid in (first, second, test)],
    }
    (tmp_path / "tasks").mkdir()
    for task_id, pairs in tasks.items():
        (tmp_path / "tasks" / f"{task_id}.json").write_text(json.dumps({"train": pairs[:2], "test": pairs[2:]}))
    (tmp_path / "programs.txt").write_text(PROGRAMS)
    return tmp_path


def last_json(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_check_reports_right_and_wrong_programs(folder, capsys):
    assert main(["programs", "check", str(folder / "programs.txt"), "--tasks", str(folder / "tasks"), "--json"]) == 0
    report = last_json(capsys)
    assert (report["programs"], report["correct"]) == (2, 1)
    assert report["wrong"] == {"turn": "demonstration 1 of 2 differs"}


@pytest.mark.parametrize("method", ["d1", "dinf", "random"])
def test_mutate_reports_and_writes_what_it_found(folder, capsys, method):
    arguments = ["mutate", "--seeds", str(folder / "programs.txt"), "--training-tasks", str(folder / "tasks")]
    arguments += ["--tasks", str(folder / "tasks"), "--num-programs", "150", "--method", method, "--json"]
    assert main([*arguments, "--seed", "1", "--run-dir", str(folder / "out"), "--workers", "1"]) == 0
    summary = last_json(capsys)
    assert summary["programs"] <= 150
    assert summary["unique"] <= summary["programs"]
    counts = {name: count for name, count in summary["solved"].items() if name != "mutants"}
    assert counts == summary["solved"]["mutants"]
    assert list(counts) == list(COLUMNS)
    assert summary["screen"] == "all"
    assert summary["solved"]["oracle"] >= 1
    assert summary["curve"][-1] == [summary["programs"], summary["solved"]["pass@3"]]
    assert [count for count, _ in summary["curve"]] == sorted({count for count, _ in summary["curve"]})
    assert set(summary["stages"]) == {"generate", "run", "score"}
    assert summary["seconds"] == pytest.approx(sum(summary["stages"].values()), abs=0.02)
    assert json.loads((folder / "out" / "summary.json").read_text()) == summary
    assert len((folder / "out" / "mutants.jsonl").read_text().splitlines()) == summary["programs"]
    solutions = [json.loads(line) for line in (folder / "out" / "solutions.jsonl").read_text().splitlines()]
    assert {"task_id", "program", "iteration", "origin", "demonstrations", "tests"} <= set(solutions[0])


def test_a_killed_mutate_goes_on_to_the_same_result(folder, capsys):
    arguments = ["mutate", "--seeds", str(folder / "programs.txt"), "--training-tasks", str(folder / "tasks"), "--json"]
    arguments += ["--tasks", str(folder / "tasks"), "--num-programs", "60", "--method", "dinf"]
    assert main([*arguments, "--run-dir", str(folder / "whole"), "--workers", "2"]) == 0
    whole = last_json(capsys)
    command = [sys.executable, "-m", "codeit_jax", *arguments, "--run-dir", str(folder / "killed"), "--workers", "1"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for fault, code in [("mutants.jsonl:1", -9), ("screened.jsonl:2", -9), ("times.jsonl:1:int", 75)]:
        ended = subprocess.run(command, env=environment | {"CODEIT_JAX_FAULT": fault}, capture_output=True, text=True)
        assert ended.returncode == code, ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("error: stopped, the same command resumes from")
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    summary = json.loads(ended.stdout.splitlines()[-1])
    for name in ("seconds", "stages"):
        del whole[name], summary[name]
    assert summary == whole
    for name in ("mutants.jsonl", "solutions.jsonl"):
        assert (folder / "killed" / name).read_bytes() == (folder / "whole" / name).read_bytes()


def test_guided_mutation_reports_rows_and_work(folder, capsys):
    arguments = ["mutate", "--seeds", str(folder / "programs.txt"), "--tasks", str(folder / "tasks"), "--json"]
    arguments += ["--method", "guided", "--num-programs", "60", "--budget", "30m", "--run-dir", str(folder / "out")]
    assert main([*arguments, "--workers", "1"]) == 0
    summary = last_json(capsys)
    assert list(summary["solved"]) == [*COLUMNS, "seeds", "guided", "cumulative"]
    assert summary["solved"]["oracle"] == 2
    assert {name: summary["solved"][name] for name in COLUMNS} == summary["solved"]["cumulative"]
    assert summary["programs"] == summary["unique"] == 60
    assert summary["curve"][-1] == [60, summary["solved"]["pass@3"]]
    assert summary["work"]["programs"]["seed"] == 2  # both seed programs are the same one, on two tasks
    assert 60 < summary["work"]["programs"]["guided"] <= 120
    assert 0 < summary["work"]["core_seconds"] == summary["curve_of_core_seconds"][-1][0]
    assert json.loads((folder / "out" / "summary.json").read_text()) == summary


def test_a_guided_search_that_is_killed_goes_on_to_the_same_bytes(folder):
    arguments = ["mutate", "--seeds", str(folder / "programs.txt"), "--tasks", str(folder / "tasks"), "--json"]
    arguments += ["--method", "guided", "--num-programs", "60"]
    assert main([*arguments, "--run-dir", str(folder / "whole"), "--workers", "2"]) == 0
    command = [sys.executable, "-m", "codeit_jax", *arguments, "--run-dir", str(folder / "killed"), "--workers", "1"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for fault, code in [("guided.jsonl:2", -9), ("guided.jsonl:2:int", 75)]:
        ended = subprocess.run(command, env=environment | {"CODEIT_JAX_FAULT": fault}, capture_output=True, text=True)
        assert ended.returncode == code, ended.stderr
    subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    for name in ("guided.jsonl", "solutions.jsonl"):
        assert (folder / "killed" / name).read_bytes() == (folder / "whole" / name).read_bytes()


@pytest.mark.parametrize(
    ("options", "needle"),
    [
        (["--method", "guided"], "expected --num-programs N or --budget 30m or both"),
        (["--method", "guided", "--budget", "9programs"], "--budget 9programs, expected a time as in 30m"),
        (["--method", "guided", "--budget", "soon"], "budget is 'soon', expected"),
        (["--method", "guided", "--budget", "5m", "--recipe", "paper"], "--recipe paper with --method guided"),
        (["--method", "guided", "--budget", "5m", "--candidates", "all"], "--candidates all with --method guided"),
        (["--num-programs", "5", "--budget", "5m"], "--budget 5m with --method d1, expected --method guided"),
        (["--method", "dinf"], "--method dinf without --num-programs"),
    ],
)
def test_options_of_mutate_that_do_not_go_together_are_named(folder, capsys, options, needle):
    assert main(["mutate", "--tasks", str(folder / "tasks"), *options]) == 2
    error = capsys.readouterr().err
    assert (error.startswith("error: "), error.count("\n")) == (True, 1)
    assert needle in error


@pytest.mark.parametrize(
    ("arguments", "needle"),
    [
        (["programs", "check", "missing.txt", "--tasks", "TASKS"], "missing.txt: no such file"),
        (["programs", "check", "builtin", "--tasks", "nowhere"], "task source 'nowhere' not found"),
        (
            ["mutate", "--seeds", "builtin", "--training-tasks", "TASKS", "--tasks", "TASKS", "--num-programs", "1"],
            "expected a task of",
        ),
    ],
)
def test_user_errors_are_one_line_and_exit_code_2(folder, capsys, arguments, needle):
    replaced = [str(folder / "tasks") if argument == "TASKS" else argument for argument in arguments]
    assert main(replaced) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert needle in error


@pytest.mark.parametrize("number", ["0", "-3", "many"])
def test_a_number_of_programs_that_is_none_is_refused(number, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["mutate", "--tasks", "arc1/training", "--num-programs", number])
    assert caught.value.code == 2
    assert "--num-programs" in capsys.readouterr().err
