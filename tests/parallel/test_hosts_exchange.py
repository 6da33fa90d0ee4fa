"""Exact and twin tests of what processes tell each other: bytes of any length, votes, outcomes of shared jobs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeit_jax.parallel import hosts as hosts_module
from codeit_jax.parallel.host_pool import HostPool, encode_outcomes, share_programs
from codeit_jax.parallel.hosts import ALONE, Hosts
from interpreter import InterpreterPool, Job, Limits, Outcome, Status
from interpreter.pool.wire_outcomes import decode_answers
from tests.parallel.thread_hosts import MemoryStore, together

COUNTS = [1, 2, 3]


@pytest.mark.parametrize("lengths", [(0, 0, 0), (5, 0, 1), (1024, 1, 7), (1025, 0, 0), (5000, 20_001, 3)])
def test_everyone_gets_everyones_bytes_in_order(monkeypatch, lengths):
    monkeypatch.setattr(hosts_module, "CHUNK_BYTES", 4096)
    payloads = [bytes(number % 251 for number in range(length)) for length in lengths]
    results, shapes = together(3, lambda hosts: hosts.exchange(payloads[hosts.index]))
    assert results == [payloads] * 3
    assert set(shapes) <= {(1,), (1024,), (4096,)}  # few shapes, each compiled once


def test_a_broadcast_is_what_the_first_one_says():
    results, _ = together(3, lambda hosts: hosts.broadcast(b"%d" % hosts.index))
    assert results == [b"0"] * 3


@pytest.mark.parametrize("count", COUNTS)
def test_a_vote_is_yes_if_one_says_so(count):
    store = MemoryStore()

    def work(hosts):
        answers = [hosts.any(round_number == hosts.index + 1) for round_number in range(5)]
        return answers, len(store.values)

    results, _ = together(count, work, store)
    wanted = [1 <= round_number <= count for round_number in range(5)]
    assert [answers for answers, _ in results] == [wanted] * count
    assert all(left <= 2 * count for _, left in results)  # old votes are swept away


def test_a_process_alone_asks_nobody():
    assert (ALONE.exchange(b"x"), ALONE.broadcast(b"y"), ALONE.any(True), ALONE.any(False)) == (
        [b"x"],
        b"y",
        True,
        False,
    )
    assert ALONE.is_first
    assert not Hosts(1, 2).is_first


GRIDS = [((1, 2), (3, 4)), ((5,),)]
PROGRAMS = ["O = hmirror(I)", "O = rot90(I)", "O = first(ZERO)", "O = nonsense(I)", "O = hmirror(I)"]
JOBS = [
    Job(programs=PROGRAMS, grids=GRIDS),
    Job(programs=[], grids=GRIDS),
    Job(programs=PROGRAMS * 60, grids=GRIDS),  # large enough to be split
    Job(programs=PROGRAMS[:1], grids=[]),
    Job(programs=PROGRAMS[1:3], grids=GRIDS[:1]),
]


def test_a_shared_pool_gives_everyone_what_a_pool_gives():
    def work(hosts):
        with HostPool(hosts, 1, Limits()) as pool:
            pending = [pool.submit(JOBS[:2]), pool.submit(JOBS[2:])]
            submitted = [rows for part in pending for rows in part.result()]
            return submitted, pool.run([tuple(JOBS[0])])

    with InterpreterPool(1, Limits()) as pool:
        wanted = pool.run(JOBS)
    results, _ = together(2, work)
    assert results == [(wanted, wanted[:1])] * 2


@pytest.mark.parametrize("count", COUNTS)
def test_each_program_has_one_process(count):
    for number, job in enumerate(JOBS):
        parts = share_programs(number, job, count)
        assert [program for part in parts for program in part] == list(range(len(job.programs)))
        assert max(map(len, parts)) - min(map(len, parts)) <= (1 if job is JOBS[2] else len(job.programs))


GRID = st.integers(1, 3).flatmap(
    lambda width: st.lists(st.tuples(*[st.integers(0, 9)] * width), min_size=1, max_size=3).map(tuple)
)
OUTCOME = st.one_of(
    st.builds(Outcome, st.just(Status.OK), GRID, st.just(""), st.integers(0, 1 << 40)),
    st.builds(
        Outcome,
        st.sampled_from([status for status in Status if status is not Status.OK]),
        st.none(),
        st.text(st.characters(max_codepoint=126, min_codepoint=32), max_size=20),
        st.integers(0, 1 << 40),
    ),
)


@settings(deadline=None, max_examples=50)
@given(st.lists(OUTCOME, max_size=20))
def test_outcomes_come_back_as_they_were(outcomes):
    repeated = outcomes + outcomes[::-1]
    assert decode_answers(encode_outcomes(repeated))[1] == repeated
    added = len(encode_outcomes(repeated * 10)) - len(encode_outcomes(repeated))
    assert added <= 24 * 9 * len(repeated) + 2
