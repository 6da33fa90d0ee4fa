"""Line files: one JSON object a line, in files that only grow; a checkpoint knows their first bytes by digest."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from codeit_jax.config.errors import StorageError
from codeit_jax.storage.faults import fault_point

if TYPE_CHECKING:
    from hashlib import _Hash

LINE_FILES = ("metrics.jsonl", "initial_programs.jsonl", "solutions.jsonl", "sampled_solutions.jsonl")
"""They only grow; resuming truncates them to what they were at the checkpoint."""

_BLOCK_BYTES = 1 << 20


class Mark(NamedTuple):
    """How far a file had grown, and what it held until there.

    Attributes:
        size: in bytes.
        sha256: of that many bytes, in hex.
    """

    size: int
    sha256: str


class LineFiles:
    """The line files of a folder.

    Args:
        folder: where they are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Of what this process has found and written, not of what the disk says later: a checkpoint of a file that
        # something else has changed meanwhile would declare the damage sound.
        self._written: dict[str, tuple[int, _Hash]] = {}

    def append(self, name: str, rows: Sequence[Mapping[str, Any]], *, durable: bool = False) -> None:
        """Append objects to a file.

        Args:
            name: of the file.
            rows: the objects.
            durable: return when they are on the disk.

        Raises:
            StorageError: the disk is full or can't be written.
        """
        path = self._folder / name
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
        # A run's aren't durable, line by line: a checkpoint is what counts, and it syncs them all (`marks`).
        try:
            fault_point(name)
            with open(path, "ab", buffering=0) as file:
                _write_all(file.fileno(), content)
                if durable:
                    os.fsync(file.fileno())
        except OSError as error:
            raise StorageError(f"{path}: can't be written ({error.strerror})") from None
        if name in self._written:
            size, digest = self._written[name]
            digest.update(content)
            self._written[name] = size + len(content), digest

    def read(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the objects of a file; nothing if there is none.

        Raises:
            StorageError: the file can't be read, or a line is damaged.
        """
        path = self._folder / name
        try:
            with open(path, "rb") as file:
                # A line at a time: a long run's files are larger than what a reader wants in memory.
                for number, line in enumerate(file, start=1):
                    yield _object(line, f"{path}:{number}")
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageError(f"{path}: can't be read ({error.strerror})") from None

    def marks(self) -> dict[str, Mark]:
        """Flush the line files of a run to disk and return how far they have grown, for a checkpoint's manifest.

        Raises:
            StorageError: a file isn't as long as what this process wrote.
        """
        marks = {}
        for name in LINE_FILES:
            path = self._folder / name
            with open(path, "ab") as file:  # creates a file that has no lines yet
                os.fsync(file.fileno())
                found = file.tell()
            size, digest = self._written.get(name) or self._begin(name, found)
            if found != size:
                raise StorageError(f"{path}: {found} bytes, expected the {size} of this run; something else writes it")
            marks[name] = Mark(size, digest.hexdigest())
        return marks

    def cut(self, marks: Mapping[str, Mark], say: Callable[[str], None]) -> None:
        """Drop what was written after a checkpoint, so that a resumed run's files equal an uninterrupted one's.

        Args:
            marks: of the checkpoint, whose digests were compared; a file that isn't named is emptied.
            say: prints a line for each file that is cut.

        Raises:
            StorageError: a file can't be truncated.
        """
        for name in LINE_FILES:
            path, size = self._folder / name, marks[name].size if name in marks else 0
            try:
                found = path.stat().st_size if path.exists() else 0
                if found > size:
                    os.truncate(path, size)
                    say(f"{name}: {found - size} bytes that were written after the checkpoint are dropped")
                self._begin(name, size)
            except OSError as error:
                raise StorageError(f"{path}: can't be truncated ({error.strerror})") from None

    def _begin(self, name: str, size: int) -> "tuple[int, _Hash]":
        self._written[name] = size, _hash_of(self._folder / name, size)
        return self._written[name]


def prefix_mark(path: Path, size: int) -> Mark:
    """Return how long a file is, at most `size` bytes, and the digest of these bytes.

    Raises:
        OSError: it can't be read.
    """
    found = min(size, path.stat().st_size) if path.exists() else 0
    return Mark(found, _hash_of(path, found).hexdigest())


def _hash_of(path: Path, size: int) -> "_Hash":
    digest = hashlib.sha256()
    if size:
        with open(path, "rb") as file:
            while size and (block := file.read(min(size, _BLOCK_BYTES))):
                digest.update(block)
                size -= len(block)
    return digest


def _write_all(descriptor: int, content: bytes) -> None:
    # A write to a nearly full disk takes what fits and says so; only the next one fails.
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _object(line: bytes, place: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise StorageError(f"{place}: damaged, expected one JSON object a line")
    return row
