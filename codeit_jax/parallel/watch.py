"""The end of one process is the end of all: nobody waits for a peer that has failed or gone silent.

Processes cannot continue without each other, and a collective operation waits for its peers for ever. So every process
writes a heartbeat into the coordinator's store and watches the others'; one that fails leaves a failure message there.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from codeit_jax.config.errors import LostProcessError, error_line
from codeit_jax.parallel.hosts import KeyValueStore

_HEARTBEATS = "heartbeats"
_FAILURES = "failures"
_LEFT = "left"
_BEATS_PER_TIMEOUT = 10
_LEAVING_SECONDS = 0.1

Leave = Callable[[int, str], None]
"""Called with an exit code and a line; ends the process."""


def leave_at_once(code: int, line: str) -> NoReturn:
    """End the process without its exit handlers, which would wait for processes that are gone."""
    # Whoever read what is printed may be gone too; that must not keep anybody waiting.
    with suppress(OSError):
        print(error_line(line), file=sys.stderr, flush=True)
    with suppress(OSError):
        sys.stdout.flush()
    os._exit(code)


class Watch:
    """Ends this process when another has failed or gone silent.

    Args:
        store: the coordinator's.
        index: number of this process.
        count: number of processes.
        timeout: seconds after which a silent process counts as lost.
        leave: ends this process.
    """

    def __init__(
        self, store: KeyValueStore, index: int, count: int, timeout: float, leave: Leave = leave_at_once
    ) -> None:
        self._store = store
        self._index = index
        self._timeout = timeout
        self._leave = leave
        self._stopped = threading.Event()
        self._heard = dict.fromkeys(range(count), time.monotonic())
        self._beats: dict[str, str] = {}
        self._answered = time.monotonic()
        # Two threads: a question to a coordinator that was stopped does not return.
        self._threads = [threading.Thread(target=target, daemon=True) for target in (self._exchange, self._monitor)]

    def start(self) -> None:
        """Begin to watch."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End watching: from now on processes may leave."""
        self._stopped.set()
        self._threads[1].join()  # not the other one, which may be waiting for a coordinator that never answers

    def send_failure(self, code: int, line: str) -> None:
        """End the others with this process's exit code and error, and wait until they have heard it."""
        self._stopped.set()
        deadline = time.monotonic() + self._timeout
        with suppress(Exception):  # without a coordinator there is nobody to talk to
            self._store.key_value_set(f"{_FAILURES}/{self._index}", f"{code} {line}")
            while len(self._store.key_value_dir_get(_LEFT)) < len(self._heard) - 1 and time.monotonic() < deadline:
                time.sleep(_LEAVING_SECONDS)
        time.sleep(10 * _LEAVING_SECONDS)  # those that were heard to leave are leaving still

    def wait_for_monitor(self) -> None:
        """Wait until a lost peer would be found out, after an error that may be only its consequence."""
        time.sleep(1.5 * self._timeout)

    def _exchange(self) -> None:
        """Write this process's heartbeat and read those of the others, again and again."""
        number = 0
        while not self._stopped.wait(self._timeout / _BEATS_PER_TIMEOUT):
            number += 1
            try:
                self._store.key_value_set(f"{_HEARTBEATS}/{self._index}", str(number), allow_overwrite=True)
                beats = dict(self._store.key_value_dir_get(_HEARTBEATS))
                failures = dict(self._store.key_value_dir_get(_FAILURES))
            except Exception:  # jaxlib has no type of its own for an unreachable coordinator
                continue
            # A beat that has changed counts as heard now, by this clock: clocks of several machines differ.
            self._answered = time.monotonic()
            for key in beats.keys() - {key for key, beat in beats.items() if self._beats.get(key) == beat}:
                self._heard[int(key.rpartition("/")[2])] = self._answered
            self._beats = beats
            for text in failures.values():
                code, _, line = text.partition(" ")
                with suppress(Exception):
                    self._store.key_value_set(f"{_LEFT}/{self._index}", "", allow_overwrite=True)
                # The store is in process 0. When that goes, JAX aborts whoever still talks to it: the failed process,
                # before it could end with its own code.
                self._end(int(code), line, after=0 if self._index else 20 * _LEAVING_SECONDS)

    def _monitor(self) -> None:
        """End this process when the coordinator, or a process, hasn't been heard for the timeout."""
        while not self._stopped.wait(self._timeout / _BEATS_PER_TIMEOUT):
            now = time.monotonic()
            if now - self._answered > self._timeout:
                self._end_without(0, "it coordinates the run")
                return
            for peer, heard in self._heard.items():
                # Against the last answer, not the present: while the coordinator is silent, nobody can be heard.
                if peer != self._index and self._answered - heard > self._timeout:
                    self._end_without(peer, "it is dead, stopped or cut off")
                    return

    def _end_without(self, peer: int, reason: str) -> None:
        line = f"process {peer} has been silent for {self._timeout:g} s ({reason}); all processes end"
        self._end(LostProcessError.exit_code, f"{line}, start them again to resume from the last checkpoint")

    def _end(self, code: int, line: str, *, after: float = 0) -> None:
        if not self._stopped.is_set():
            self._stopped.set()
            time.sleep(after)
            self._leave(code, line)
