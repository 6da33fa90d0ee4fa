"""Exact tests of the search baseline on scripted searches: curve, clock, interruption, going on; one real search."""

import json

import pytest

from codeit_jax.arc import TaskSet, load_tasks
from codeit_jax.baselines import search_baseline
from codeit_jax.baselines.search_baseline import SearchBaseline, SearchJob
from codeit_jax.evaluation import COLUMNS, Candidate
from codeit_jax.reporting.progress import Reporter
from codeit_jax.search import Budget, Round, TaskSearch
from codeit_jax.storage.job_directory import JobDirectory

TASKS = load_tasks("arc1/training")[:4]
IDS = [task.id for task in TASKS]


def searched(number, limit, *, tried=10, right=None):
    task = TASKS[number]
    candidates = ()
    if right is not None:
        tests = (right,) * len(task.tests)
        shown = (True,) * len(task.demonstrations)
        candidates = (Candidate(task.id, "O = rot180(I)", shown, tests, "search", guess="some"),)
    end = "complete" if candidates else "limit"
    return TaskSearch(task_id=task.id, limit=limit, tried=tried, end=end, candidates=candidates, core_seconds=30.0)


FIRST = [searched(1, 500, right=True), searched(0, 500), searched(3, 500, right=False), searched(2, 500)]
SECOND = [searched(0, 2000, tried=70), searched(2, 2000, tried=30, right=True)]


class Clock:
    """A clock that moves on with every search."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def script(monkeypatch):
    """Replaces the search by given rounds, of which each search takes half a minute; keeps what it was called with."""
    clock, calls = Clock(), []
    monkeypatch.setattr(search_baseline, "perf_counter", clock)

    def play(*rounds):
        def searches(row):
            for search in row:
                if search is KeyboardInterrupt:
                    raise KeyboardInterrupt
                clock.now += 30.0
                yield search

        def search_rounds(tasks, budget, max_lines, *, num_workers, known):
            calls.append((budget, dict(known)))
            for row in rounds:
                yield Round(0, len(row), searches(row))

        monkeypatch.setattr(search_baseline, "search_rounds", search_rounds)

    play.calls = calls
    return play


HOUR = Budget(seconds=3600.0)


def run(folder, budget=HOUR):
    job = SearchJob(tasks=TASKS, budget=budget, max_lines=3)
    with JobDirectory(folder, "search", job.settings()) as directory:
        search = SearchBaseline(job, directory, Reporter(quiet=True))
        search.run(num_workers=1)
        return search, search.summarize()


def test_the_curve_has_a_point_for_every_change_and_the_end(tmp_path, script):
    script(FIRST, SECOND)
    search, summary = run(tmp_path)
    assert not search.is_interrupted
    assert summary["curve"] == [(0.0, 0, 0), (30.0, 10, 1), (180.0, 140, 2), (180.0, 140, 2)]
    assert summary["solved_by_core_minute"] == [[2, 1]]
    assert (summary["programs"], summary["correct"], summary["tried"], summary["seconds"]) == (3, 2, 140, 180.0)
    assert summary["solved"] == dict.fromkeys(COLUMNS, 2) | {"demonstrations": 3}
    assert [candidate.task_id for candidate in search.candidates] == [IDS[1], IDS[2], IDS[3]]
    written = json.loads((tmp_path / "summary.json").read_text())
    assert written == json.loads(json.dumps(summary))


def test_an_interrupted_search_keeps_what_it_found_and_goes_on(tmp_path, script):
    script([*FIRST[:2], KeyboardInterrupt])
    search, summary = run(tmp_path)
    assert search.is_interrupted
    assert (summary["programs"], summary["tried"], summary["seconds"]) == (1, 20, 60.0)
    with open(tmp_path / "searched.jsonl", "a") as file:
        file.write('{"task_id": "torn')
    script(FIRST[2:], SECOND)
    search, summary = run(tmp_path)
    assert not search.is_interrupted
    assert summary["curve"] == [(0.0, 0, 0), (30.0, 10, 1), (180.0, 140, 2), (180.0, 140, 2)]
    (first, known), (second, later) = script.calls
    assert (first.seconds, known) == (3600.0, {})
    assert (second.seconds, later) == (3540.0, {search.task_id: search for search in FIRST[:2]})


def test_a_search_whose_time_is_over_only_reports(tmp_path, script):
    script(FIRST)
    _, before = run(tmp_path)
    script()
    _, after = run(tmp_path, Budget(seconds=60.0, programs=9))
    assert after == before
    assert script.calls[-1][0] == Budget(seconds=0.0, programs=9)


def test_a_real_search_solves_what_one_line_solves(tmp_path):
    everything = load_tasks("arc1/training")
    chosen = [everything[task_id] for task_id in ("007bbfb7", "3c9b0459", "9172f3a0")]
    tasks = TaskSet(chosen, source="some", snapshot="some")
    job = SearchJob(tasks=tasks, budget=Budget(programs=800), max_lines=2)
    with JobDirectory(tmp_path, "search", job.settings()) as directory:
        search = SearchBaseline(job, directory, Reporter(quiet=True))
        search.run(num_workers=2)
        summary = search.summarize()
    assert {candidate.task_id for candidate in search.candidates} == {"3c9b0459", "9172f3a0"}
    assert summary["solved"] == dict.fromkeys(COLUMNS, 2)
    assert 800 < summary["tried"] <= 3 * 800
