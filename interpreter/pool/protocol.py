"""Frames between a pool and its workers.

A frame is a length (uint32, little endian) and that many bytes of JSON. To a worker goes a `RunRequest`: input grids,
wanted outputs and program texts. From a worker come a greeting and then answers (`pool.wire_outcomes`). Nothing is
unpickled, and every part is checked: what a worker writes can be wrong, but it cannot do anything else.
"""

import json
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from interpreter.language.outcome import Grid

MAX_TEXT_CHARACTERS = 65_535
MAX_REQUEST_BYTES = 1 << 28
MAX_ANSWER_BYTES = 1 << 24

_LENGTH = struct.Struct("<I")
_PROTOCOL = "ARC-DSL2"

EncodedGrid = Sequence[str]
"""The rows of a grid, two hexadecimal digits a cell."""


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


@contextmanager
def refusing_malformed() -> Iterator[None]:
    """Raise ProtocolError where decoding meets parts that are missing or of a wrong kind."""
    try:
        yield
    except ProtocolError:
        raise
    except (TypeError, ValueError, RecursionError) as error:
        raise ProtocolError(f"malformed: {error}") from None


def encode_request(
    sequence: int, prompt: bool, grids: Sequence[EncodedGrid], expected: Sequence[EncodedGrid], texts: Sequence[str]
) -> bytes:
    """Encode a request, given its grids as `encode_grid` returns them."""
    # A text that is too long for any grammar is cut, and refused all the same.
    texts = [text[:MAX_TEXT_CHARACTERS] for text in texts]
    return frame(json.dumps([sequence, prompt, grids, expected, texts]).encode())


@refusing_malformed()
def decode_request(content: bytes) -> RunRequest:
    """Decode a request.

    Raises:
        ProtocolError: the bytes are no request.
    """
    sequence, prompt, grids, expected, texts = json.loads(content)
    return RunRequest(sequence, prompt, tuple(map(decode_grid, grids)), tuple(map(decode_grid, expected)), tuple(texts))


def encode_grid(grid: Grid) -> EncodedGrid:
    """Encode a grid.

    Raises:
        ValueError: it is ragged or has cells that are no integers from 0 to 255.
    """
    if len(set(map(len, grid))) > 1:
        raise ValueError(f"grid of {len(grid)} rows is ragged")
    return [bytes(row).hex() for row in grid]


def decode_grid(rows: EncodedGrid) -> Grid:
    """Decode a grid.

    Raises:
        TypeError, ValueError: it is no grid.
    """
    grid = tuple([tuple(bytes.fromhex(row)) for row in rows])
    if len(set(map(len, grid))) > 1:
        raise ProtocolError("ragged grid")
    return grid


def encode_greeting(landlock: bool, seccomp: bool) -> bytes:
    """Encode what a worker says when it is ready."""
    return frame(json.dumps([_PROTOCOL, landlock, seccomp]).encode())


@refusing_malformed()
def decode_greeting(content: bytes) -> tuple[bool, bool]:
    """Decode a greeting into (landlock, seccomp).

    Raises:
        ProtocolError: the bytes are no greeting of this protocol.
    """
    protocol, landlock, seccomp = json.loads(content)
    if protocol != _PROTOCOL:
        raise ProtocolError("not a greeting")
    return landlock is True, seccomp is True
