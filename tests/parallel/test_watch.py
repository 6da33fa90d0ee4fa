"""Exact tests of the watch over processes: failure messages and silence end the others, a regular end nobody."""

import threading

import pytest

from codeit_jax.parallel.watch import Watch
from tests.parallel.thread_hosts import MemoryStore

TIMEOUT = 1.0


class Watched:
    """Watches of several processes on one store, and how each was ended."""

    def __init__(self, count):
        self.store = MemoryStore()
        self.ends = {}
        self._ended = {index: threading.Event() for index in range(count)}
        self.watches = [Watch(self.store, index, count, TIMEOUT, self._leave(index)) for index in range(count)]
        for watch in self.watches:
            watch.start()

    def _leave(self, index):
        def leave(code, line):
            self.ends[index] = (code, line)
            self._ended[index].set()

        return leave

    def wait_for(self, *indices):
        for index in indices:
            assert self._ended[index].wait(timeout=60), index


@pytest.fixture
def watched():
    watched = Watched(3)
    yield watched
    watched.store.reachable.set()
    for watch in watched.watches:
        watch.stop()


def test_a_failure_message_ends_the_others_with_their_code_and_line(watched):
    watched.watches[1].send_failure(4, "process 1 of 3: the disk is full")
    watched.wait_for(0, 2)  # the first process, whose end ends the store, gives the failed one time to end itself
    assert watched.ends == dict.fromkeys((0, 2), (4, "process 1 of 3: the disk is full"))


def test_a_silent_process_is_named(watched):
    watched.watches[2].stop()  # as a process that was killed or stopped
    watched.wait_for(0, 1)
    assert watched.ends.keys() == {0, 1}
    for code, line in watched.ends.values():
        assert code == 6
        assert line.startswith("process 2 has been silent for 1 s (it is dead, stopped or cut off); all processes end")


def test_a_coordinator_that_does_not_answer_is_named(watched):
    watched.store.reachable.clear()
    watched.wait_for(1, 2)
    assert watched.ends[1][0] == 6
    assert watched.ends[1][1].startswith("process 0 has been silent for 1 s (it coordinates the run)")


def test_those_that_left_regularly_are_not_missed(watched):
    for watch in watched.watches:
        watch.stop()
    assert watched.ends == {}
