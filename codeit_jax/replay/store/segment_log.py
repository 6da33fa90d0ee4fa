"""Append-only log of records in numbered segment files, safe against a kill at any point of a write.

A record is acknowledged once `append` returns: it is then on disk, and every later opening finds it. What a crash left
of an unacknowledged record at the very end of the last segment is dropped, with a warning. Damage anywhere else is an
error that names the file.

Record: magic, CRC-32 of the content, length, CRC-32 of the three; the content.
"""

import os
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

from codeit_jax.replay.store.persistence import CorruptFileError, fsync_directory

_HEADER = struct.Struct("<4sIQ")
_HEADER_CHECK = struct.Struct("<I")
_PREFIX_BYTES = _HEADER.size + _HEADER_CHECK.size
_MAGIC = b"RSEG"
_SUFFIX = ".segment"


class TornTailWarning(UserWarning):
    """An unacknowledged record at the end of the last segment was dropped."""


class SegmentLog:
    """Records in a directory; one writer at a time."""

    def __init__(self, directory: str | Path, first_segment: int = 0, max_segment_bytes: int = 256 << 20) -> None:
        """Open or start a log; segments numbered below `first_segment` are not looked at.

        Drops a torn tail with a TornTailWarning, raises CorruptFileError for other damage.
        """
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._first_segment = first_segment
        self._max_segment_bytes = max_segment_bytes
        paths = self.segment_paths()
        for path in paths[:-1]:
            self._check(path, is_last=False)
        if paths:
            self._check(paths[-1], is_last=True)
        self._number = int(paths[-1].stem) if paths else first_segment

    def segment_paths(self) -> list[Path]:
        """Return the segment files, oldest first."""
        paths = self.directory.glob(f"*{_SUFFIX}")
        return sorted(path for path in paths if int(path.stem) >= self._first_segment)

    def append(self, content: bytes) -> None:
        """Write one record durably; on an OSError the log is as before."""
        path = self._path(self._number)
        # Never across segments: a record lies in one file.
        if path.exists() and path.stat().st_size + len(content) > self._max_segment_bytes:
            self.start_segment()
            path = self._path(self._number)
        is_new = not path.exists()
        with path.open("ab", buffering=0) as file:
            start = file.tell()  # the end of the last whole record
            try:
                _write_all(file.fileno(), _frame(content))
                os.fsync(file.fileno())
            except OSError:
                file.truncate(start)  # half a record, then a whole one, would read as damage
                raise
        if is_new:
            fsync_directory(self.directory)  # the record is durable, its file's name isn't yet

    def start_segment(self) -> None:
        """Make the next record start a segment of its own."""
        if self._path(self._number).exists():
            self._number += 1

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
            offset = 0
            while offset < len(image):
                content = _record_at(image, offset)
                if content is None:
                    raise CorruptFileError(f"{path}: the record at byte {offset} is damaged")
                yield content
                offset += _PREFIX_BYTES + len(content)

    def _path(self, number: int) -> Path:
        return self.directory / f"{number:08d}{_SUFFIX}"

    @staticmethod
    def _check(path: Path, is_last: bool) -> None:
        """Walk over the records of a segment; cut off a torn tail."""
        image = path.read_bytes()
        offset = 0
        while offset < len(image):
            content = _record_at(image, offset)
            if content is None:
                # Only the last record can be torn; damage with sound records after it is no torn tail.
                if not is_last or _any_record_after(image, offset + 1):
                    raise CorruptFileError(f"{path}: the record at byte {offset} is damaged")
                warnings.warn(
                    f"{path}: dropped {len(image) - offset} bytes of an unfinished record",
                    TornTailWarning,
                    stacklevel=3,
                )
                # Or the next record would follow half a record, and read as damage.
                with path.open("r+b") as file:
                    file.truncate(offset)
                    os.fsync(file.fileno())
                return
            offset += _PREFIX_BYTES + len(content)


def _frame(content: bytes) -> bytes:
    header = _HEADER.pack(_MAGIC, zlib.crc32(content), len(content))
    return header + _HEADER_CHECK.pack(zlib.crc32(header)) + content


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        # A write may be cut short, by a signal or a full disk.
        view = view[os.write(descriptor, view) :]


def _record_at(image: bytes, offset: int) -> bytes | None:
    """Return the content of the record at a byte, None if there is no sound one."""
    header = image[offset : offset + _HEADER.size]
    # The header has a checksum of its own: a damaged length would point past the next records.
    check = image[offset + _HEADER.size : offset + _PREFIX_BYTES]
    if len(check) < _HEADER_CHECK.size or _HEADER_CHECK.unpack(check)[0] != zlib.crc32(header):
        return None
    magic, checksum, length = _HEADER.unpack(header)
    content = image[offset + _PREFIX_BYTES : offset + _PREFIX_BYTES + length]
    return content if magic == _MAGIC and len(content) == length and zlib.crc32(content) == checksum else None


def _any_record_after(image: bytes, offset: int) -> bool:
    """Return whether a sound record starts anywhere from a byte on: then what is before it is no torn tail."""
    while (offset := image.find(_MAGIC, offset)) >= 0:
        if _record_at(image, offset) is not None:
            return True
        offset += 1
    return False
