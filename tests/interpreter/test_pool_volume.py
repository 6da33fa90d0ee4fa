"""Exact tests of the pool at volume, hostile programs among the others: nothing is lost, doubled, moved or left behind.

A third of the programs is random, a third are mutants of the seed programs, and a third gives a grid that tells the
program's position. Now and then one makes its worker die or hang.
"""

import itertools
import os
import random
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

import pytest

import interpreter
from interpreter import Job, Limits, Status
from tests.interpreter.misbehaving_pool import misbehaving_pool
from tests.interpreter.mutated_texts import mutants
from tests.interpreter.pool_jobs import GRIDS, alone
from tests.interpreter.program_texts import random_program

DYING = [
    "leave",
    "segv",
    "kill",
    "garbage",
    "small_garbage",
    "half_frame_and_leave",
    "close_pipe",
    "answer_for_another",
]
HANGING = ["loop", "stop", "half_frame"]
PROGRAMS_A_JOB = 500
SUBMISSIONS_IN_FLIGHT = 3
JOBS_A_SUBMISSION = 20
NUM_DIGITS = 6


def position_program(position):
    """Write a program that gives the digits of a number as a row."""
    digits = [interpreter.language.program.FIXED_NAMES[160 + 2 + int(digit)] for digit in f"{position:0{NUM_DIGITS}d}"]
    lines = [f"x{n} = canvas({digit}, UNITY)" for n, digit in enumerate(digits, 1)]
    lines += [f"x{n + NUM_DIGITS} = hconcat(x{n + NUM_DIGITS - 1 if n > 1 else 1}, x{n + 1})" for n in range(1, 6)]
    return "\n".join([*lines[:-1], lines[-1].replace(f"x{2 * NUM_DIGITS - 1}", "O", 1)])


def jobs(number, hostile_at):
    """Yield the jobs of `number` programs with hostile ones at some positions, and those positions' texts."""
    rng = random.Random(3)
    mutated = mutants(min(number // 3, 5000))
    for start in range(0, number, PROGRAMS_A_JOB):
        texts = []
        for k in range(start, start + PROGRAMS_A_JOB):
            kinds = (lambda k: random_program(rng), lambda k: mutated[k % len(mutated)], position_program)
            texts.append(hostile_at.get(k) or kinds[k % 3](k))
        yield Job(texts, [GRIDS[start // PROGRAMS_A_JOB % len(GRIDS)]])


def check_rows(start, job, rows, hostile_at, limits):
    assert len(rows) == PROGRAMS_A_JOB
    for position, (outcome,) in enumerate(rows, start):
        text = hostile_at.get(position)
        if text is not None:
            assert outcome.status is (Status.TIMEOUT if text in HANGING else Status.DIED)
            continue
        assert outcome.status not in (Status.SKIPPED, Status.DIED, Status.TIMEOUT)
        if position % 3 == 2:
            assert "".join(map(str, outcome.grid[0])) == f"{position:0{NUM_DIGITS}d}"
        elif position % 1000 == 0:
            assert [[outcome]] == alone(([job.programs[position - start]], job.grids), limits)


def check_volume(number, num_dying, num_hanging, wall_seconds):
    rng = random.Random(4)
    positions = rng.sample(range(number), num_dying + num_hanging)
    texts = rng.choices(DYING, k=num_dying) + rng.choices(HANGING, k=num_hanging)
    hostile_at = dict(zip(positions, texts, strict=True))
    limits = Limits(work_per_line=20_000, wall_seconds=wall_seconds, memory_bytes=1 << 28)
    before = children()
    waiting, started, done = deque(), time.monotonic(), 0
    source = jobs(number, hostile_at)
    with misbehaving_pool(2, limits) as pool:
        while asked := list(itertools.islice(source, JOBS_A_SUBMISSION)):
            waiting.append((asked, pool.submit(asked)))
            if len(waiting) > SUBMISSIONS_IN_FLIGHT:
                done = check_submission(*waiting.popleft(), done, hostile_at, limits)
        while waiting:
            done = check_submission(*waiting.popleft(), done, hostile_at, limits)
        seconds = time.monotonic() - started
    assert done == number
    assert pool.stats.deaths >= 2 * num_dying
    assert pool.stats.timeouts >= 2 * num_hanging
    assert children() <= before  # not even a process that has ended but was not waited for
    print(f"{number} programs, {len(hostile_at)} hostile, {number / seconds:.0f} a second; {pool.stats}")


def children():
    """Return the process ids of this process's children, ended ones included."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            name_and_pid, _, rest = stat.read_text().rpartition(")")
            if int(rest.split()[1]) == os.getpid():
                found.add(int(name_and_pid.split()[0]))
    return found


def check_submission(asked, pending, done, hostile_at, limits):
    for job, rows in zip(asked, pending.result(), strict=True):
        check_rows(done, job, rows, hostile_at, limits)
        done += PROGRAMS_A_JOB
    return done


def test_nine_thousand_programs():
    check_volume(9_000, num_dying=8, num_hanging=1, wall_seconds=1.0)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_million_programs():
    check_volume(1_000_000, num_dying=170, num_hanging=11, wall_seconds=5.0)
