"""Fuzz of the parser and of the decoders with damaged texts and frames: each gives a value or its own error."""

import random

import pytest

from interpreter import Outcome, ProgramError, Status, parse
from interpreter.pool.protocol import (
    ProtocolError,
    decode_greeting,
    decode_request,
    encode_greeting,
    encode_grid,
    encode_request,
)
from interpreter.pool.wire_outcomes import OutcomeWriter, decode_answers
from tests.interpreter.program_texts import random_program

FEW = 3_000
PIECES = [
    "",
    "\0",
    "\n",
    " ",
    "(",
    ")",
    ", ",
    " = ",
    "x1",
    "I",
    "O",
    "\ud800",
    "\uff49",
    "__class__",
    "lambda",
    "9" * 40,
]


def damaged(text, rng):
    """Cut a piece out of a text or bytes a few times, and put another there."""
    for _ in range(rng.randint(1, 3)):
        start = rng.randrange(len(text) + 1)
        stop = start + rng.choice([0, 1, 1, 5, 40])
        piece = rng.choice(PIECES) if isinstance(text, str) else rng.randbytes(rng.choice([0, 1, 1, 4]))
        text = text[:start] + piece + text[stop:]
    return text


def fuzz_the_parser(number):
    rng = random.Random(0)
    for _ in range(number // 50):
        text = random_program(rng)
        for _ in range(50):
            for mode in ("native", "codeit"):
                try:
                    program = parse(damaged(text, rng), mode)
                except ProgramError:
                    continue
                assert parse(str(program), mode) == program


def fuzz_the_decoders(number):
    rng = random.Random(0)
    grid = encode_grid(((1, 2), (3, 4)))
    answers = OutcomeWriter(7, 1, 2)
    answers.add([Outcome(Status.OK, ((1, 2), (3, 4)), "", 9), Outcome(Status.ERROR, None, "TypeError at line 1", 3)])
    frames = [
        (encode_request(7, True, [grid] * 2, [grid], ["O = hmirror(I)", ""])[4:], decode_request),
        (answers.content(), decode_answers),
        (encode_greeting(True, False)[4:], decode_greeting),
    ]
    for k in range(number):
        frame, decode = frames[k % 3]
        try:
            decode(damaged(frame, rng))
        except ProtocolError:
            continue


@pytest.mark.parametrize("fuzz", [fuzz_the_parser, fuzz_the_decoders])
def test_a_little(fuzz):
    fuzz(FEW)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("fuzz", "number"), [(fuzz_the_parser, 3_000_000), (fuzz_the_decoders, 50_000_000)])
def test_for_ten_minutes(fuzz, number):
    fuzz(number)
