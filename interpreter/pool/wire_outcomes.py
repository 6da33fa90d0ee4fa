"""Outcomes as JSON: their works in a row, and what else they say once for all that say the same.

Mutants of one program mostly do the same, and half of the outputs of a batch are the same objects again.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from interpreter.language.outcome import Grid, Outcome, Status
from interpreter.pool.protocol import EncodedGrid, ProtocolError, decode_grid, encode_grid, refusing_malformed

MAX_MESSAGE_CHARACTERS = 255

_OUTCOME_BYTES = 8  # about: the numbers of its verdict and its work
_RECENT_GRIDS = 2048
_SHORT = 2048  # digits: larger outputs, which only the older language gives, would fill the memory

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
        num_bytes: about how much they take.
    """

    def __init__(self, sequence: int, first: int, num_grids: int) -> None:
        self.num_programs = self.num_bytes = 0
        self._sequence, self._first, self._num_grids = sequence, first, num_grids
        # By what it says, with its output's identity; an entry keeps the output, so that no other can get its id.
        self._numbers: dict[tuple[Status, int, str], tuple[int, Grid | None]] = {}
        self._verdicts: list[tuple[Status, str, EncodedGrid | None]] = []
        self._order: list[int] = []
        self._works: list[int] = []

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Take the outcomes of the next program, one a grid."""
        for status, grid, message, work in outcomes:
            key = status, id(grid), message
            known = self._numbers.get(key)
            if known is None:
                known = self._numbers[key] = len(self._verdicts), grid
                rows = None if grid is None else encode_grid(grid)
                self._verdicts.append((status, message[:MAX_MESSAGE_CHARACTERS], rows))
                self.num_bytes += len(message) + sum(map(len, rows or ()))
            self._order.append(known[0])
            self._works.append(work)
        self.num_programs += 1
        self.num_bytes += _OUTCOME_BYTES * len(outcomes)

    def content(self) -> bytes:
        """Encode all that was taken."""
        head = Head(self._sequence, self._first, self.num_programs, self._num_grids)
        return json.dumps([head, self._verdicts, self._order, self._works]).encode()


@refusing_malformed()
def decode_answers(content: bytes) -> tuple[Head, list[Outcome]]:
    """Decode what is answered, and the outcomes of one program after the other; equal ones are the same object.

    Raises:
        ProtocolError: the bytes are no answers.
    """
    numbers, verdicts, order, works = json.loads(content)
    head = Head(*numbers)
    if not {int}.issuperset(map(type, chain(head, order, works))):
        raise ProtocolError("numbers that are no integers")
    if not len(order) == len(works) == head.num_programs * head.num_grids:
        raise ProtocolError(f"{len(order)} outcomes, expected {head.num_programs} x {head.num_grids}")
    if len(verdicts) > len(order):
        raise ProtocolError(f"{len(verdicts)} verdicts on {len(order)} runs")
    if order and not 0 <= min(order) <= max(order) < len(verdicts):
        raise ProtocolError("an outcome without a verdict")
    known = [_verdict(*verdict) for verdict in verdicts]
    pairs: list[tuple[int, int]] = list(zip(order, works, strict=True))
    outcomes = {(k, work): Outcome(*known[k], work) for k, work in set(pairs)}
    return head, [outcomes[pair] for pair in pairs]


def _verdict(status: str, message: str, rows: EncodedGrid | None) -> _Verdict:
    if type(message) is not str or (rows is not None) != (status == Status.OK):
        raise ProtocolError("not a verdict")
    if rows is None:
        return Status(status), None, message
    grid = _recent_grid(tuple(rows)) if sum(map(len, rows)) <= _SHORT else decode_grid(rows)
    return Status.OK, grid, message


_recent_grid = lru_cache(maxsize=_RECENT_GRIDS)(decode_grid)
