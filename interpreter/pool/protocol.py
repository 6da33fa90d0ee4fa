"""Frames between a pool and its workers.

A frame is a length (uint32, little endian) and that many bytes. To a worker goes a `RunRequest`: input grids, wanted
outputs and program texts. From a worker come a greeting and then `Answers` (`pool.wire_outcomes`). Every count is
checked against the bytes that are there, and nothing is unpickled: what a worker writes can be wrong, but it cannot do
anything else.
"""

import struct
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from interpreter.language.outcome import Grid

MAX_SIDE = 65_535
MAX_TEXT_CHARACTERS = 65_535
MAX_REQUEST_BYTES = 1 << 28
MAX_ANSWER_BYTES = 1 << 24

_LENGTH = struct.Struct("<I")
_REQUEST = struct.Struct("<I?HHI")  # sequence number, prompt, grids, wanted outputs, programs
_GREETING = struct.Struct("<8s??")  # name and version of the protocol, landlock, seccomp
_SIDES = struct.Struct("<HH")
_NUMBER_BYTES = {"I": 4, "Q": 8}
_PROTOCOL = b"ARC-DSL1"


class ProtocolError(ValueError):
    """Bytes that are no frame, or not the one that is due."""


class RunRequest(NamedTuple):
    """Programs to run on grids.

    Attributes:
        sequence: number of the request, repeated in the answers.
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


class FrameBuffer:
    """A stream of bytes that is cut into frames."""

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
        if length > self._max_bytes:  # refused by its announcement, before its bytes fill the memory
            raise ProtocolError(f"frame of {length} bytes, at most {self._max_bytes}")
        end = _LENGTH.size + length
        if len(self._bytes) < end:
            return None
        content = bytes(self._bytes[_LENGTH.size : end])
        del self._bytes[:end]
        return content


def frame(content: bytes) -> bytes:
    """Return a payload with its length in front."""
    return _LENGTH.pack(len(content)) + content


def encode_request(
    sequence: int, prompt: bool, grids: Sequence[bytes], expected: Sequence[bytes], texts: Sequence[str]
) -> bytes:
    """Encode a request, given its grids as `encode_grid` returns them."""
    head = _REQUEST.pack(sequence, prompt, len(grids), len(expected), len(texts))
    # A text that is too long for any grammar is cut, and refused all the same.
    texts = [text[:MAX_TEXT_CHARACTERS] for text in texts]
    lengths = struct.pack(f"<{len(texts)}I", *map(len, texts))  # in characters, whose number "replace" doesn't change
    return frame(b"".join([head, *grids, *expected, lengths, "".join(texts).encode("utf-8", "replace")]))


def encode_grid(grid: Grid) -> bytes:
    """Encode a grid.

    Raises:
        ValueError: it is ragged, too large, or has cells that are no integers from 0 to 255.
    """
    height, width = len(grid), len(grid[0]) if grid else 0
    if height > MAX_SIDE or width > MAX_SIDE or set(map(len, grid)) - {width}:
        raise ValueError(f"grid of {height} rows is ragged or has more than {MAX_SIDE} rows or columns")
    # bytes() checks every cell in C, and takes a Boolean for its number.
    rows = map(bytes, grid) if width else [b"\0"] * height
    return _SIDES.pack(height, width) + b"".join(rows)


def decode_request(content: bytes) -> RunRequest:
    """Decode a request.

    Raises:
        ProtocolError: the bytes are no request.
    """
    reader = Reader(content)
    sequence, prompt, num_grids, num_expected, num_texts = reader.take(_REQUEST)
    grids = tuple([reader.grid() for _ in range(num_grids)])
    expected = tuple([reader.grid() for _ in range(num_expected)])
    ends = list(accumulate(reader.numbers("I", num_texts), initial=0))
    joined = reader.rest().decode("utf-8", "replace")
    if ends[-1] != len(joined):
        raise ProtocolError(f"texts of {len(joined)} characters, expected {ends[-1]}")
    texts = tuple([joined[start:end] for start, end in pairwise(ends)])
    return RunRequest(sequence, bool(prompt), grids, expected, texts)


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


class Reader:
    """A position in a frame, which goes from front to end; a ProtocolError says that what is asked for isn't there."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._position = 0

    def take(self, form: struct.Struct) -> tuple[int, ...]:
        """Take a fixed form."""
        position = self._position
        self._position += form.size
        try:
            return form.unpack_from(self._content, position)
        except struct.error:
            raise ProtocolError("frame ends early") from None

    def rest(self) -> bytes:
        """Take all bytes that are left."""
        return self.bytes(len(self._content) - self._position)

    def bytes(self, length: int) -> bytes:
        """Take so many bytes."""
        position = self._position
        self._position += length
        if self._position > len(self._content):
            raise ProtocolError("frame ends early")
        return self._content[position : self._position]

    def numbers(self, kind: str, number: int) -> tuple[int, ...]:
        """Take so many numbers of a kind, "I" or "Q" as in `struct`."""
        # The bytes first: a count that they don't back is refused before it makes anything.
        return struct.unpack(f"<{number}{kind}", self.bytes(number * _NUMBER_BYTES[kind]))

    def grid(self) -> Grid:
        """Take a grid."""
        height, width = self.take(_SIDES)
        cells = self.bytes(height * (width or 1))  # an empty row takes a byte, for no few bytes may become many rows
        if width == 0:
            return ((),) * height
        return tuple([tuple(cells[start : start + width]) for start in range(0, height * width, width)])

    def end(self) -> None:
        """Check that nothing is left."""
        if self._position != len(self._content):
            raise ProtocolError("frame too long")
