"""Frames between a pool and its workers.

A frame is a length (uint32, little endian) and that many bytes. To a worker goes a `Chunk`: input grids, wanted
outputs and program texts. From a worker come a greeting and then an `Answer` for each program. Every count is checked
against the bytes that are there, and nothing is unpickled: what a worker writes can be wrong, but it cannot do
anything.
"""

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from interpreter.outcome import Grid, Outcome, Status

MAX_SIDE = 65_535
MAX_TEXT_BYTES = 65_535
MAX_MESSAGE_BYTES = 255
MAX_CHUNK_BYTES = 1 << 28
MAX_ANSWER_BYTES = 1 << 24

_LENGTH = struct.Struct("<I")
_CHUNK = struct.Struct("<I?HHI")  # sequence number, prompt, grids, wanted outputs, programs
_GREETING = struct.Struct("<8s??")  # name and version of the protocol, landlock, seccomp
_SIDES = struct.Struct("<HH")
_TEXT = struct.Struct("<H")
_ANSWER = struct.Struct("<IIH")  # sequence number of the chunk, program, outcomes
_OUTCOME = struct.Struct("<BBQ")  # status, bytes of the message, work
_STATUSES = tuple(Status)
_PROTOCOL = b"ARC-DSL1"
_STATUS_NUMBERS = {status: number for number, status in enumerate(_STATUSES)}

_MOST_RECENT = 8192  # outputs
# By identity; an entry keeps its grid, so that no other can get its id.
_recent_outputs: dict[int, tuple[Grid, bytes]] = {}


class ProtocolError(ValueError):
    """Bytes that are no frame, or not the one that is due."""


class Chunk(NamedTuple):
    """Programs to run on grids.

    Attributes:
        sequence: number of the chunk, repeated in the answers.
        prompt: each answer is sent before the next program is run, so that a death can be put down to one program.
        grids: inputs.
        expected: wanted outputs, one a grid, if each program shall stop at its first miss; else empty.
        texts: the programs.
    """

    sequence: int
    prompt: bool
    grids: tuple[Grid, ...]
    expected: tuple[Grid, ...]
    texts: tuple[str, ...]


class Answer(NamedTuple):
    """The outcomes of one program of a chunk, one a grid."""

    sequence: int
    program: int
    outcomes: list[Outcome]


class FrameBuffer:
    """Cuts a stream of bytes into frames."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = bytearray()

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        self._bytes += data

    def next(self) -> bytes | None:
        """Return the next whole frame's content, or None.

        Raises:
            ProtocolError: it announces more bytes than allowed.
        """
        if len(self._bytes) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._bytes)
        if length > self._max_bytes:
            raise ProtocolError(f"frame of {length} bytes, at most {self._max_bytes}")
        end = _LENGTH.size + length
        if len(self._bytes) < end:
            return None
        content = bytes(self._bytes[_LENGTH.size : end])
        del self._bytes[:end]
        return content


def frame(content: bytes) -> bytes:
    """Put the length in front."""
    return _LENGTH.pack(len(content)) + content


def encode_chunk(
    sequence: int, prompt: bool, grids: Sequence[bytes], expected: Sequence[bytes], texts: Sequence[str]
) -> bytes:
    """Encode a chunk, given its grids as `encode_grid` returns them."""
    head = _CHUNK.pack(sequence, prompt, len(grids), len(expected), len(texts))
    return frame(b"".join([head, *grids, *expected, *map(_encode_text, texts)]))


def _encode_text(text: str) -> bytes:
    # A text that is too long for any grammar is cut, and refused all the same.
    encoded = text[:MAX_TEXT_BYTES].encode("utf-8", "replace")[:MAX_TEXT_BYTES]
    return _TEXT.pack(len(encoded)) + encoded


def encode_grid(grid: Grid) -> bytes:
    """Encode a grid.

    Raises:
        ValueError: it is ragged, too large, or has cells that are no integers from 0 to 255.
    """
    height, width = len(grid), len(grid[0]) if grid else 0
    if height > MAX_SIDE or width > MAX_SIDE or set(map(len, grid)) - {width}:
        raise ValueError(f"grid of {height} rows is ragged or has more than {MAX_SIDE} rows or columns")
    return _SIDES.pack(height, width) + b"".join(map(bytes, grid))


def decode_chunk(content: bytes) -> Chunk:
    """Decode a chunk.

    Raises:
        ProtocolError: the bytes are no chunk.
    """
    reader = _Reader(content)
    sequence, prompt, num_grids, num_expected, num_texts = reader.take(_CHUNK)
    grids = tuple([reader.grid() for _ in range(num_grids)])
    expected = tuple([reader.grid() for _ in range(num_expected)])
    texts = []
    for _ in range(num_texts):
        (length,) = reader.take(_TEXT)
        texts.append(reader.bytes(length).decode("utf-8", "replace"))
    reader.end()
    return Chunk(sequence, bool(prompt), grids, expected, tuple(texts))


def encode_answer(answer: Answer) -> bytes:
    """Encode an answer."""
    parts = [_ANSWER.pack(answer.sequence, answer.program, len(answer.outcomes))]
    for status, grid, message, work in answer.outcomes:
        text = message.encode("ascii", "replace")[:MAX_MESSAGE_BYTES]
        parts.append(_OUTCOME.pack(_STATUS_NUMBERS[status], len(text), work) + text)
        if grid is not None:
            parts.append(_encode_output(grid))
    return frame(b"".join(parts))


def _encode_output(grid: Grid) -> bytes:
    """Encode an output; half of those of a batch are the same objects again."""
    known = _recent_outputs.get(id(grid))
    if known is None:
        if len(_recent_outputs) >= _MOST_RECENT:
            _recent_outputs.clear()
        known = _recent_outputs[id(grid)] = grid, encode_grid(grid)
    return known[1]


def decode_answer(content: bytes) -> Answer:
    """Decode an answer.

    Raises:
        ProtocolError: the bytes are no answer.
    """
    reader = _Reader(content)
    sequence, program, num_outcomes = reader.take(_ANSWER)
    outcomes = []
    for _ in range(num_outcomes):
        number, length, work = reader.take(_OUTCOME)
        if number >= len(_STATUSES):
            raise ProtocolError(f"status number {number}")
        status = _STATUSES[number]
        message = reader.bytes(length).decode("ascii", "replace")
        outcomes.append(Outcome(status, reader.grid() if status is Status.OK else None, message, work))
    reader.end()
    return Answer(sequence, program, outcomes)


def encode_greeting(landlock: bool, seccomp: bool) -> bytes:
    """Encode what a worker says when it is ready."""
    return frame(_GREETING.pack(_PROTOCOL, landlock, seccomp))


def decode_greeting(content: bytes) -> tuple[bool, bool]:
    """Decode a greeting into (landlock, seccomp).

    Raises:
        ProtocolError: the bytes are no greeting of this protocol.
    """
    if len(content) != _GREETING.size or not content.startswith(_PROTOCOL):
        raise ProtocolError("not a greeting")
    _, landlock, seccomp = _GREETING.unpack(content)
    return landlock, seccomp


class _Reader:
    """Reads from front to end, and never past it."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._position = 0

    def take(self, form: struct.Struct) -> tuple[int, ...]:
        position = self._position
        self._position += form.size
        try:
            return form.unpack_from(self._content, position)
        except struct.error:
            raise ProtocolError("frame ends early") from None

    def bytes(self, length: int) -> bytes:
        position = self._position
        self._position += length
        if self._position > len(self._content):
            raise ProtocolError("frame ends early")
        return self._content[position : self._position]

    def grid(self) -> Grid:
        height, width = self.take(_SIDES)
        return _grid(height, width, self.bytes(height * width))

    def end(self) -> None:
        if self._position != len(self._content):
            raise ProtocolError("frame too long")


@lru_cache(maxsize=_MOST_RECENT)
def _grid(height: int, width: int, cells: bytes) -> Grid:
    """Return the grid with these cells; half of the outputs of a batch are the same ones again."""
    if width == 0:
        return ((),) * height
    return tuple([tuple(cells[start : start + width]) for start in range(0, height * width, width)])
