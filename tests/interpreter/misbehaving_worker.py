"""A pool worker that misbehaves when a program text says so: "loop", "segv", ... (see `FAULTS`). Run as a script."""

import ctypes
import os
import resource
import signal
import struct
import sys
import time

if __name__ == "__main__":  # tests import it too
    sys.path.append(sys.argv[1])

from interpreter import worker
from interpreter.outcome import Outcome, Status
from interpreter.protocol import Answer, encode_answer
from interpreter.sandbox import Protections


def loop(server, chunk):
    sum(range(10**13))


def stop(server, chunk):
    os.kill(os.getpid(), signal.SIGSTOP)


def segv(server, chunk):
    ctypes.string_at(0)


def kill(server, chunk):
    os.kill(os.getpid(), signal.SIGKILL)


def leave(server, chunk):
    os._exit(3)


def exhaust_memory(server, chunk):
    bytearray(1 << 40)


def close_pipe(server, chunk):
    os.close(server._outgoing)
    time.sleep(1000)


def garbage(server, chunk):
    os.write(server._outgoing, b"\xff" * 1000)
    time.sleep(1000)


def small_garbage(server, chunk):
    os.write(server._outgoing, struct.pack("<I", 7) + b"garbage")
    time.sleep(1000)


def half_frame(server, chunk):
    frame = encode_answer(Answer(chunk.sequence, 0, [Outcome(Status.ERROR)] * len(chunk.grids)))
    os.write(server._outgoing, frame[: len(frame) // 2])
    time.sleep(1000)


def half_frame_and_leave(server, chunk):
    os.write(server._outgoing, struct.pack("<I", 100) + b"half")
    os._exit(0)


def flood(server, chunk):
    while True:
        os.write(server._outgoing, bytes(1 << 20))


def answer_for_another(server, chunk):
    for sequence, program in ((chunk.sequence, 1000), (chunk.sequence + 1, 0)):
        os.write(server._outgoing, encode_answer(Answer(sequence, program, [Outcome(Status.ERROR)] * len(chunk.grids))))
    time.sleep(1000)


def answer_with_too_few(server, chunk):
    os.write(server._outgoing, encode_answer(Answer(chunk.sequence, 0, [])))
    time.sleep(1000)


FAULTS = {
    function.__name__: function
    for function in (
        loop, stop, segv, kill, leave, exhaust_memory, close_pipe, garbage, small_garbage, half_frame,
        half_frame_and_leave, flood, answer_for_another, answer_with_too_few,
    )
}  # fmt: skip


class MisbehavingWorker(worker.Worker):
    """Does what the text says before answering it."""

    def _run(self, text, chunk):
        if text in FAULTS:
            FAULTS[text](self, chunk)
        return super()._run(text, chunk)


def confine_memory_only(memory_bytes):
    """Seccomp would refuse several of the faults."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return Protections(landlock=False, seccomp=False)


if __name__ == "__main__":
    worker.confine = confine_memory_only
    worker.Worker = MisbehavingWorker
    worker.main(sys.argv[2])
