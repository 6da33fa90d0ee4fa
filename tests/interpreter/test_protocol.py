"""Exact tests of the frames, and a fuzz of both decoders: any bytes give a value or a ProtocolError."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpreter import Outcome, Status
from interpreter.pool.protocol import (
    FrameBuffer,
    ProtocolError,
    RunRequest,
    decode_greeting,
    decode_request,
    encode_greeting,
    encode_grid,
    encode_request,
    frame,
)
from interpreter.pool.wire_outcomes import Head, OutcomeWriter, decode_answers

GRID = ((1, 2), (3, 4))
CHUNK = RunRequest(7, True, (GRID, ((0,),)), ((), ((),), GRID), ("O = hmirror(I)", "", "é\ud800"))
HEAD = Head(sequence=7, first=3, num_programs=2, num_grids=3)
OUTCOMES = [
    *(Outcome(Status.OK, GRID, "", 99), Outcome(Status.ERROR, None, "TypeError", 1 << 40), Outcome(Status.OK, ((),))),
    *(Outcome(Status.OK, GRID, "", 3), Outcome(Status.ERROR, None, "TypeError", 1), Outcome(Status.ERROR)),
]


def encoded(request):
    grids, expected = ([encode_grid(grid) for grid in part] for part in (request.grids, request.expected))
    return encode_request(request.sequence, request.prompt, grids, expected, request.texts)


def written(outcomes, num_grids=1):
    writer = OutcomeWriter(HEAD.sequence, HEAD.first, num_grids)
    for start in range(0, len(outcomes), num_grids):
        writer.add(outcomes[start : start + num_grids])
    return writer.content()


def read(content):
    return decode_answers(content)[1]


ANSWERS = written(OUTCOMES, HEAD.num_grids)
CONTENTS = [(ANSWERS, decode_answers), (encoded(CHUNK)[4:], decode_request)]


def content(frame):
    frames = FrameBuffer(1 << 20)
    frames.feed(frame)
    whole = frames.next()
    assert frames.next() is None
    return whole


def test_what_is_written_is_read():
    assert decode_request(content(encoded(CHUNK))) == CHUNK
    assert decode_answers(ANSWERS) == (HEAD, OUTCOMES)
    assert decode_greeting(content(encode_greeting(True, False))) == (True, False)


def test_every_status_and_long_messages():
    for status in Status:
        outcome = Outcome(status, GRID if status is Status.OK else None, "x" * 1000, 5)
        assert read(written([outcome])) == [outcome._replace(message="x" * 255)]


def test_what_is_said_again_takes_a_few_bytes_whatever_the_work():
    outcomes = [Outcome(Status.OK, GRID, "", work) for work in range(1000)]
    assert read(written(outcomes, 2)) == outcomes
    assert len(written(outcomes, 2)) < len(written(outcomes[:2], 2)) + 12 * 998


def test_equal_outcomes_become_one_object():
    decoded = read(written([*OUTCOMES, *OUTCOMES]))
    assert all(a is b for a, b in zip(decoded[:6], decoded[6:], strict=True))


HEAD_OF_ONE, ERROR, GOOD = [7, 3, 1, 1], ["error", "", None], ["ok", "", ["0102", "0304"]]


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([HEAD_OF_ONE, [ERROR], [1], [9]], "without a verdict"),
        ([HEAD_OF_ONE, [ERROR], [-1], [9]], "without a verdict"),
        ([HEAD_OF_ONE, [], [0], [9]], "without a verdict"),
        ([HEAD_OF_ONE, [ERROR] * 4, [0], [9]], "4 verdicts on 1 runs"),
        ([HEAD_OF_ONE, [ERROR], [0, 0], [9, 9]], "2 outcomes, expected 1 x 1"),
        ([HEAD_OF_ONE, [ERROR], [0], [9, 9]], "expected 1 x 1"),
        ([HEAD_OF_ONE, [ERROR], [0], [0.5]], "no integers"),
        ([HEAD_OF_ONE, [ERROR], [False], [9]], "no integers"),
        ([[7, 3, "1", 1], [ERROR], [0], [9]], "no integers"),
        ([[7, 3, 1], [ERROR], [0], [9]], "malformed"),
        ([HEAD_OF_ONE, [["ok", "", ["0102", "03"]]], [0], [9]], "ragged"),
        ([HEAD_OF_ONE, [["ok", "", ["0102", "0x04"]]], [0], [9]], "malformed"),
        ([HEAD_OF_ONE, [["error", *GOOD[1:]]], [0], [9]], "not a verdict"),
        ([HEAD_OF_ONE, [["ok", *ERROR[1:]]], [0], [9]], "not a verdict"),
        ([HEAD_OF_ONE, [["fine", *ERROR[1:]]], [0], [9]], "malformed"),
        ([HEAD_OF_ONE, [["error", 5, None]], [0], [9]], "not a verdict"),
        ([HEAD_OF_ONE, [["error"]], [0], [9]], "malformed"),
        (7, "malformed"),
    ],
)
def test_answers_that_are_none_are_refused(answers, message):
    for verdict in (ERROR, GOOD):
        assert len(read(json.dumps([HEAD_OF_ONE, [verdict], [0], [9]]).encode())) == 1
    with pytest.raises(ProtocolError, match=message):
        decode_answers(json.dumps(answers).encode())


def test_deeply_nested_content_is_refused():
    for decode in (decode_answers, decode_request, decode_greeting):
        with pytest.raises(ProtocolError):
            decode(b"[" * 1_000_000)


@pytest.mark.parametrize("grid", [(), ((),), ((),) * 999])
def test_a_grid_without_cells_is_read_as_it_is(grid):
    assert read(written([Outcome(Status.OK, grid)]))[0].grid == grid


def test_a_text_too_long_for_the_grammar_is_cut():
    request = decode_request(content(encoded(RunRequest(0, False, (), (), ("x" * 100_000,)))))
    assert 8192 < len(request.texts[0]) < 1 << 16


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_frames_may_arrive_in_pieces(size):
    stream = frame(ANSWERS) * 3
    frames, whole = FrameBuffer(1 << 20), []
    for start in range(0, len(stream), size):
        frames.feed(stream[start : start + size])
        while (content := frames.next()) is not None:
            whole.append(content)
    assert whole == [ANSWERS] * 3


def test_a_huge_frame_is_refused_before_it_arrives():
    frames = FrameBuffer(1000)
    frames.feed(b"\xff\xff\xff\x7f")
    with pytest.raises(ProtocolError, match="frame of 2147483647 bytes"):
        frames.next()


@pytest.mark.parametrize(("whole", "decode"), CONTENTS)
def test_cut_or_prolonged_content_is_refused(whole, decode):
    for length in range(len(whole)):
        with pytest.raises(ProtocolError):
            decode(whole[:length])
    with pytest.raises(ProtocolError):
        decode(whole + b"\0")


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=100))
def test_any_bytes_are_a_value_or_an_error(data):
    for decode in (decode_answers, decode_request, decode_greeting):
        with suppress(ProtocolError):
            decode(data)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_changed_bytes_are_a_value_or_an_error(data):
    for whole, decode in CONTENTS:
        changed = bytearray(whole)
        changes = st.tuples(st.integers(0, len(changed) - 1), st.integers(0, 255))
        for position, value in data.draw(st.lists(changes, max_size=4)):
            changed[position] = value
        with suppress(ProtocolError):
            decode(bytes(changed))
