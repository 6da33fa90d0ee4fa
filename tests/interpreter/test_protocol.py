"""Exact tests of the frames, and a fuzz of both decoders: any bytes give a value or a ProtocolError."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpreter import Outcome, Status
from interpreter.answers import Answers, AnswerWriter, decode_answers
from interpreter.protocol import (
    Chunk,
    FrameBuffer,
    ProtocolError,
    decode_chunk,
    decode_greeting,
    encode_chunk,
    encode_greeting,
    encode_grid,
)

GRID = ((1, 2), (3, 4))
CHUNK = Chunk(7, True, (GRID, ((0,),)), ((), ((),), GRID), ("O = hmirror(I)", "", "é\ud800"))
ANSWERS = Answers(
    *(7, 3, 2, 3),
    [
        *(Outcome(Status.OK, GRID, "", 99), Outcome(Status.ERROR, None, "TypeError", 1 << 40)),
        *(Outcome(Status.OK, ((),)), Outcome(Status.OK, GRID, "", 3), Outcome(Status.ERROR, None, "TypeError", 1)),
        Outcome(Status.ERROR, None, "KeyError", 1),
    ],
)


def encoded(chunk):
    grids, expected = ([encode_grid(grid) for grid in part] for part in (chunk.grids, chunk.expected))
    return encode_chunk(chunk.sequence, chunk.prompt, grids, expected, chunk.texts)


def written(answers):
    writer = AnswerWriter(answers.sequence, answers.first, answers.num_grids)
    for start in range(0, len(answers.outcomes), answers.num_grids):
        writer.add(answers.outcomes[start : start + answers.num_grids])
    return writer.frame()


FRAMES = [(written(ANSWERS), decode_answers), (encoded(CHUNK), decode_chunk)]


def content(frame):
    frames = FrameBuffer(1 << 20)
    frames.feed(frame)
    whole = frames.next()
    assert frames.next() is None
    return whole


def test_what_is_written_is_read():
    assert decode_chunk(content(encoded(CHUNK))) == CHUNK._replace(texts=("O = hmirror(I)", "", "é?"))
    assert decode_answers(content(written(ANSWERS))) == ANSWERS
    assert decode_greeting(content(encode_greeting(True, False))) == (True, False)


def test_every_status_and_long_messages():
    for status in Status:
        outcome = Outcome(status, GRID if status is Status.OK else None, "x" * 1000, 5)
        answers = decode_answers(content(written(Answers(0, 0, 1, 1, [outcome]))))
        assert answers.outcomes == [outcome._replace(message="x" * 255)]


def test_what_is_said_again_takes_a_few_bytes_whatever_the_work():
    outcomes = [Outcome(Status.OK, GRID, "", work) for work in range(1000)]
    frame = written(Answers(0, 0, 500, 2, outcomes))
    assert decode_answers(content(frame)).outcomes == outcomes
    assert len(frame) == len(written(Answers(0, 0, 1, 2, outcomes[:2]))) + 12 * 998


def test_an_outcome_without_a_verdict_is_refused():
    frame = bytearray(content(written(Answers(0, 0, 1, 1, [Outcome(Status.ERROR)]))))
    assert frame[-12:-8] == bytes(4)
    frame[-12] = 1
    with pytest.raises(ProtocolError, match="without a verdict"):
        decode_answers(bytes(frame))


def test_nothing_is_no_frame():
    assert AnswerWriter(0, 0, 1).frame() == b""


def test_a_text_too_long_for_the_grammar_is_cut():
    chunk = decode_chunk(content(encoded(Chunk(0, False, (), (), ("x" * 100_000,)))))
    assert 8192 < len(chunk.texts[0]) < 1 << 16


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_frames_may_arrive_in_pieces(size):
    stream = written(ANSWERS) * 3
    frames, whole = FrameBuffer(1 << 20), []
    for start in range(0, len(stream), size):
        frames.feed(stream[start : start + size])
        while (frame := frames.next()) is not None:
            whole.append(frame)
    assert [decode_answers(frame) for frame in whole] == [ANSWERS] * 3


def test_a_huge_frame_is_refused_before_it_arrives():
    frames = FrameBuffer(1000)
    frames.feed(b"\xff\xff\xff\x7f")
    with pytest.raises(ProtocolError, match="frame of 2147483647 bytes"):
        frames.next()


@pytest.mark.parametrize(("frame", "decode"), FRAMES)
def test_a_cut_or_prolonged_frame_is_refused(frame, decode):
    whole = content(frame)
    for length in range(len(whole)):
        with pytest.raises(ProtocolError):
            decode(whole[:length])
    with pytest.raises(ProtocolError):
        decode(whole + b"\0")


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=100))
def test_any_bytes_are_a_value_or_an_error(data):
    for decode in (decode_answers, decode_chunk, decode_greeting):
        with suppress(ProtocolError):
            decode(data)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_changed_bytes_are_a_value_or_an_error(data):
    for frame, decode in FRAMES:
        changed = bytearray(content(frame))
        changes = st.tuples(st.integers(0, len(changed) - 1), st.integers(0, 255))
        for position, value in data.draw(st.lists(changes, max_size=4)):
            changed[position] = value
        with suppress(ProtocolError):
            decode(bytes(changed))
