"""The end of one process is the end of all: nobody waits for a peer that has failed or gone silent.

Processes cannot go on without each other, and a collective operation waits for its peers for ever. So every process
writes a pulse into the coordinator's store and watches the others'; one that fails leaves its last words there.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from codeit_jax.config.errors import LostProcessError
from codeit_jax.parallel.hosts import KeyValueStore

_PULSES = "pulses"
_LAST_WORDS = "last_words"
_LEFT = "left"
_PULSES_PER_TIMEOUT = 10
_LEAVING_SECONDS = 0.1

Leave = Callable[[int, str], None]
"""Called with an exit code and a line; ends the process."""


def leave_at_once(code: int, line: str) -> NoReturn:
    """End the process without its exit handlers, which would wait for processes that are gone."""
    print(f"error: {line}", file=sys.stderr, flush=True)
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
        self._pulses: dict[str, str] = {}
        self._answered = time.monotonic()
        # Two threads: a question to a coordinator that was stopped does not return.
        self._threads = [threading.Thread(target=target, daemon=True) for target in (self._exchange, self._judge)]

    def start(self) -> None:
        """Begin to watch."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End watching: from now on processes may leave."""
        self._stopped.set()
        self._threads[1].join()

    def say_last_words(self, code: int, line: str) -> None:
        """Let the others end with this process's exit code and error, and wait until they have heard it."""
        self._stopped.set()
        deadline = time.monotonic() + self._timeout
        with suppress(Exception):  # without a coordinator there is nobody to talk to
            self._store.key_value_set(f"{_LAST_WORDS}/{self._index}", f"{code} {line}")
            while len(self._store.key_value_dir_get(_LEFT)) < len(self._heard) - 1 and time.monotonic() < deadline:
                time.sleep(_LEAVING_SECONDS)
        time.sleep(10 * _LEAVING_SECONDS)  # those that were heard to leave are leaving still

    def wait_for_verdict(self) -> None:
        """Give a lost peer the time to be found out, after an error that may be only its consequence."""
        time.sleep(1.5 * self._timeout)

    def _exchange(self) -> None:
        """Write this process's pulse and read those of the others, again and again."""
        beat = 0
        while not self._stopped.wait(self._timeout / _PULSES_PER_TIMEOUT):
            beat += 1
            try:
                self._store.key_value_set(f"{_PULSES}/{self._index}", str(beat), allow_overwrite=True)
                pulses = dict(self._store.key_value_dir_get(_PULSES))
                words = dict(self._store.key_value_dir_get(_LAST_WORDS))
            except Exception:  # jaxlib has no type of its own for an unreachable coordinator
                continue
            self._answered = time.monotonic()
            for key in pulses.keys() - {key for key, pulse in pulses.items() if self._pulses.get(key) == pulse}:
                self._heard[int(key.rpartition("/")[2])] = self._answered
            self._pulses = pulses
            for text in words.values():
                code, _, line = text.partition(" ")
                with suppress(Exception):
                    self._store.key_value_set(f"{_LEFT}/{self._index}", "", allow_overwrite=True)
                self._end(int(code), line)

    def _judge(self) -> None:
        while not self._stopped.wait(self._timeout / _PULSES_PER_TIMEOUT):
            now = time.monotonic()
            if now - self._answered > self._timeout:
                self._end_without(0, "it coordinates the run")
                return
            for peer, heard in self._heard.items():
                if peer != self._index and self._answered - heard > self._timeout:
                    self._end_without(peer, "it is dead, stopped or cut off")
                    return

    def _end_without(self, peer: int, reason: str) -> None:
        line = f"process {peer} has been silent for {self._timeout:g} s ({reason}); all processes end"
        self._end(LostProcessError.exit_code, f"{line}, start them again to go on from the last checkpoint")

    def _end(self, code: int, line: str) -> None:
        if not self._stopped.is_set():
            self._stopped.set()
            self._leave(code, line)
