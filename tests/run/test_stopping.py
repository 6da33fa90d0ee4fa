"""Exact tests of stopping: the first signal is a request that all processes grant together, the second ends at once."""

import gc
import os
import signal

import pytest

from codeit_jax.config.errors import PreemptedError
from codeit_jax.parallel.hosts import ALONE
from codeit_jax.run.stopping import StopRequest, stop_request
from tests.parallel.thread_hosts import together

POINTS = ["sample", "sample", *["learn"] * 20, "sample"]


def answers(hosts, asked_before):
    """Ask at every point, and be asked to stop before one of them."""
    request = StopRequest()
    request.join(hosts)
    found = []
    for number, point in enumerate(POINTS):
        if number == asked_before:
            request.ask()
        found.append(request.at(point))
    return [*found, request.vote()]


def test_a_process_alone_stops_at_the_next_point():
    assert answers(ALONE, 5) == [number >= 5 for number in range(len(POINTS) + 1)]
    assert answers(ALONE, None) == [False] * (len(POINTS) + 1)


@pytest.mark.parametrize(("asked_before", "first_yes"), [(0, 0), (1, 1), (2, 9), (10, 17), (20, 22), (None, 99)])
def test_processes_stop_at_the_same_point_whoever_was_asked(asked_before, first_yes):
    results, _ = together(3, lambda hosts: answers(hosts, asked_before if hosts.index == 1 else None))
    assert results == [[number >= first_yes for number in range(len(POINTS) + 1)]] * 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_is_a_request_and_the_second_one_the_kernel_s(number):
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    with stop_request() as request:
        request.end_if_asked()
        os.kill(os.getpid(), number)
        assert signal.getsignal(signal.SIGTERM) is signal.getsignal(signal.SIGINT) is signal.SIG_DFL
        assert request.vote()
        with pytest.raises(PreemptedError) as caught:
            request.end_if_asked()
        assert caught.value.exit_code == 75
    assert before == {each: signal.getsignal(each) for each in before}


def test_a_signal_that_arrives_where_exceptions_are_dropped_is_a_request_all_the_same():
    class Collected:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGTERM)

    with stop_request() as request:
        Collected()
        gc.collect()
        assert request.vote()


def test_a_hangup_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_request() as request:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not request.vote()
    finally:
        signal.signal(signal.SIGHUP, before)
