"""Twin tests of the pool against runs in this process, for any workers and cut; exact tests of its surface."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

import interpreter
from interpreter import InterpreterPool, Job, Limits, PoolError, Status, parse
from interpreter.pool import schedule
from tests.interpreter.pool_jobs import GRIDS, alone, random_jobs
from tests.interpreter.program_texts import random_program


@pytest.mark.parametrize("num_workers", [1, 2, 5])
def test_results_are_those_of_this_process_in_the_order_asked(num_workers):
    jobs, limits = random_jobs(1), Limits(work_per_line=20_000)
    with InterpreterPool(num_workers, limits) as pool:
        assert pool.run(jobs) == [alone(job, limits) for job in jobs]
        assert pool.stats.deaths == pool.stats.timeouts == 0


def test_the_cut_of_big_jobs_does_not_show(monkeypatch):
    rng = random.Random(2)
    texts = [random_program(rng) for _ in range(160)]
    jobs = [Job(texts[:120], GRIDS), Job(texts[120:], GRIDS[:1])]
    expected = [alone(job, Limits()) for job in jobs]
    monkeypatch.setattr(schedule, "SMALL_JOB_EXECUTIONS", 50)
    monkeypatch.setattr(schedule, "CHUNK_PROGRAMS", 7)
    with InterpreterPool(3) as pool:
        assert pool.run(jobs) == expected


def test_plain_pairs_programs_and_the_codeit_mode():
    limits = Limits(mode="codeit")
    program = parse("foo = hmirror(I)\nO = vmirror(foo)", "codeit")
    with InterpreterPool(1, limits) as pool:
        ((row,),) = pool.run([([program], GRIDS)])
        assert [outcome.grid for outcome in row] == [tuple(line[::-1] for line in grid[::-1]) for grid in GRIDS]


def test_a_miss_skips_the_remaining_grids(monkeypatch):
    expected = [GRIDS[0], GRIDS[1][::-1], GRIDS[2]]
    job = Job(["O = identity(I)", "O = hmirror(I)"] * 20, GRIDS, expected, stop_at_first_miss=True)
    monkeypatch.setattr(schedule, "SMALL_JOB_EXECUTIONS", 10)
    monkeypatch.setattr(schedule, "CHUNK_PROGRAMS", 6)
    with InterpreterPool(2) as pool:
        (rows,) = pool.run([job])
    assert [[outcome.status for outcome in row] for row in rows] == 20 * [
        [Status.OK, Status.OK, Status.SKIPPED],
        [Status.OK, Status.SKIPPED, Status.SKIPPED],
    ]


def test_progress_counts_executions():
    seen = []
    with InterpreterPool(2) as pool:
        pool.run([Job(["O = hmirror(I)"] * 50, GRIDS)] * 20, on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (3000, 3000)
    assert seen == sorted(set(seen))


def test_nothing_to_do():
    with InterpreterPool(2) as pool:
        assert pool.run([]) == []
        assert pool.run([Job([], GRIDS), Job(["O = hmirror(I)"], [])]) == [[], [[]]]


def test_a_pool_runs_again_after_an_error_and_after_closing():
    pool = InterpreterPool(2)
    job = Job(["O = hmirror(I)"], GRIDS)
    with pytest.raises(ValueError, match="ragged"):
        pool.run([job, Job(["O = hmirror(I)"], [((1, 2), (3,))])])
    with pytest.raises(ValueError, match="256"):
        pool.run([Job(["O = hmirror(I)"], [((256,),)])])
    assert pool.run([job]) == [alone(job, Limits())]
    pool.close()
    assert pool.run([job]) == [alone(job, Limits())]
    pool.close()


def test_an_interrupted_run_leaves_nothing_behind():
    def interrupt(done, total):
        raise KeyboardInterrupt

    job = Job(["O = hmirror(I)"] * 1000, GRIDS)
    with InterpreterPool(2) as pool:
        with pytest.raises(KeyboardInterrupt):
            pool.run([job], on_progress=interrupt)
        assert pool.run([job]) == [alone(job, Limits())]


def test_the_number_of_workers_defaults_to_the_cpus():
    for number in (None, 0):
        assert InterpreterPool(number).num_workers == len(os.sched_getaffinity(0))
    with pytest.raises(ValueError, match="num_workers is -1"):
        InterpreterPool(-1)


def test_workers_and_the_package_need_no_numpy_and_no_jax():
    code = "import interpreter, sys; print([m for m in ('numpy', 'jax', 'ast') if m in sys.modules and m != 'ast'])"
    folder = str(Path(interpreter.__file__).parent.parent)
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_worker_refuses_to_hold_jax(tmp_path):
    code = "import sys; sys.modules['jax'] = sys; from interpreter.pool.worker import main; main('{}')"
    folder = str(Path(interpreter.__file__).parent.parent)
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == "a worker must not hold jax"


def test_workers_that_cannot_start_end_the_run_with_one_line():
    with InterpreterPool(2, command=[sys.executable, "-c", "raise SystemExit(7)"]) as pool:
        with pytest.raises(PoolError, match=r"^10 workers in a row died before they were ready \(exit status 7\)$"):
            pool.run([Job(["O = hmirror(I)"], GRIDS)])
        assert pool.stats.started <= 12
