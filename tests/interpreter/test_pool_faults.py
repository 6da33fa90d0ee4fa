"""Exact tests with workers that really misbehave: only the suspect gets a verdict, nothing is lost or moved."""

import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import interpreter
from interpreter import InterpreterPool, Job, Limits, Status, parse, run
from interpreter.pool.process import WorkerProcess
from interpreter.pool.schedule import RetryLevel
from tests.interpreter import misbehaving_worker
from tests.interpreter.misbehaving_pool import FOLDER, SCRIPT, misbehaving_pool
from tests.interpreter.program_texts import program_text

HANGING = {"loop", "stop", "half_frame", "dribble"}
GRIDS = [((1, 0), (0, 2)), ((3, 3, 4),)]
GOOD = "O = hmirror(I)"
LIMITS = Limits(wall_seconds=60.0, memory_bytes=1 << 28)
SHORT_LIMITS = Limits(wall_seconds=0.3, memory_bytes=1 << 28)


def verdict(text):
    if text not in misbehaving_worker.FAULTS:
        return [run(parse(text), grid).status for grid in GRIDS]
    return [Status.TIMEOUT if text in HANGING else Status.DIED] * len(GRIDS)


def statuses(row):
    return [outcome.status for outcome in row]


@pytest.mark.parametrize("fault", sorted(misbehaving_worker.FAULTS))
def test_a_culprit_gets_its_verdict_and_the_pool_goes_on(fault):
    with misbehaving_pool(1, SHORT_LIMITS if fault in HANGING else LIMITS) as pool:
        for text in (fault, GOOD):
            ((row,),) = pool.run([Job([text], GRIDS)])
            assert statuses(row) == verdict(text)
        # Killed, and once more when it was tried again.
        assert (pool.stats.timeouts if fault in HANGING else pool.stats.deaths) >= 2
        assert pool.stats.retries >= 1


def test_a_culprit_behind_many_small_jobs_is_found_at_once():
    with misbehaving_pool(1, LIMITS) as pool:
        results = pool.run([Job([text], GRIDS) for text in [GOOD] * 20 + ["leave"] + [GOOD] * 20])
        assert [statuses(row) for (row,) in results] == [verdict(GOOD)] * 20 + [verdict("leave")] + [verdict(GOOD)] * 20
        assert pool.stats.deaths <= 3


@pytest.mark.parametrize("fault", ["leave", "stop"])
def test_the_culprit_is_found_among_others(fault):
    texts = [GOOD] * 3 + [fault] + [GOOD] * 3
    with misbehaving_pool(1, SHORT_LIMITS if fault in HANGING else LIMITS) as pool:
        (rows,) = pool.run([Job(texts, GRIDS)])
        assert [statuses(row) for row in rows] == [verdict(text) for text in texts]
        # Killed within a bunch, then as the first without an answer, then alone.
        assert pool.stats.deaths + pool.stats.timeouts >= 3
        assert pool.stats.retries >= 2


def test_many_faults_among_many_programs_of_many_jobs():
    rng = random.Random(1)
    quick = sorted(set(misbehaving_worker.FAULTS) - HANGING - {"flood"})
    jobs = []
    for _ in range(20):
        texts = rng.choices([GOOD, "O = vmirror(I)", "x1 = size(I)\nO = canvas(x1, UNITY)"], k=rng.randint(1, 60))
        if rng.random() < 0.4:
            texts.insert(rng.randrange(len(texts)), rng.choice(quick))
        jobs.append(Job(texts, GRIDS))
    with misbehaving_pool(2, LIMITS) as pool:
        results = pool.run(jobs)
    got = [[statuses(row) for row in rows] for rows in results]
    assert got == [[verdict(text) for text in job.programs] for job in jobs]


def test_a_worker_that_dies_between_runs_is_replaced():
    with misbehaving_pool(2, LIMITS) as pool:
        pool.run([Job([GOOD], GRIDS)])
        for worker in pool.workers:
            os.kill(worker.pid, signal.SIGKILL)
        ((row,),) = pool.run([Job([GOOD], GRIDS)])
        assert statuses(row) == verdict(GOOD)


@pytest.mark.parametrize("before", [[], [GOOD] * 20, ["leave"]])
def test_what_a_worker_died_of_is_tried_again_in_a_new_one(before):
    with misbehaving_pool(2, LIMITS) as pool:
        pool.run([Job([text], GRIDS) for text in before])
        for worker in pool.workers:
            os.kill(worker.pid, signal.SIGSTOP)
        pending = pool.submit([Job([GOOD], GRIDS)])
        busy, idle = sorted(pool.workers, key=lambda worker: not worker.in_flight)
        os.kill(busy.pid, signal.SIGKILL)
        os.waitid(os.P_PID, busy.pid, os.WEXITED | os.WNOWAIT)
        pool.poll()
        os.kill(idle.pid, signal.SIGKILL)  # as if both had been killed at once
        ((row,),) = pending.result()
        assert statuses(row) == verdict(GOOD)


def test_what_is_tried_alone_gets_a_worker_that_was_given_nothing_before(monkeypatch):
    """Both workers die in one round, so that there are two suspects and what came behind each of them."""
    given, give = {}, WorkerProcess.give

    def give_and_note(worker, request, content):
        given.setdefault(worker.pid, []).append(request.chunk.retry_level)
        give(worker, request, content)

    monkeypatch.setattr(WorkerProcess, "give", give_and_note)
    with misbehaving_pool(2, LIMITS) as pool:
        pending = pool.submit([Job(["stop", GOOD, GOOD], GRIDS)] * 2)
        for _ in range(3):  # for lost answers, as a suspect, alone
            while any(worker.protections is None for worker in pool.workers):  # it isn't to die of the start
                pool.poll()
            for worker in pool.workers:
                os.kill(worker.pid, signal.SIGKILL)
                os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
            pool.poll()
        rows = pending.result()
    assert [[statuses(row)[0] for row in job] for job in rows] == [[Status.DIED, Status.OK, Status.OK]] * 2
    alone = [levels.index(RetryLevel.ALONE) for levels in given.values() if RetryLevel.ALONE in levels]
    assert alone == [0, 0]


def test_a_worker_process_that_never_greets_is_given_up(monkeypatch):
    monkeypatch.setattr("interpreter.pool.process.START_SECONDS", 0.05)
    with InterpreterPool(1, command=["/bin/sleep", "1000"]) as pool, pytest.raises(interpreter.PoolError):
        pool.run([Job([GOOD], GRIDS)])


def test_without_budgets_the_backstops_hold():
    texts = [
        program_text("multiply(TEN, TEN)", "multiply(@, @)", "multiply(@, TEN)", "astuple(@, @)", "canvas(ZERO, @)"),
        program_text("asindices(I)", "product(@, @)", "product(@, @)", "first(@)"),
        program_text("multiply(TEN, TEN)", "fork(combine, identity, identity)", "power(x2, x1)", "x3(I)"),
        program_text("compose(hmirror, vmirror)", *["compose(@, @)"] * 48, "x49(I)"),
    ]
    unlimited = 1 << 62
    limits = Limits(
        work_per_line=unlimited, work_per_program=unlimited, max_items=unlimited, max_integer=unlimited,
        wall_seconds=0.2, memory_bytes=1 << 28,
    )  # fmt: skip
    large = tuple(tuple((i * j) % 10 for j in range(30)) for i in range(30))
    with InterpreterPool(2, limits) as pool:
        verdicts = [row[0].status for (row,) in pool.run([Job([text], [large]) for text in [*texts, GOOD]])]
    assert set(verdicts[:-1]) <= {Status.DIED, Status.TIMEOUT}
    assert verdicts[-1] is Status.OK


PARENT = """
import json, sys
sys.path.append(sys.argv[1])
from interpreter import InterpreterPool, Job, Limits
pool = InterpreterPool(2, Limits(wall_seconds=1000.0), command=json.loads(sys.argv[2]))
pool.run([Job(["O = hmirror(I)"], [((1,),)])] * 500)
print(*[worker.pid for worker in pool.workers], flush=True)
pool.run([Job(["loop"], [((1,),)])] * 2)
"""


def test_workers_die_with_their_parent():
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        WORKER_THAT_LOOPS,
        FOLDER,
        SCRIPT,
        json.dumps(dataclasses.asdict(Limits())),
    ]
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, FOLDER, json.dumps(command)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    workers = [int(number) for number in parent.stdout.readline().split()]
    assert len(workers) == 2
    time.sleep(0.2)  # one of them may be in its endless loop by now, the other waits
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert wait_until(lambda: not any(map(is_running, workers)))


# As the misbehaving worker, but with the real sandbox.
WORKER_THAT_LOOPS = """
import sys
sys.argv[1:] = [sys.argv[1], sys.argv[3], sys.argv[2]]
sys.path.append(sys.argv[1])
sys.path.append(sys.argv[3].rpartition("/")[0])
from interpreter.pool import worker
import misbehaving_worker
worker.Worker = misbehaving_worker.MisbehavingWorker
worker.main(sys.argv[2])
"""


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"  # an orphan that nobody waits for is dead all the same


def wait_until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.fault
def test_killing_workers_at_random_loses_nothing_and_leaves_a_fifth_of_the_rate():
    texts = ["O = hmirror(I)", "x1 = objects(I, T, F, T)\nx2 = size(x1)\nO = canvas(x2, UNITY)", "O = vmirror(I)"] * 100
    expected = [verdict(text) for text in texts]
    pool = InterpreterPool(4)
    ended = threading.Event()

    def kill_one():
        rng = random.Random(1)
        while not ended.wait(0.05):
            # Ten that die while they start are given up, and on a busy machine a start takes longer than ten kills.
            ready = [worker for worker in pool.workers if worker.protections is not None]
            if ready:
                os.kill(rng.choice(ready).pid, signal.SIGKILL)

    def runs_a_second(seconds):
        started, number = time.monotonic(), 0
        while time.monotonic() - started < seconds:
            for rows in pool.run([Job(texts, GRIDS)] * 20):
                for row, good in zip(rows, expected, strict=True):
                    # A program that is hit twice, the second time alone, cannot be told from a suspect.
                    assert all(a in (b, Status.DIED) for a, b in zip(statuses(row), good, strict=True))
            number += 1
        return number / (time.monotonic() - started)

    killer = threading.Thread(target=kill_one)
    with pool:
        undisturbed = runs_a_second(10)
        killer.start()
        try:
            disturbed = runs_a_second(60)
        finally:
            ended.set()
            killer.join()
        print(f"{pool.stats.deaths} deaths in a minute, {disturbed / undisturbed:.0%} of the rate")
        assert pool.stats.deaths > 100
        assert disturbed > 0.2 * undisturbed
