"""A worker process as its pool sees it: a pipe each way, answers that are due, and a deadline."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import IO, cast

from interpreter.language.outcome import Outcome
from interpreter.pool.protocol import MAX_ANSWER_BYTES, FrameBuffer, ProtocolError, decode_greeting
from interpreter.pool.sandbox import Protections
from interpreter.pool.schedule import Chunk, RetryLevel, Unit
from interpreter.pool.wire_outcomes import decode_answers

START_SECONDS = 60.0
_MAX_IN_FLIGHT = 128
_PIPE_BYTES = 1 << 20  # room for answers while nobody reads


@dataclass(slots=True)
class InFlight:
    """A chunk that a worker has been given.

    Attributes:
        sequence: number of its request.
        chunk: the programs and grids.
        num_answered: programs that were answered; answers come in order.
    """

    sequence: int
    chunk: Chunk
    num_answered: int = 0


class WorkerDied(Exception):
    """The process ended, closed its pipe, or wrote something else than the answer that is due; the text says which."""


class WorkerProcess:
    """One process and its pipes.

    Attributes:
        unit: where in the schedule the worker is.
        in_flight: the chunks that it has been given, in order.
        num_waiting: executions of these chunks that it has not answered.
        protections: what it said of itself when it was ready; None before.
    """

    def __init__(self, command: Sequence[str], execution_seconds: float) -> None:
        # Some Pythons find their own library by this variable. No other goes along: PYTHON* ones change what is run.
        library_path = os.environ.get("LD_LIBRARY_PATH")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a full pipe that nobody reads would stop the worker
            cwd="/",  # which can neither be removed nor hold modules
            env={} if library_path is None else {"LD_LIBRARY_PATH": library_path},
            start_new_session=True,  # Ctrl-C goes to the pool alone, and a kill takes all that the worker started
            bufsize=0,
        )
        self.stdin, self.stdout = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
        os.set_blocking(self.stdin.fileno(), False)
        os.set_blocking(self.stdout.fileno(), False)
        if sys.platform == "linux":
            with suppress(OSError):  # the user has used up what the kernel allows
                fcntl.fcntl(self.stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self.unit: Unit | None = None
        self.in_flight: deque[InFlight] = deque()
        self.num_waiting = 0
        self.protections: Protections | None = None
        self._execution_seconds = execution_seconds
        self._frames = FrameBuffer(MAX_ANSWER_BYTES)
        self._unsent = bytearray()
        self._was_blocked = False
        self._deadline = time.monotonic() + START_SECONDS

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def core_seconds(self) -> float:
        """Processor time that it has used; 0 where the system doesn't show another process's clock."""
        # The number of a process's clock, as Linux's clock_getcpuclockid(3) makes it: /proc has only hundredths.
        with suppress(OSError):
            return time.clock_gettime(~self._process.pid << 3 | 2)
        return 0.0

    @property
    def takes_more(self) -> bool:
        """Whether it may be given another chunk while it is at others."""
        if not self.in_flight:
            return True
        return self.in_flight[-1].chunk.retry_level is not RetryLevel.ALONE and len(self.in_flight) < _MAX_IN_FLIGHT

    @property
    def unanswered(self) -> list[Chunk]:
        """What is left of the chunks that it has been given."""
        return [
            replace(request.chunk, programs=request.chunk.programs[request.num_answered :])
            for request in self.in_flight
        ]

    @property
    def has_unsent(self) -> bool:
        """Whether the pipe was too full for all that was to be sent."""
        return bool(self._unsent)

    def give(self, request: InFlight, content: bytes) -> None:
        """Queue a request, as encoded for the pipe; `send` writes it."""
        self.in_flight.append(request)
        self.num_waiting += request.chunk.num_executions
        self._unsent += content
        if len(self.in_flight) == 1:
            self._extend_deadline()

    def send(self) -> None:
        """Write what the pipe takes; that the process has ended shows when reading."""
        try:
            sent = os.write(self.stdin.fileno(), self._unsent)
        # Writing blocks where both sides wait for the other to read; so what doesn't fit waits here.
        except BlockingIOError:
            sent = 0
        except OSError:
            sent = len(self._unsent)
        del self._unsent[:sent]
        if self._was_blocked and sent:
            self._extend_deadline()  # until now the worker may have waited for this, and not been slow
        self._was_blocked = self.has_unsent

    def receive(self) -> Iterator[tuple[Chunk, range, list[Outcome]]]:
        """Read what is there, and yield the answers as (chunk, programs of the job, outcomes).

        Raises:
            WorkerDied: see there; after the good answers were yielded.
        """
        try:
            data = os.read(self.stdout.fileno(), _PIPE_BYTES)
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
                self._extend_deadline()
        except ProtocolError as error:
            raise WorkerDied(f"it broke the protocol: {error}") from None

    def _accept(self, content: bytes) -> tuple[Chunk, range, list[Outcome]]:
        if not self.in_flight:
            raise ProtocolError("nothing was asked")
        head, outcomes = decode_answers(content)
        request = self.in_flight[0]
        chunk = request.chunk
        programs = chunk.programs[request.num_answered : request.num_answered + head.num_programs]
        if not programs or head != (request.sequence, request.num_answered, len(programs), len(chunk.grids)):
            raise ProtocolError("not the answers that are due")
        request.num_answered += len(programs)
        self.num_waiting -= len(outcomes)
        if request.num_answered == len(chunk.programs):
            self.in_flight.popleft()
        return chunk, programs, outcomes

    def _extend_deadline(self) -> None:
        if self.protections is None:
            return  # it is still starting
        # Of one program: it is answered on all grids of its chunk at once.
        executions = len(self.in_flight[0].chunk.grids) if self.in_flight else 1
        self._deadline = time.monotonic() + self._execution_seconds * executions

    def is_overdue(self, now: float) -> bool:
        """Return whether a program, or the start, takes too long."""
        return now > self._deadline and (bool(self.in_flight) or self.protections is None)

    def kill(self) -> str:
        """End the process and everything it started; return how it ended."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        code = self._process.wait()  # else it would stay as a zombie
        self.stdin.close()
        self.stdout.close()
        return f"signal {-code}" if code < 0 else f"exit status {code}"
