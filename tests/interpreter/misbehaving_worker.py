"""A pool worker that misbehaves when a program text says so: "loop", "segv", ... (see `FAULTS`). Run as a script."""

import ctypes
import json
import os
import resource
import signal
import struct
import sys
import time

if __name__ == "__main__":  # tests import it too
    sys.path.append(sys.argv[1])

from interpreter.language.outcome import Outcome, Status
from interpreter.pool import worker
from interpreter.pool.protocol import frame
from interpreter.pool.sandbox import Protections
from interpreter.pool.wire_outcomes import OutcomeWriter


def errors(request, sequence=0, program=0, number=1, num_grids=None):
    """Return answers to some programs of a request, or of one with a later sequence number."""
    num_grids = len(request.grids) if num_grids is None else num_grids
    answers = OutcomeWriter(request.sequence + sequence, program, num_grids)
    for _ in range(number):
        answers.add([Outcome(Status.ERROR)] * num_grids)
    return frame(answers.content())


def loop(server, request):
    sum(range(10**13))


def stop(server, request):
    os.kill(os.getpid(), signal.SIGSTOP)


def segv(server, request):
    ctypes.string_at(0)


def kill(server, request):
    os.kill(os.getpid(), signal.SIGKILL)


def leave(server, request):
    os._exit(3)


def exhaust_memory(server, request):
    bytearray(1 << 40)


def close_pipe(server, request):
    os.close(server.outgoing)
    time.sleep(1000)


def garbage(server, request):
    os.write(server.outgoing, b"\xff" * 1000)
    time.sleep(1000)


def small_garbage(server, request):
    os.write(server.outgoing, struct.pack("<I", 7) + b"garbage")
    time.sleep(1000)


def half_frame(server, request):
    whole = errors(request)
    os.write(server.outgoing, whole[: len(whole) // 2])
    time.sleep(1000)


def dribble(server, request):
    os.write(server.outgoing, struct.pack("<I", 1 << 24))
    while True:
        os.write(server.outgoing, b"0")
        time.sleep(0.02)


def half_frame_and_leave(server, request):
    os.write(server.outgoing, struct.pack("<I", 100) + b"half")
    os._exit(0)


def flood(server, request):
    while True:
        os.write(server.outgoing, bytes(1 << 20))


def answer_for_another(server, request):
    os.write(server.outgoing, errors(request, program=1000))
    time.sleep(1000)


def answer_for_a_later_chunk(server, request):
    os.write(server.outgoing, errors(request, sequence=1))
    time.sleep(1000)


def answer_for_too_many(server, request):
    os.write(server.outgoing, errors(request, number=len(request.texts) + 1))
    time.sleep(1000)


def answer_for_none(server, request):
    while True:
        os.write(server.outgoing, errors(request, number=0))


def answer_with_many_verdicts(server, request):
    head, number = [request.sequence, 0, 1, len(request.grids)], len(request.grids)
    verdicts = [["ok", "", [""] * 9]] * 100_000
    os.write(server.outgoing, frame(json.dumps([head, verdicts, [0] * number, [1] * number]).encode()))
    time.sleep(1000)


def answer_with_too_few(server, request):
    os.write(server.outgoing, errors(request, num_grids=0))
    time.sleep(1000)


FAULTS = {
    function.__name__: function
    for function in (
        loop, stop, segv, kill, leave, exhaust_memory, close_pipe, garbage, small_garbage, half_frame, dribble,
        half_frame_and_leave, flood, answer_for_another, answer_for_a_later_chunk, answer_for_too_many, answer_for_none,
        answer_with_many_verdicts, answer_with_too_few,
    )
}  # fmt: skip


class MisbehavingWorker(worker.Worker):
    """Does what the text says before answering it."""

    def run(self, text, request):
        if text in FAULTS:
            FAULTS[text](self, request)
        return super().run(text, request)


def confine_memory_only(memory_bytes):
    """Seccomp would refuse several of the faults."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return Protections(landlock=False, seccomp=False)


if __name__ == "__main__":
    worker.confine = confine_memory_only
    worker.Worker = MisbehavingWorker
    worker.main(sys.argv[2])
