"""A worker process as its pool sees it: a pipe each way, answers that are due, and a deadline."""

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import IO, cast

from interpreter.outcome import Outcome
from interpreter.protocol import MAX_ANSWER_BYTES, FrameBuffer, ProtocolError, decode_answer, decode_greeting
from interpreter.sandbox import Protections
from interpreter.schedule import Care, Portion, Unit

START_SECONDS = 60.0
_BUSY_EXECUTIONS = 128
_BUSY_PORTIONS = 32
_READ_BYTES = 1 << 18


@dataclass(slots=True)
class Flight:
    """A portion that a worker has been given.

    Attributes:
        sequence: number of its chunk.
        portion: the programs and grids.
        num_answered: programs that were answered; answers come in order.
    """

    sequence: int
    portion: Portion
    num_answered: int = 0


class WorkerDied(Exception):
    """The process ended, closed its pipe, or wrote something else than the answer that is due; the text says which."""


class WorkerProcess:
    """Owns one process and its pipes.

    Attributes:
        unit: where in the schedule the worker is.
        flights: the portions that it has been given, in order.
        protections: what it said of itself when it was ready; None before.
    """

    def __init__(self, command: Sequence[str], execution_seconds: float) -> None:
        library_path = os.environ.get("LD_LIBRARY_PATH")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={} if library_path is None else {"LD_LIBRARY_PATH": library_path},
            start_new_session=True,
            bufsize=0,
        )
        self.stdin, self.stdout = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
        os.set_blocking(self.stdin.fileno(), False)
        os.set_blocking(self.stdout.fileno(), False)
        self.unit: Unit | None = None
        self.flights: deque[Flight] = deque()
        self.protections: Protections | None = None
        self._execution_seconds = execution_seconds
        self._frames = FrameBuffer(MAX_ANSWER_BYTES)
        self._unsent = bytearray()
        self._deadline = time.monotonic() + START_SECONDS

    @property
    def wants_more(self) -> bool:
        """Whether another portion should be sent, so that the worker need not wait for it later."""
        if not self.flights:
            return True
        if self.flights[-1].portion.care is Care.ALONE or len(self.flights) >= _BUSY_PORTIONS:
            return False
        return sum(flight.portion.num_executions for flight in self.flights) < _BUSY_EXECUTIONS

    @property
    def unanswered(self) -> list[Portion]:
        """What is left of the portions that it has been given."""
        return [
            replace(flight.portion, programs=flight.portion.programs[flight.num_answered :]) for flight in self.flights
        ]

    @property
    def has_unsent(self) -> bool:
        """Whether the pipe was too full for all that was to be sent."""
        return bool(self._unsent)

    def give(self, flight: Flight, chunk: bytes) -> None:
        """Send a portion."""
        self.flights.append(flight)
        self._unsent += chunk
        if len(self.flights) == 1 and self.protections is not None:
            self._extend_deadline()

    def send(self) -> None:
        """Write what the pipe takes; that the process has ended shows when reading."""
        try:
            sent = os.write(self.stdin.fileno(), self._unsent)
        except BlockingIOError:
            return
        except OSError:
            sent = len(self._unsent)
        del self._unsent[:sent]

    def receive(self) -> Iterator[tuple[Portion, int, list[Outcome]]]:
        """Read what is there, and yield the answers as (portion, program of the job, outcomes).

        Raises:
            WorkerDied: see there; after the good answers were yielded.
        """
        try:
            data = os.read(self.stdout.fileno(), _READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            raise WorkerDied("it closed its pipe")
        self._frames.feed(data)
        try:
            while (content := self._frames.next()) is not None:
                if self.protections is None:
                    self.protections = Protections(*decode_greeting(content))
                else:
                    yield self._accept(content)
        except ProtocolError as error:
            raise WorkerDied(f"it broke the protocol: {error}") from None
        self._extend_deadline()

    def _accept(self, content: bytes) -> tuple[Portion, int, list[Outcome]]:
        sequence, number, outcomes = decode_answer(content)
        if not self.flights:
            raise ProtocolError("nothing was asked")
        flight = self.flights[0]
        portion = flight.portion
        if (sequence, number, len(outcomes)) != (flight.sequence, flight.num_answered, len(portion.grids)):
            raise ProtocolError("not the answer that is due")
        flight.num_answered += 1
        if flight.num_answered == len(portion.programs):
            self.flights.popleft()
        return portion, portion.programs[number], outcomes

    def _extend_deadline(self) -> None:
        executions = len(self.flights[0].portion.grids) if self.flights else 1
        self._deadline = time.monotonic() + self._execution_seconds * executions

    def is_overdue(self, now: float) -> bool:
        """Tell whether a program, or the start, takes too long."""
        return now > self._deadline and (bool(self.flights) or self.protections is None)

    def kill(self) -> str:
        """End the process and everything it started; return how it ended."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        code = self._process.wait()
        self.stdin.close()
        self.stdout.close()
        return f"signal {-code}" if code < 0 else f"exit status {code}"
