"""Outcomes as bytes: their works in a row, and what else they say once for all that say the same.

Mutants of one program mostly do the same, and half of the outputs of a batch are the same objects again.
"""

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from interpreter.language.outcome import Grid, Outcome, Status
from interpreter.pool.protocol import ProtocolError, Reader, encode_grid

MAX_MESSAGE_BYTES = 255

_HEAD = struct.Struct("<IIIH")  # sequence number of the request, first program, programs, grids
_COUNT = struct.Struct("<I")  # different verdicts
_VERDICT = struct.Struct("<BB")  # status, bytes of the message
_OUTCOME_BYTES = 12
_STATUSES = tuple(Status)
_STATUS_NUMBERS = {status: number for number, status in enumerate(_STATUSES)}

_MOST_ENCODED = 8192  # outputs
_MOST_DECODED = 2048  # verdicts
_SHORT = 1024  # bytes: larger outputs, which only the older language gives, would fill the memory
# By identity; an entry keeps its grid, so that no other can get its id.
_recent_outputs: dict[int, tuple[Grid, bytes]] = {}

_Verdict = tuple[Status, Grid | None, str]


class Head(NamedTuple):
    """What is answered: consecutive programs of a request.

    Attributes:
        sequence: number of the request.
        first: the first of the programs.
        num_programs: how many they are.
        num_grids: how many outcomes each has.
    """

    sequence: int
    first: int
    num_programs: int
    num_grids: int


class OutcomeWriter:
    """The outcomes of one program after the other, to be sent together.

    Args:
        sequence: number of the request.
        first: the first of the programs.
        num_grids: how many outcomes each has.

    Attributes:
        num_programs: how many were taken.
        num_bytes: how much they take.
    """

    def __init__(self, sequence: int, first: int, num_grids: int) -> None:
        self.num_programs = self.num_bytes = 0
        self._sequence, self._first, self._num_grids = sequence, first, num_grids
        # By what it says, with its output's identity; an entry keeps the output, so that no other can get its id.
        self._numbers: dict[tuple[Status, int, str], tuple[int, Grid | None]] = {}
        self._verdicts: list[bytes] = []
        self._order: list[int] = []
        self._works: list[int] = []

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Take the outcomes of the next program, one a grid."""
        for status, grid, message, work in outcomes:
            key = status, id(grid), message
            known = self._numbers.get(key)
            if known is None:
                known = self._numbers[key] = len(self._verdicts), grid
                self._verdicts.append(_encode_verdict(status, grid, message))
                self.num_bytes += len(self._verdicts[-1])
            self._order.append(known[0])
            self._works.append(work)
        self.num_programs += 1
        self.num_bytes += _OUTCOME_BYTES * len(outcomes)

    def content(self) -> bytes:
        """Encode all that was taken."""
        number, num_verdicts = len(self._order), len(self._verdicts)
        head = _HEAD.pack(self._sequence, self._first, self.num_programs, self._num_grids) + _COUNT.pack(num_verdicts)
        lengths = struct.pack(f"<{num_verdicts}I", *map(len, self._verdicts))
        columns = struct.pack(f"<{number}I", *self._order), struct.pack(f"<{number}Q", *self._works)
        return b"".join([head, lengths, *self._verdicts, *columns])


def _encode_verdict(status: Status, grid: Grid | None, message: str) -> bytes:
    text = message.encode("ascii", "replace")[:MAX_MESSAGE_BYTES]
    head = _VERDICT.pack(_STATUS_NUMBERS[status], len(text)) + text
    return head if grid is None else head + _encode_output(grid)


def _encode_output(grid: Grid) -> bytes:
    known = _recent_outputs.get(id(grid))
    if known is None:
        if len(_recent_outputs) >= _MOST_ENCODED:
            _recent_outputs.clear()
        known = _recent_outputs[id(grid)] = grid, encode_grid(grid)
    return known[1]


def decode_head(content: bytes) -> Head:
    """Return what is answered, to be compared with what is due before the rest is decoded.

    Raises:
        ProtocolError: the bytes are no answers.
    """
    return Head(*Reader(content).take(_HEAD))


def decode_outcomes(content: bytes) -> list[Outcome]:
    """Decode the outcomes of all programs, one program after the other; equal ones are the same object.

    Raises:
        ProtocolError: the bytes are no answers.
    """
    reader = Reader(content)
    _, _, num_programs, num_grids = reader.take(_HEAD)
    (num_verdicts,) = reader.take(_COUNT)
    number = num_programs * num_grids
    if num_verdicts > number:
        raise ProtocolError(f"{num_verdicts} verdicts on {number} runs")
    verdicts = [_decode_verdict(reader.bytes(length)) for length in reader.numbers("I", num_verdicts)]
    order, works = reader.numbers("I", number), reader.numbers("Q", number)
    reader.end()
    if max(order, default=-1) >= num_verdicts:
        raise ProtocolError("an outcome without a verdict")
    pairs = list(zip(order, works, strict=True))
    outcomes = {(k, work): Outcome(*verdicts[k], work) for k, work in set(pairs)}
    return [outcomes[pair] for pair in pairs]


def _decode_verdict(content: bytes) -> _Verdict:
    return (_recent_verdict if len(content) <= _SHORT else _new_verdict)(content)


def _new_verdict(content: bytes) -> _Verdict:
    reader = Reader(content)
    number, length = reader.take(_VERDICT)
    if number >= len(_STATUSES):
        raise ProtocolError(f"status number {number}")
    status = _STATUSES[number]
    message = reader.bytes(length).decode("ascii", "replace")
    grid = reader.grid() if status is Status.OK else None
    reader.end()
    return status, grid, message


_recent_verdict = lru_cache(maxsize=_MOST_DECODED)(_new_verdict)
