"""Twin and property tests of the guided baseline: interruptions leave no trace, and time bounds it."""

import json

import pytest

import interpreter
from codeit_jax.arc import Example, Task, TaskSet
from codeit_jax.baselines import guided_baseline
from codeit_jax.baselines.guided_baseline import LIMITS, GuidedJob, run_guided_baseline
from codeit_jax.config.errors import UserError
from codeit_jax.evaluation import Candidate, solve_report
from codeit_jax.programs import SeedProgram
from codeit_jax.reporting.progress import Reporter
from codeit_jax.storage import job_directory
from codeit_jax.storage.job_directory import JobDirectory

GRIDS = [((1, 2), (3, 4)), ((5, 0, 6), (0, 7, 7)), ((8, 1), (9, 3))]
FILES = ("guided.jsonl", "solutions.jsonl")
CLOCKS = ("seconds", "curve_of_core_seconds")


def made(task_id, transform):
    first, second, test = (Example(grid, transform(grid)) for grid in GRIDS)
    return Task(task_id, (first, second), (test,))


TASKS = TaskSet(
    [
        made("flip", lambda grid: grid[::-1]),
        made("turn", lambda grid: tuple(row[::-1] for row in grid[::-1])),
        made("double", lambda grid: tuple(row + row for row in grid)),
        made("none", lambda grid: ((len(grid) + 5, 1, 2),)),
    ],
    source="made",
    snapshot="by hand",
)
SEEDS = [
    SeedProgram("flip", interpreter.parse("O = hmirror(I)")),
    SeedProgram("double", interpreter.parse("x1 = vmirror(I)\nO = hconcat(I, x1)")),
]


@pytest.fixture(scope="module")
def pool():
    with interpreter.InterpreterPool(1, LIMITS) as pool:
        yield pool


@pytest.fixture(autouse=True)
def _short_passes(monkeypatch):
    monkeypatch.setattr(guided_baseline, "PASS_PROGRAMS", 40)


def run(path, pool, num_programs=100, seconds=None, **changes):
    """Do a job; return its files and its summary without clocks."""
    settings = {"seeds": SEEDS, "tasks": TASKS, "seed": 5} | changes
    job = GuidedJob(num_programs=num_programs, seconds=seconds, **settings)
    with JobDirectory(path, "mutate", job.settings()) as directory:
        summary = run_guided_baseline(job, directory, pool, Reporter(quiet=True))
    work = {"programs": summary["work"]["programs"]}
    files = {name: (path / name).read_bytes() for name in FILES}
    return files, {name: value for name, value in summary.items() if name not in CLOCKS} | {"work": work}


@pytest.fixture(scope="module")
def whole(tmp_path_factory, pool):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guided_baseline, "PASS_PROGRAMS", 40)
        return run(tmp_path_factory.mktemp("whole"), pool)


def test_the_summary_counts_what_the_files_hold(whole):
    files, summary = whole
    found = [Candidate.from_row(json.loads(line)) for line in files["solutions.jsonl"].splitlines()]
    assert summary["programs"] == 100
    assert summary["work"]["programs"]["seed"] == 2 * 4
    assert 300 < summary["work"]["programs"]["guided"] <= 400
    for row, origins in (("seeds", ["seed"]), ("guided", ["guided"]), ("cumulative", ["seed", "guided"])):
        assert summary["solved"][row] == solve_report([c for c in found if c.origin in origins], TASKS)
    assert summary["solved"]["seeds"]["oracle"] == 1
    assert summary["solved"]["guided"]["oracle"] >= 2
    assert summary["solved"]["oracle"] == summary["solved"]["cumulative"]["oracle"] == 3
    assert summary["curve"] == [[100, summary["solved"]["pass@3"]]]
    # How many programs had been tried by then: the seeds first, and no number twice for a task.
    work = [(c.task_id, c.work) for c in found]
    assert len(set(work)) == len(work)
    assert all((c.work <= 2) == (c.origin == "seed") for c in found)
    assert max(c.work for c in found) <= 102
    lines = [json.loads(line) for line in files["guided.jsonl"].splitlines()]
    assert [(row["start"], row["stop"]) for row in lines[::4]] == [(-1, 0), (0, 40), (40, 80), (80, 100)]


def test_workers_do_not_change_the_result(tmp_path, whole):
    with interpreter.InterpreterPool(2, LIMITS) as two:
        assert run(tmp_path, two) == whole


def test_a_job_killed_again_and_again_goes_on_to_the_same_files(tmp_path, whole, pool, monkeypatch):
    append, calls = JobDirectory.append, 0

    def killed(self, name, rows):
        nonlocal calls
        calls += 1
        if calls % 7 == 0:
            # What a kill in the middle of a write leaves.
            with open(self.path / name, "ab") as file:
                file.write(b'{"task_id": "tor')
            raise KeyboardInterrupt
        append(self, name, rows)

    monkeypatch.setattr(job_directory.JobDirectory, "append", killed)
    kills = 0
    while kills < 20:
        try:
            assert run(tmp_path, pool) == whole
            break
        except KeyboardInterrupt:
            kills += 1
    assert 3 < kills < 20


def test_a_job_that_grows_finds_what_one_finds_that_was_large_at_once(tmp_path, whole, pool):
    assert run(tmp_path, pool, num_programs=60)[1]["programs"] == 60
    files, summary = run(tmp_path, pool)
    assert (files["solutions.jsonl"], summary) == (whole[0]["solutions.jsonl"], whole[1])
    with pytest.raises(UserError, match="num_programs is 60, expected at least the 100"):
        run(tmp_path, pool, num_programs=60)


def test_time_bounds_a_job_and_more_time_continues_it(tmp_path, whole, pool):
    files, summary = run(tmp_path, pool, seconds=1e-9)
    # Looked at after each task: one line is the least.
    assert len(files["guided.jsonl"].splitlines()) == 1
    assert summary["programs"] == 0
    assert run(tmp_path, pool, seconds=1e9) == whole
    # The time of earlier calls is spent.
    settings = GuidedJob(seeds=SEEDS, tasks=TASKS, seed=5, num_programs=None, seconds=None).settings()
    with JobDirectory(tmp_path, "mutate", settings) as directory:
        list(directory.rows("times.jsonl"))  # before anything is appended
        directory.append("times.jsonl", [{"start": 80, "t_seconds": 1000.0, "t_core_seconds": 0.0}])
    assert run(tmp_path, pool, num_programs=200, seconds=1000.0)[1]["programs"] == 100


@pytest.mark.parametrize("change", [{"seed": 1}, {"seeds": SEEDS[:1]}])
def test_a_directory_holds_one_job(tmp_path, pool, change):
    run(tmp_path, pool, num_programs=1)
    with pytest.raises(UserError, match="another value needs a new --run-dir"):
        run(tmp_path, pool, **change)
