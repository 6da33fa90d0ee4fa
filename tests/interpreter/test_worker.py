"""Exact tests of a worker's answers, without a process: the same outcomes in however many frames they come."""

import os

import pytest

from interpreter import Limits, parse, run
from interpreter.pool import worker as worker_module
from interpreter.pool.protocol import FrameBuffer, RunRequest
from interpreter.pool.wire_outcomes import decode_answers
from interpreter.pool.worker import Worker

GRIDS = (((1, 0), (0, 2)), ((3, 3, 4),))
TEXTS = ("O = hmirror(I)", "O = nothing(I)", "O = vmirror(I)", "O = hmirror(I)", "O = size(I)")


@pytest.mark.parametrize(
    ("prompt", "flush_seconds", "flush_bytes", "counts"),
    [
        (False, 1000.0, 1 << 20, [5]),
        (True, 1000.0, 1 << 20, [1, 1, 1, 1, 1]),
        (False, -1.0, 1 << 20, [1, 1, 1, 1, 1]),
        (False, 1000.0, 100, [2, 3]),
    ],
)
def test_answers_come_in_order_in_one_frame_or_several(prompt, flush_seconds, flush_bytes, counts, monkeypatch):
    monkeypatch.setattr(worker_module, "FLUSH_SECONDS", flush_seconds)
    monkeypatch.setattr(worker_module, "FLUSH_BYTES", flush_bytes)
    reading, writing = os.pipe()
    worker = Worker(Limits(), incoming=-1, outgoing=writing)
    with worker_module.Metered(Limits()):
        worker.answer(RunRequest(9, prompt, GRIDS, (), TEXTS))
    worker.send()
    frames = FrameBuffer(1 << 20)
    frames.feed(os.read(reading, 1 << 20))
    contents = list(iter(frames.next, None))
    os.close(reading)
    os.close(writing)
    firsts = [sum(counts[:k]) for k in range(len(counts))]
    answers = [decode_answers(content) for content in contents]
    assert [head for head, _ in answers] == [(9, first, count, 2) for first, count in zip(firsts, counts, strict=True)]
    outcomes = [outcome for _, decoded in answers for outcome in decoded]
    for text, *row in zip(TEXTS, outcomes[::2], outcomes[1::2], strict=True):
        if text == "O = nothing(I)":
            assert [outcome.status for outcome in row] == ["syntax", "syntax"]
        else:
            assert row == [run(parse(text), grid) for grid in GRIDS]
