"""The leak test: with all test outputs of the search tasks replaced, a job's files say the same but for its scores."""

import contextlib
import io
import json
from pathlib import Path

import pytest

from codeit_jax.cli import main
from codeit_jax.config.recipes import recipe_settings
from tests.run.tiny_run import read_json, result_of, rows_of

# What the tiny configuration sets itself; under a recipe, the recipe decides, but for the number of meta-iterations.
RECIPE_SETTINGS = {
    recipe: [
        f"{name}={json.dumps(value)}" for name, value in (recipe_settings(recipe) | {"num_meta_iterations": 3}).items()
    ]
    for recipe in ("paper", "released")
}
SCORED = {"pass@1", "pass@3", "vote@1", "vote@2", "vote@3", "oracle"}


@pytest.fixture(scope="module")
def junk_tasks(tiny, tmp_path_factory):
    """The tiny run's tasks with other test outputs: one that no program for the task gives."""
    folder = tmp_path_factory.mktemp("junk") / "tasks"
    folder.mkdir()
    for file in tasks_of(tiny).iterdir():
        task = json.loads(file.read_text())
        for pair in task["test"]:
            pair["output"] = [[9, 8, 7, 6, 5, 4, 3, 2, 1]]
        (folder / file.name).write_text(json.dumps(task))
    return folder


def tasks_of(tiny) -> Path:
    return tiny.config.parent / "tasks"


def without_scores(value):
    """Return a value of JSON without what is made of test outputs: counts by tests, the tasks behind them, flags."""
    if isinstance(value, list):
        return [without_scores(one) for one in value]
    if not isinstance(value, dict):
        return value
    scored = SCORED | {"tests", "solved_tasks", "snapshot"}
    return {key: without_scores(one) for key, one in value.items() if key not in scored}


def scores(value):
    """Return all counts by tests in a value of JSON."""
    if isinstance(value, list):
        return [count for one in value for count in scores(one)]
    if not isinstance(value, dict):
        return []
    counts = [one for key, one in value.items() if key in SCORED and isinstance(one, int)]
    return counts + [count for one in value.values() for count in scores(one)]


@pytest.mark.parametrize("recipe", RECIPE_SETTINGS)
def test_a_run_never_learns_from_test_outputs(tiny, junk_tasks, tmp_path, recipe):
    settings = [f"recipe={recipe}", *RECIPE_SETTINGS[recipe]]
    # Whatever is sampled has to be a program, or there would be little to leak.
    settings += ["sampling.grammar=typed", "sampling.vocabulary=program", "interpreter.mode=native"]
    settings += ["search.guided_programs=20"]
    results = {}
    for name, tasks in (("true", tasks_of(tiny)), ("junk", junk_tasks)):
        done = tiny(tmp_path / name, *settings, f"data.search_tasks={tasks}")
        assert (done.code, done.err) == (0, "")
        results[name] = result_of(tmp_path / name)
    true, junk = results["true"], results["junk"]
    # Parameters, optimizer, replay, what was sampled and when: bit for bit.
    assert true.keys() == junk.keys()
    for name in true.keys() - {"solutions", "metrics", "summary"}:
        assert junk[name] == true[name], name
    for name in ("metrics", "summary"):
        assert without_scores(junk[name]) == without_scores(true[name])
        assert sum(scores(junk[name])) == 0 < sum(scores(true[name]))
    rows = {name: rows_of(tmp_path / name, "solutions.jsonl") for name in results}
    assert without_scores(rows["junk"]) == without_scores(rows["true"])
    assert len(rows["true"]) > 6
    assert any(all(row["tests"]) for row in rows["true"])
    assert not any(any(row["tests"]) for row in rows["junk"])


def test_the_mutation_baseline_never_uses_test_outputs(tiny, junk_tasks, tmp_path):
    results = {}
    for name, tasks in (("true", tasks_of(tiny)), ("junk", junk_tasks)):
        folder = tmp_path / name
        words = ["--seeds", str(tiny.config.parent / "programs.py"), "--training-tasks", str(tasks_of(tiny))]
        words += ["--tasks", str(tasks), "--num-programs", "60", "--method", "dinf", "--workers", "1"]
        with contextlib.redirect_stdout(io.StringIO()):
            assert main(["mutate", *words, "--run-dir", str(folder)]) == 0
        summary = read_json((folder / "summary.json").read_text())
        lines = {file: rows_of(folder, file) for file in ("screened.jsonl", "solutions.jsonl")}
        results[name] = summary, lines, (folder / "mutants.jsonl").read_bytes()
    (true, true_lines, mutants), (junk, junk_lines, junk_mutants) = results["true"], results["junk"]
    assert junk_mutants == mutants
    assert without_scores(junk_lines) == without_scores(true_lines)
    assert len(true_lines["solutions.jsonl"]) > 6
    # The curves are pass@3, the source is the folder, and the rest are clocks.
    other = {"curve", "curve_of_attempts", "tasks", "stages", "seconds"}
    assert {k: v for k, v in without_scores(junk).items() if k not in other} == {
        k: v for k, v in without_scores(true).items() if k not in other
    }
    assert [count for count, _ in junk["curve"]] == [count for count, _ in true["curve"]]
    assert sum(scores(junk)) == 0 < sum(scores(true))


def test_guided_mutation_never_uses_test_outputs(tiny, junk_tasks, tmp_path):
    results = {}
    for name, tasks in (("true", tasks_of(tiny)), ("junk", junk_tasks)):
        folder = tmp_path / name
        words = ["--seeds", str(tiny.config.parent / "programs.py"), "--tasks", str(tasks)]
        words += ["--num-programs", "60", "--method", "guided", "--workers", "1"]
        with contextlib.redirect_stdout(io.StringIO()):
            assert main(["mutate", *words, "--run-dir", str(folder)]) == 0
        summary = read_json((folder / "summary.json").read_text())
        # The lines hold the parents and all that was tried.
        results[name] = summary, [rows_of(folder, file) for file in ("guided.jsonl", "solutions.jsonl")]
    (true, true_lines), (junk, junk_lines) = results["true"], results["junk"]
    assert without_scores(junk_lines) == without_scores(true_lines)
    assert len(true_lines[1]) > 6
    assert (junk["programs"], junk["work"]["programs"]) == (true["programs"], true["work"]["programs"])
    assert sum(scores(junk)) == 0 < sum(scores(true))
