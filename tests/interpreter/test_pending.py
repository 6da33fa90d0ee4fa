"""Twin tests: submissions in flight together, polled at random, against runs in this process. Exact tests of deaths."""

import os
import random
import selectors
import signal
import time

import pytest

from interpreter import InterpreterPool, Job, Limits, PoolError, Status
from tests.interpreter.misbehaving_pool import misbehaving_pool
from tests.interpreter.pool_jobs import GRIDS, alone, random_jobs
from tests.interpreter.program_texts import random_program

GOOD = "O = hmirror(I)"
LIMITS = Limits(work_per_line=20_000, wall_seconds=60.0, memory_bytes=1 << 28)


def wait_for(condition, pool):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        pool.poll()
        time.sleep(0.002)


@pytest.mark.parametrize("num_workers", [1, 2, 5])
def test_submissions_in_any_interleaving_are_answered_each_as_if_alone(num_workers):
    rng = random.Random(num_workers)
    asked = [random_jobs(seed, rng.randrange(12)) for seed in range(8)]
    with InterpreterPool(num_workers, LIMITS) as pool:
        pending = []
        for jobs in asked:
            pending.append(pool.submit(jobs))
            for _ in range(rng.randrange(3)):
                pool.poll()
        for k in rng.sample(range(len(asked)), len(asked)):
            assert pending[k].result() == [alone(job, LIMITS) for job in asked[k]]
            assert pending[k].done


def test_polling_alone_brings_all_answers():
    jobs = random_jobs(9)
    with InterpreterPool(2, LIMITS) as pool:
        first, second = pool.submit(jobs), pool.submit(jobs[::-1])
        wait_for(lambda: first.done and second.done, pool)
        assert first.num_done == first.num_executions == sum(len(texts) * len(grids) for texts, grids, *_ in jobs)
        assert first.result() == second.result()[::-1] == [alone(job, LIMITS) for job in jobs]


def test_only_results_are_waited_for(monkeypatch):
    waited = []

    class Noting(selectors.DefaultSelector):
        def select(self, timeout=None):
            waited.append(timeout)
            return super().select(timeout)

    monkeypatch.setattr("interpreter.pool.pool.selectors.DefaultSelector", Noting)
    with InterpreterPool(1) as pool:
        pending = pool.submit([Job([GOOD], GRIDS)])
        for _ in range(10):
            pool.poll()
        assert set(waited) == {0.0}
        pending.result()
        assert waited[-1] > 0


def test_work_is_shared_among_the_workers_from_the_start():
    with InterpreterPool(3) as pool:
        pool.submit([Job([GOOD] * 10, GRIDS)] * 6)
        assert [worker.num_waiting for worker in pool.workers] == [2 * 10 * len(GRIDS)] * 3


def test_jobs_may_be_submitted_while_others_are_waited_for():
    more = []
    with InterpreterPool(2) as pool:
        first = pool.submit([Job([GOOD] * 100, GRIDS)] * 20)
        first.result(on_progress=lambda done, total: more.append(pool.submit([Job([GOOD], GRIDS)])))
        assert [pending.result() for pending in more] == [[alone(([GOOD], GRIDS), Limits())]] * len(more)
        assert more


def test_a_refused_submission_leaves_the_others_alone():
    with InterpreterPool(1) as pool:
        pending = pool.submit([Job([GOOD] * 50, GRIDS)])
        with pytest.raises(ValueError, match="ragged"):
            pool.submit([Job([GOOD], GRIDS), Job([GOOD], [((1, 2), (3,))])])
        with pytest.raises(ValueError, match="expected"):
            pool.submit([Job([GOOD], GRIDS, GRIDS[:1], stop_at_first_miss=True)])
        assert pending.result() == [alone(([GOOD] * 50, GRIDS), Limits())]
        assert pool.stats.started == 1


def test_a_closed_pool_gives_up_what_it_had_not_answered():
    with misbehaving_pool(1, LIMITS) as pool:
        done = pool.submit([Job([GOOD], GRIDS)])
        done.result()
        left = [pool.submit([Job(["loop"], GRIDS)]), pool.submit([Job([GOOD], GRIDS)])]
    for pending in left:
        assert not pending.done
        with pytest.raises(PoolError, match="^the pool was closed before"):
            pending.result()
    assert done.result() == [alone(([GOOD], GRIDS), Limits())]


def test_time_between_polls_is_not_held_against_a_worker():
    texts = [f"{GOOD}{' ' * 4000}"] * 200  # more than a pipe takes at once
    with InterpreterPool(1, Limits(wall_seconds=0.2)) as pool:
        pool.run([Job([GOOD], GRIDS)])
        pending = pool.submit([Job([GOOD] * 300, GRIDS), Job(texts, GRIDS[:1]), Job([GOOD] * 300, GRIDS)])
        for _ in range(3):
            time.sleep(0.3)
            pool.poll()
        pending.result()
        assert pool.stats.timeouts == 0


def test_deaths_while_several_submissions_are_in_flight():
    rng = random.Random(5)
    faults = ["leave", "segv", "kill", "garbage", "close_pipe", "answer_for_another"]
    with misbehaving_pool(2, LIMITS) as pool:
        asked, pending = [], []
        for _ in range(8):
            jobs = [Job(rng.choices([GOOD, "O = vmirror(I)", "O = first(I)"], k=9), GRIDS) for _ in range(4)]
            jobs[rng.randrange(4)].programs[rng.randrange(9)] = rng.choice(faults)
            asked.append(jobs)
            pending.append(pool.submit(jobs))
            pool.poll()
        for jobs, answers in zip(asked, pending, strict=True):
            for job, rows in zip(jobs, answers.result(), strict=True):
                expected = alone(job, Limits())
                for text, row, good in zip(job.programs, rows, expected, strict=True):
                    if text in faults:
                        assert {outcome.status for outcome in row} == {Status.DIED}
                    else:
                        assert row == good
        assert pool.stats.deaths >= 2 * len(asked)


def test_workers_killed_between_polls_lose_nothing():
    rng = random.Random(6)
    jobs = [Job([random_program(rng) for _ in range(60)], GRIDS) for _ in range(6)]
    with InterpreterPool(3, LIMITS) as pool:
        pending = [pool.submit([job]) for job in jobs]
        for _ in range(2):
            os.kill(rng.choice(pool.workers).pid, signal.SIGKILL)
            wait_for(lambda before=pool.stats.deaths: pool.stats.deaths > before, pool)
        assert [answer.result() for answer in pending] == [[alone(job, LIMITS)] for job in jobs]


def test_all_submissions_end_when_workers_cannot_start():
    with InterpreterPool(2, command=["/bin/false"]) as pool:
        pending = [pool.submit([Job([GOOD], GRIDS)]) for _ in range(3)]
        with pytest.raises(PoolError, match="10 workers in a row died before they were ready"):
            pending[0].result()
        with pytest.raises(PoolError, match="the pool was closed before"):
            pending[2].result()
