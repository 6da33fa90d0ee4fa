"""Append-only log of records in numbered segment files, safe against a kill at any point of a write.

A record is acknowledged once `append` returns: it is then on disk, and every later opening finds it. What a crash left
of an unacknowledged record, which is too short, at the very end of the last segment is dropped, with a warning. Damage
anywhere, and a segment that is missing or empty, is an error that names the file.

Segment: a head with its number and the length and checksum of the segment before; records; a seal, once there is a
next segment. Record: magic, CRC-32 of the content, length, CRC-32 of the three; the content.
"""

import os
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from codeit_jax.replay.store.persistence import CorruptFileError, fsync_directory

FORMAT_VERSION = 2
_HEAD = struct.Struct("<4sIQQI")  # magic, format version, number, length and CRC-32 of the segment before
_HEADER = struct.Struct("<4sIQ")
_CHECK = struct.Struct("<I")
_HEAD_BYTES = _HEAD.size + _CHECK.size
_PREFIX_BYTES = _HEADER.size + _CHECK.size
_HEAD_MAGIC, _MAGIC, _SEAL_MAGIC = b"RLOG", b"RSEG", b"REND"
_SUFFIX = ".segment"
_MARK = "segments"  # a file that says that there has to be at least one


class TornTailWarning(UserWarning):
    """An unacknowledged record at the end of the last segment was dropped."""


class _Segment(NamedTuple):
    """What reading a segment found: its end without the seal, the CRC-32 up to there, and whether a seal follows."""

    end: int
    checksum: int
    sealed: bool


class SegmentLog:
    """Records in a directory; one writer at a time."""

    def __init__(self, directory: str | Path, first_segment: int = 0, max_segment_bytes: int = 256 << 20) -> None:
        """Open or start a log; segments numbered below `first_segment` are not looked at, that one has to be there.

        Drops a torn tail with a TornTailWarning, raises CorruptFileError for other damage.
        """
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._first_segment = first_segment
        self._max_segment_bytes = max_segment_bytes
        self._number = first_segment
        # The mark comes after the first segment: a kill in between leaves a log that opens.
        mark = self.directory / _MARK
        if not self.segment_paths() and not mark.exists() and first_segment == 0:
            self._create(0, _Segment(0, 0, False))
        before = None
        for path in self.segment_paths():
            before = self._open(path, before)
        if before is None or before.sealed:
            missing = self._path(self._number + (before is not None))
            raise CorruptFileError(f"{missing}: is missing")
        self._tail = before
        mark.touch()

    def segment_paths(self) -> list[Path]:
        """Return the segment files, oldest first."""
        paths = self.directory.glob(f"*{_SUFFIX}")
        return sorted(path for path in paths if int(path.stem) >= self._first_segment)

    def append(self, content: bytes) -> None:
        """Write one record durably; on an OSError the log is as before."""
        # Never across segments: a record lies in one file.
        if self._tail.end > _HEAD_BYTES and self._tail.end + len(content) > self._max_segment_bytes:
            self.start_segment()
        record = _frame(_MAGIC, content)
        self._append(record)
        self._tail = _Segment(self._tail.end + len(record), zlib.crc32(record, self._tail.checksum), False)

    def start_segment(self) -> None:
        """Make the next record start a segment of its own."""
        if self._tail.end == _HEAD_BYTES:
            return
        # In this order: a kill in between leaves two whole segments; the seal says that the second has to be there.
        head = self._create(self._number + 1, self._tail)
        self._append(_frame(_SEAL_MAGIC, b""))
        self._number += 1
        self._tail = _Segment(len(head), zlib.crc32(head), False)

    def drop_before(self, number: int) -> None:
        """Delete the segments numbered below `number`."""
        for path in self.segment_paths():
            if int(path.stem) < number:
                path.unlink()
        self._first_segment = number
        fsync_directory(self.directory)

    @property
    def number(self) -> int:
        """Number of the segment that the next record goes to, if it has room."""
        return self._number

    def records(self) -> Iterator[bytes]:
        """Yield the contents of all records, oldest first."""
        for path in self.segment_paths():
            image = path.read_bytes()
            offset = _HEAD_BYTES
            while offset < len(image):
                magic, content = _record_at(image, offset) or (b"", b"")
                if magic == _SEAL_MAGIC:
                    break
                if magic != _MAGIC:
                    raise CorruptFileError(f"{path}: the record at byte {offset} is damaged")
                yield content
                offset += _PREFIX_BYTES + len(content)

    def _path(self, number: int) -> Path:
        return self.directory / f"{number:08d}{_SUFFIX}"

    def _append(self, record: bytes) -> None:
        with self._path(self._number).open("ab", buffering=0) as file:
            start = file.tell()  # the end of the last whole record
            try:
                _write_all(file.fileno(), record)
                os.fsync(file.fileno())
            except OSError:
                file.truncate(start)  # half a record, then a whole one, would read as damage
                raise

    def _create(self, number: int, before: _Segment) -> bytes:
        """Start a segment file, which has its whole head from the start; return the head."""
        head = _HEAD.pack(_HEAD_MAGIC, FORMAT_VERSION, number, before.end, before.checksum)
        head += _CHECK.pack(zlib.crc32(head))
        temporary = self._path(number).with_suffix(".tmp")
        try:
            with temporary.open("wb", buffering=0) as file:
                _write_all(file.fileno(), head)
                os.fsync(file.fileno())
            temporary.replace(self._path(number))
        finally:
            temporary.unlink(missing_ok=True)
        fsync_directory(self.directory)
        return head

    def _open(self, path: Path, before: _Segment | None) -> _Segment:
        """Check a segment, which follows the one before; a torn tail of the last one is cut off."""
        image = path.read_bytes()
        number = int(path.stem)
        if number != self._number + (before is not None):
            raise CorruptFileError(f"{self._path(self._number + (before is not None))}: is missing")
        is_last = path == self.segment_paths()[-1]
        _check_head(path, image, number, before)
        self._number = number
        offset = _HEAD_BYTES
        while offset < len(image):
            found = _record_at(image, offset)
            if found is None:
                if not is_last or not _is_torn(image, offset):
                    raise CorruptFileError(f"{path}: the record at byte {offset} is damaged")
                _cut(path, offset, len(image))
                break
            if found[0] == _SEAL_MAGIC:
                if offset + _PREFIX_BYTES < len(image):
                    raise CorruptFileError(f"{path}: goes on after its seal, at byte {offset}")
                return _Segment(offset, zlib.crc32(image[:offset]), True)
            offset += _PREFIX_BYTES + len(found[1])
        return _Segment(offset, zlib.crc32(image[:offset]), False)


def _check_head(path: Path, image: bytes, number: int, before: _Segment | None) -> None:
    if image.startswith(_MAGIC):
        raise CorruptFileError(f"{path}: is of format version 1: this code reads version {FORMAT_VERSION}")
    head, check = image[: _HEAD.size], image[_HEAD.size : _HEAD_BYTES]
    if len(check) < _CHECK.size or _CHECK.unpack(check)[0] != zlib.crc32(head):
        raise CorruptFileError(f"{path}: the head is damaged, of {len(image)} bytes")
    magic, version, named, length, checksum = _HEAD.unpack(head)
    if magic != _HEAD_MAGIC or version != FORMAT_VERSION or named != number:
        raise CorruptFileError(f"{path}: is segment {named} of format version {version}")
    if before is not None and (length, checksum) != (before.end, before.checksum):
        raise CorruptFileError(f"{path}: follows a segment of {length} bytes: the one before has {before.end} others")


def _cut(path: Path, length: int, had: int) -> None:
    """Cut off a torn tail, or the next record would follow half a record, and read as damage."""
    warnings.warn(f"{path}: dropped {had - length} bytes of an unfinished record", TornTailWarning, stacklevel=4)
    with path.open("r+b") as file:
        file.truncate(length)
        os.fsync(file.fileno())


def _frame(magic: bytes, content: bytes) -> bytes:
    header = _HEADER.pack(magic, zlib.crc32(content), len(content))
    return header + _CHECK.pack(zlib.crc32(header)) + content


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        # A write may be cut short, by a signal or a full disk.
        view = view[os.write(descriptor, view) :]


def _record_at(image: bytes, offset: int) -> tuple[bytes, bytes] | None:
    """Return magic and content of the record at a byte, None if there is no sound one."""
    header = image[offset : offset + _HEADER.size]
    # The header has a checksum of its own: a damaged length would point past the next records.
    check = image[offset + _HEADER.size : offset + _PREFIX_BYTES]
    if len(check) < _CHECK.size or _CHECK.unpack(check)[0] != zlib.crc32(header):
        return None
    magic, checksum, length = _HEADER.unpack(header)
    content = image[offset + _PREFIX_BYTES : offset + _PREFIX_BYTES + length]
    sound = len(content) == length and zlib.crc32(content) == checksum
    return (magic, content) if sound and magic in (_MAGIC, _SEAL_MAGIC) else None


def _is_torn(image: bytes, offset: int) -> bool:
    """Return whether what is left from a byte on is the beginning of a record, or nothing that was ever written.

    A write that was cut short leaves a part of its record; a machine that lost power may leave zeros in its place.
    A record that is there in full and wrong is damaged, not torn.
    """
    rest = image[offset:]
    if not rest.strip(b"\0"):
        return True
    if len(rest) < _PREFIX_BYTES:
        return rest[: len(_MAGIC)] in (_MAGIC[: len(rest)], _SEAL_MAGIC[: len(rest)])
    header, (check,) = rest[: _HEADER.size], _CHECK.unpack(rest[_HEADER.size : _PREFIX_BYTES])
    return check == zlib.crc32(header) and len(rest) - _PREFIX_BYTES < int(_HEADER.unpack(header)[2])
