"""Twin and property tests of mutation baselines: against running everything at once; interruptions leave no trace."""

import json

import pytest

import interpreter
from codeit_jax.arc import Example, Task, TaskSet
from codeit_jax.baselines import mutation_baseline
from codeit_jax.baselines.mutation_baseline import LIMITS, MutationJob, run_mutation_baseline
from codeit_jax.config.errors import UserError
from codeit_jax.evaluation import solve_report
from codeit_jax.evaluation.screening import screen_tasks
from codeit_jax.mutation import generate_mutants
from codeit_jax.programs import SeedProgram
from codeit_jax.reporting.progress import Reporter
from codeit_jax.storage import job_directory
from codeit_jax.storage.job_directory import JobDirectory

GRIDS = [((1, 2), (3, 4)), ((5, 0, 6), (0, 7, 7)), ((8,), (9,))]


def made(task_id, transform):
    first, second, test = (Example(grid, transform(grid)) for grid in GRIDS)
    return Task(task_id, (first, second), (test,))


TASKS = TaskSet(
    [
        made("flip", lambda grid: grid[::-1]),
        made("turn", lambda grid: tuple(row[::-1] for row in grid[::-1])),
        made("none", lambda grid: ((9, 8, 7),)),
    ],
    source="made",
    snapshot="by hand",
)
TEXTS = {"flip": "x1 = hmirror(I)\nO = hmirror(x1)", "turn": "x1 = hmirror(I)\nO = vconcat(x1, I)"}
SEEDS = [SeedProgram(task_id, interpreter.parse(text)) for task_id, text in TEXTS.items()]
NUM_PROGRAMS = 150


@pytest.fixture(scope="module")
def pool():
    with interpreter.InterpreterPool(1, LIMITS) as pool:
        yield pool


def job(**changes):
    values = {"num_programs": NUM_PROGRAMS, "method": "dinf", "recipe": "paper", "seed": 0}
    return MutationJob(seeds=SEEDS, training_tasks=TASKS, tasks=TASKS, **values | changes)


def run(folder, pool, **changes):
    """Do a job in a folder; return all that it came to, without times."""
    asked = job(**changes)
    with JobDirectory(folder, "mutate", asked.settings()) as directory:
        summary = run_mutation_baseline(asked, directory, pool, Reporter(quiet=True))
    return result_of(folder, summary)


def result_of(folder, summary):
    files = {name: (folder / name).read_bytes() for name in ("mutants.jsonl", "solutions.jsonl")}
    assert json.loads((folder / "summary.json").read_text()) == summary
    return files, {name: value for name, value in summary.items() if name not in ("seconds", "stages")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory, pool):
    return run(tmp_path_factory.mktemp("whole"), pool)


def test_the_result_is_that_of_running_everything_at_once(whole, pool):
    files, summary = whole
    mutants = generate_mutants(
        SEEDS, TASKS, num_programs=NUM_PROGRAMS, seed=0, pool=pool, method="dinf", limits=LIMITS
    ).mutants
    # Each text once for a task, at its first position; the positions are those of all mutants.
    programs = [mutant.program for mutant in mutants]
    tasks = screen_tasks(programs, TASKS, ["mutant"] * len(mutants), pool=pool)
    screened = [candidate for _, found in tasks for candidate in found.values()]
    first = {(c.task_id, c.program): c for c in reversed(screened)}
    found = [(c.work - 1, c) for c in screened if first[c.task_id, c.program] == c]
    assert summary["programs"] == len(mutants) == NUM_PROGRAMS
    assert summary["unique"] == len({str(mutant.program) for mutant in mutants}) < NUM_PROGRAMS
    counts = solve_report([candidate for _, candidate in found], TASKS)
    assert summary["solved"] == {**counts, "mutants": counts}
    assert counts["oracle"] == 2
    assert (summary["screen"], summary["work"]) == ("all", {"programs": {"mutant": summary["unique"] * len(TASKS)}})
    assert [count for count, _ in summary["curve"]] == [100, NUM_PROGRAMS]
    for count, solved in summary["curve"]:
        first = [candidate for position, candidate in found if position < count]
        assert solved == solve_report(first, TASKS)["pass@3"]
    # A text made for two parents is written once, as the first.
    rows = [candidate.to_row() for _, candidate in found]
    assert [json.loads(line) for line in files["solutions.jsonl"].splitlines()] == rows


def test_the_curve_is_over_programs_and_over_attempts(whole):
    files, summary = whole
    attempts = [json.loads(line)["attempt"] + 1 for line in files["mutants.jsonl"].splitlines()]
    assert summary["attempts"] == attempts[-1] > summary["programs"]
    assert summary["curve_of_attempts"] == [[attempts[-1], summary["solved"]["pass@3"]]]


@pytest.mark.parametrize("size", [7, 64, 1000])
def test_neither_blocks_nor_workers_change_the_result(tmp_path, whole, size, monkeypatch):
    monkeypatch.setattr(mutation_baseline, "BLOCK_PROGRAMS", size)
    with interpreter.InterpreterPool(2, LIMITS) as two:
        assert run(tmp_path, two) == whole


def test_a_job_killed_again_and_again_goes_on_to_the_same_result(tmp_path, whole, pool, monkeypatch):
    monkeypatch.setattr(mutation_baseline, "BLOCK_PROGRAMS", 60)
    # Later and later: attempts that gave no mutant are made again.
    append, calls, triangular = JobDirectory.append, 0, [n * (n + 1) // 2 for n in range(2, 100)]

    def killed(self, name, rows):
        nonlocal calls
        calls += 1
        if calls in triangular:
            # What a kill in the middle of a write leaves.
            with open(self.path / name, "ab") as file:
                file.write(b'{"task_id": "tor')
            raise KeyboardInterrupt
        append(self, name, rows)

    monkeypatch.setattr(job_directory.JobDirectory, "append", killed)
    kills = 0
    while kills < len(triangular):
        try:
            assert run(tmp_path, pool) == whole
            break
        except KeyboardInterrupt:
            kills += 1
    assert 5 <= kills < len(triangular)


@pytest.mark.parametrize("name", ["mutants.jsonl", "screened.jsonl", "times.jsonl"])
@pytest.mark.parametrize("share", [0.0, 0.4, 0.99])
def test_a_file_that_lost_its_end_is_made_anew(tmp_path, whole, pool, name, share):
    run(tmp_path, pool)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    assert run(tmp_path, pool) == whole


def test_a_job_that_grows_equals_one_that_was_large_at_once(tmp_path, whole, pool, monkeypatch):
    assert run(tmp_path, pool, num_programs=40)[1]["programs"] == 40
    monkeypatch.setattr(mutation_baseline, "BLOCK_PROGRAMS", 64)
    assert run(tmp_path, pool) == whole
    with pytest.raises(UserError, match="num_programs is 40, expected at least the 150"):
        run(tmp_path, pool, num_programs=40)


def test_seconds_go_on_where_they_were(tmp_path, pool):
    run(tmp_path, pool)
    before = json.loads((tmp_path / "summary.json").read_text())["stages"]
    (tmp_path / "times.jsonl").unlink()
    settings = json.loads((tmp_path / "settings.json").read_text())
    with JobDirectory(tmp_path, "mutate", settings) as directory:
        directory.append("times.jsonl", [{"stage": "run", "t_seconds": 1000.0}])
    run(tmp_path, pool)
    after = json.loads((tmp_path / "summary.json").read_text())["stages"]
    assert after["run"] == 1000.0
    assert after["generate"] == 0.0 < before["generate"]


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"method": "d1"}, {"recipe": "released"}, {"screen": "smallest_demonstration"}]
)
def test_a_directory_holds_one_job(tmp_path, pool, change):
    run(tmp_path, pool, num_programs=1)
    [(name, value)] = change.items()
    with pytest.raises(UserError, match=f"{name} is {value!r}, expected .* another value needs a new --run-dir"):
        run(tmp_path, pool, **change)


def test_attempts_that_run_out_end_the_job(tmp_path, pool, monkeypatch):
    monkeypatch.setattr(mutation_baseline, "ATTEMPTS_PER_PROGRAM", 1)
    _, summary = run(tmp_path, pool, method="d1")
    assert 0 < summary["programs"] < NUM_PROGRAMS
    assert summary["curve"][-1][0] == summary["programs"]
