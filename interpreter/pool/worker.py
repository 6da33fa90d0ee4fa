"""The process that runs programs for a pool: requests come by its standard input, answers go to its standard output.

It imports nothing but the interpreter and the standard library, so that it starts fast and holds little that could be
abused.
"""

import gc
import json
import os
import sys
import time

from interpreter.execution.batch_run import Batch, Expressions, Numbering
from interpreter.execution.frame_room import call_with_room
from interpreter.execution.machine import Metered
from interpreter.language.limits import Limits
from interpreter.language.outcome import Outcome, Status
from interpreter.language.program import ProgramError, parse
from interpreter.pool.protocol import MAX_REQUEST_BYTES, FrameBuffer, RunRequest, decode_request, encode_greeting, frame
from interpreter.pool.sandbox import confine
from interpreter.pool.wire_outcomes import OutcomeWriter

# Less than a chunk takes, so that the pool gives the next one in time.
FLUSH_SECONDS = 0.005
FLUSH_BYTES = 1 << 16
_PARSED_TEXTS = 20_000
_NUMBERED_EXPRESSIONS = 200_000
_READ_BYTES = 1 << 20


def main(limits_json: str) -> None:
    """Serve one pool until it closes the pipe."""
    # An import gone astray: jax takes seconds to load, starts threads and may claim the accelerator.
    if "jax" in sys.modules:
        sys.exit("a worker must not hold jax")
    limits = Limits(**json.loads(limits_json))
    incoming, outgoing = _take_pipes()
    # Values are immutable and cannot form cycles, while a collection would walk all values of the tables.
    gc.disable()
    # After all imports: from here on no file can be opened.
    protections = confine(limits.memory_bytes)
    worker = Worker(limits, incoming, outgoing)
    with Metered(limits):
        call_with_room(lambda: worker.serve(encode_greeting(*protections)))


def _take_pipes() -> tuple[int, int]:
    """Move the pipes to private descriptors; what is printed by accident goes nowhere."""
    # Else a stray print of any library would be taken for an answer, and the worker be killed for it.
    incoming, outgoing = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    return incoming, outgoing


class Worker:
    """The answering of requests; tables are kept as long as the grids stay the same.

    Attributes:
        outgoing: the descriptor that answers are written to.
    """

    def __init__(self, limits: Limits, incoming: int, outgoing: int) -> None:
        self._limits = limits
        self._incoming = incoming
        self.outgoing = outgoing
        self._unsent = bytearray()
        self._sent_at = time.monotonic()
        self._batch: Batch | None = None
        self._batch_grids: object = None
        self._numbering = Numbering()
        self._parsed: dict[str, Expressions | ProgramError] = {}

    def serve(self, greeting: bytes) -> None:
        """Greet, then answer until the pipe is closed."""
        self._unsent += greeting
        frames = FrameBuffer(MAX_REQUEST_BYTES)
        while True:
            content = frames.next()
            if content is not None:
                self.answer(decode_request(content))
                continue
            self.send()  # before it waits: the pool may be waiting for these
            data = os.read(self._incoming, _READ_BYTES)
            if not data:
                return
            frames.feed(data)

    def answer(self, request: RunRequest) -> None:
        """Run the programs of a request and write what comes of them."""
        if self._batch_grids != (request.grids, request.expected):
            self._batch = None  # frees the old tables before new ones are made
        answers = OutcomeWriter(request.sequence, 0, len(request.grids))
        for number, text in enumerate(request.texts):
            answers.add(self.run(text, request))
            late = time.monotonic() - self._sent_at > FLUSH_SECONDS
            if request.prompt or late or answers.num_bytes > FLUSH_BYTES:
                self._unsent += frame(answers.content())
                self.send()
                answers = OutcomeWriter(request.sequence, number + 1, len(request.grids))
        if answers.num_programs:
            self._unsent += frame(answers.content())

    def run(self, text: str, request: RunRequest) -> list[Outcome]:
        """Return a program's outcome on each grid of a request."""
        expressions = self._expressions(text)
        if isinstance(expressions, ProgramError):
            return [Outcome(Status.SYNTAX, None, str(expressions))] * len(request.grids)
        try:
            return (self._batch or self._new_batch(request)).run(expressions)
        except MemoryError:
            self._batch = None  # what it keeps of other programs may be what filled the memory
            return [Outcome(Status.DIED, None, "out of memory")] * len(request.grids)

    def _new_batch(self, request: RunRequest) -> Batch:
        self._batch_grids = request.grids, request.expected
        self._batch = Batch(
            request.grids,
            self._limits,
            self._numbering,
            expected=request.expected,
            stop_at_first_miss=len(request.expected) > 0,
        )
        return self._batch

    def _expressions(self, text: str) -> Expressions | ProgramError:
        known = self._parsed.get(text)
        if known is None:
            if len(self._parsed) >= _PARSED_TEXTS or len(self._numbering) >= _NUMBERED_EXPRESSIONS:
                # All at once: parsed texts and the batch's tables go by numbers of this numbering.
                self._numbering, self._parsed, self._batch = Numbering(), {}, None
            try:
                known = self._numbering.of(parse(text, self._limits.mode))
            except ProgramError as error:
                # A new one: traceback and context of this one would keep the parser's frames alive, 9 KB a text.
                known = ProgramError(error.line, error.reason)
            self._parsed[text] = known
        return known

    def send(self) -> None:
        """Write all answers that wait."""
        with memoryview(self._unsent) as unsent:
            sent = 0
            while sent < len(unsent):
                sent += os.write(self.outgoing, unsent[sent:])
        self._unsent.clear()
        self._sent_at = time.monotonic()
