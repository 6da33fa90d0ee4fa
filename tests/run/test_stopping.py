"""Exact tests of stopping: the first signal is a request that all processes grant together, the second ends at once."""

import os
import signal

import pytest

from codeit_jax.parallel.hosts import ALONE
from codeit_jax.run.stopping import StopRequest, stop_request
from tests.parallel.thread_hosts import together

POINTS = ["sample", "sample", *["learn"] * 20, "sample"]


def answers(hosts, asked_before):
    """Ask at every point, and be asked to stop before one of them."""
    request = StopRequest(hosts)
    request.has_state = True
    found = []
    for number, point in enumerate(POINTS):
        if number == asked_before:
            request.ask(signal.SIGTERM, None)
        found.append(request.at(point))
    return [*found, request.vote()]


def test_a_process_alone_stops_at_the_next_point():
    assert answers(ALONE, 5) == [number >= 5 for number in range(len(POINTS) + 1)]
    assert answers(ALONE, None) == [False] * (len(POINTS) + 1)


@pytest.mark.parametrize(("asked_before", "first_yes"), [(0, 0), (1, 1), (2, 9), (10, 17), (20, 22), (None, 99)])
def test_processes_stop_at_the_same_point_whoever_was_asked(asked_before, first_yes):
    results, _ = together(3, lambda hosts: answers(hosts, asked_before if hosts.index == 1 else None))
    assert results == [[number >= first_yes for number in range(len(POINTS) + 1)]] * 3


def test_signals_are_requests_while_there_is_something_to_save():
    before = signal.getsignal(signal.SIGTERM)
    with stop_request(ALONE) as request:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        request.has_state = True
        os.kill(os.getpid(), signal.SIGINT)
        assert request.vote()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
