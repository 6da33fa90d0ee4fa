"""Contract tests of guided mutation in the loop: what it finds counts and is learned, and a run resumes with it."""

import json

import pytest

import interpreter
from codeit_jax.arc import load_tasks
from codeit_jax.hindsight import solved_demonstrations
from codeit_jax.hindsight.executions import execute
from codeit_jax.storage import faults
from codeit_jax.training.experience_replay import ORIGINS
from tests.run.tiny_run import read_json, result_of, rows_of

GUIDED = "search.guided_programs=20"


@pytest.fixture(scope="module")
def guided(tiny, tmp_path_factory):
    directory = tmp_path_factory.mktemp("guided") / "run"
    done = tiny(directory, GUIDED)
    assert (done.code, done.err) == (0, "")
    return directory


def test_guided_mutants_are_candidates_of_a_row_of_their_own_and_experiences(tiny, guided):
    summary = read_json((guided / "summary.json").read_text())
    rows = [row for row in rows_of(guided, "solutions.jsonl") if row["origin"] == "guided"]
    stages = [row for row in rows_of(guided, "metrics.jsonl") if row["stage"] == "guided"]
    assert len(stages) == 2
    assert sum(row["new"] for row in stages) == len(rows) > 5
    assert summary["work"]["programs"]["guided"] == sum(row["programs"] for row in stages)
    assert 120 < summary["work"]["programs"]["guided"] <= 2 * 6 * 20
    assert summary["solved"]["guided"]["oracle"] == len({row["task_id"] for row in rows if all(row["tests"])})
    # What is said of a program is what it does.
    tasks = load_tasks(str(tiny.config.parent / "tasks"))
    texts = {row["task_id"]: [] for row in rows}
    for row in rows:
        texts[row["task_id"]].append(row["program"])
    with interpreter.InterpreterPool(1) as pool:
        executions = execute(texts, tasks, pool)
    found = {(e.task_id, e.program): solved_demonstrations(e, tasks[e.task_id]) for e in executions}
    assert found == {(row["task_id"], row["program"]): tuple(row["demonstrations"]) for row in rows}
    # Each text is tried once for a task: guided mutation repeats neither itself nor seeds and mutants.
    assert len(found) == len(rows)
    initial = {row["program"] for row in rows_of(guided, "initial_programs.jsonl")}
    assert initial.isdisjoint(row["program"] for row in rows)
    replayed = [row for row in rows_of(guided, "metrics.jsonl") if row["stage"] == "replay"]
    relabeled = [row for row in rows_of(guided, "metrics.jsonl") if row["stage"] == "relabel"]
    added = [row["experiences"] + stage["experiences"] for row, stage in zip(relabeled, stages, strict=True)]
    assert [row["added"] + row["too_long"] for row in replayed] == added
    assert ORIGINS.index("guided") == 3


def test_without_the_setting_no_file_speaks_of_it(whole):
    for file in ("metrics.jsonl", "solutions.jsonl", "summary.json", "config.yaml"):
        words = (whole / file).read_text().replace("guided_programs: 0", "")
        assert "guided" not in words, file
    assert not list(whole.rglob("populations.json"))


def test_a_run_that_was_stopped_ends_as_an_uninterrupted_one(tiny, guided, tmp_path, monkeypatch):
    # While the first parents are found; while the first guided mutants are written down; while they are learned from.
    for fault, code in (("screened.jsonl:3:eio", 4), ("solutions.jsonl:3:eio", 4), ("learn:2:term", 75)):
        monkeypatch.setattr(faults, "armed", faults.read_fault(fault))
        assert tiny(tmp_path / "run", GUIDED).code == code
    assert tiny(tmp_path / "run", GUIDED).code == 0
    assert result_of(tmp_path / "run") == result_of(guided)


def test_the_number_of_workers_does_not_matter(tiny, guided, tmp_path):
    assert tiny(tmp_path / "run", GUIDED, "interpreter.num_workers=2").code == 0
    assert result_of(tmp_path / "run") == result_of(guided)


@pytest.mark.parametrize("setting", ["mutation.score_tasks=false", "mutation.candidates=smallest_demonstration"])
def test_guided_mutation_needs_the_seeds_on_all_demonstrations(tiny, tmp_path, setting):
    done = tiny(tmp_path / "run", GUIDED, setting)
    assert done.code == 2
    assert "search.guided_programs is 20 with mutation." in done.err


def test_a_copy_of_a_guided_mutant_is_no_find_of_the_policy(guided):
    rows = rows_of(guided, "solutions.jsonl")
    places = {(row["task_id"], row["program"]): n for n, row in enumerate(rows) if row["origin"] == "guided"}
    for place, row in enumerate(rows):
        if row["origin"] == "policy":
            known = places.get((row["task_id"], row["program"]), place) < place
            assert (row["copy_of"] == "guided") == (known and row["copy_of"] not in ("seed", "mutant"))


def test_a_checkpoint_has_the_parents(guided):
    [file] = sorted((guided / "replay").glob("*/populations.json"))[-1:]
    content = json.loads(file.read_text())
    assert len(content["populations"]) == 6
    assert all(row["parents"] for row in content["populations"].values())
