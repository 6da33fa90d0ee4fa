"""Pools of processes from public reports: whatever ends a worker, every program is answered and the pool goes on."""

import os
import signal

import pytest

from interpreter import InterpreterPool, Job, Status

GRIDS = [((1, 2), (3, 4)), ((5,),)]
JOB = Job([f"x1 = upscale(I, {name})\nO = hmirror(I)" for name in ("ONE", "TWO", "THREE")] * 200, GRIDS)


@pytest.mark.parametrize(
    ("address", "times"),
    [
        ("https://github.com/lenskit/lkpy/issues/290", 1),
        ("https://github.com/uqfoundation/pathos/issues/230", 1),
        ("https://github.com/noxdafox/pebble/issues/97", 5),
        ("https://github.com/wilhelm-lab/oktoberfest/issues/372", 3),
    ],
)
def test_a_worker_that_the_system_kills_costs_no_answer(address, times):
    with InterpreterPool(2) as pool:
        expected = pool.run([JOB])
        for _ in range(times):
            # Stopped first, so that none has answered when it is killed.
            for worker in pool.workers:
                os.kill(worker.pid, signal.SIGSTOP)
            pending = pool.submit([JOB])
            for worker in pool.workers:
                os.kill(worker.pid, signal.SIGKILL)
            assert pending.result() == expected
        assert pool.stats.deaths >= times


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/epam/ai-dial-rag/issues/11",
        "https://github.com/seung-lab/cloud-volume/pull/108",
        "https://github.com/dssg/triage/issues/501",
    ],
)
def test_a_pool_is_usable_after_all_its_workers_were_killed(address):
    with InterpreterPool(2) as pool:
        for _ in range(3):
            for worker in pool.workers:
                os.kill(worker.pid, signal.SIGKILL)
            [rows] = pool.run([Job(["O = hmirror(I)"], GRIDS)])
            assert [outcome.status for outcome in rows[0]] == [Status.OK] * 2


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/python/cpython/issues/83716",
        "https://github.com/lava-nc/lava/issues/642",
        "https://github.com/jhuapl-boss/intern/pull/86",
    ],
)
def test_closed_pools_hold_no_descriptors_and_no_children(address):
    def held():
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            return len(os.listdir("/proc/self/fd")), len(file.read().split())

    before = held()
    pools = [InterpreterPool(2) for _ in range(3)]
    for pool in pools:
        pool.run([Job(["O = hmirror(I)"], GRIDS)])
        pool.close()
    assert held() == before
