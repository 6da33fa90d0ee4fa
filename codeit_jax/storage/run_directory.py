"""The run directory: one kind and format, one writer at a time, and which checkpoint was the last."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from codeit_jax import __version__
from codeit_jax.config.errors import StorageError, UserError, first_line, shown
from codeit_jax.storage.directory_lock import LOCK_FILE, DirectoryLock
from codeit_jax.storage.files import TEMPORARY, write_atomically
from codeit_jax.storage.first_start import first_start
from codeit_jax.storage.line_files import LineFiles, Mark

FORMAT = 3
"""Of run directories: another number is another version's, whose files mean something else."""

KIND_FILE = "run.json"

MANIFEST_SUFFIX = ".sha256"
"""Of the file in `checkpoints/` whose existence makes a checkpoint one."""

_LAST_CHECKPOINT = "checkpoint"  # in the kind file
_FILES = (LOCK_FILE, KIND_FILE, "config.yaml", "settings.json", "summary.json", "log.txt", "*.jsonl")
_FOLDERS = ("checkpoints", "replay")


class RunDirectory:
    """A run's files, locked for this process.

    Args:
        path: created if missing.
        kind: of job that the directory is for: `train`, `mutate`, `search`.
        writes: false in all processes of a run but the first, which share its directory: they read the files, and what
            they are asked to write the first one writes.

    Attributes:
        path: absolute.
        left_by: who held the directory before and died without giving it back; None if nobody did.

    Raises:
        LockedError: another process holds the directory.
        StorageError: the path can't be created or written, or a file of ours there is a link or no file.
        UserError: the directory is of another kind or format, or holds something else; nothing is written.
    """

    def __init__(self, path: Path, kind: str, *, writes: bool = True) -> None:
        self.path = Path(os.path.expanduser(path)).absolute()
        self.left_by: str | None = None
        self._writes = writes
        self._lines = LineFiles(self.path)
        self._lock: DirectoryLock | None = None
        self._about: dict[str, Any] = {}
        if writes:
            # Before the lock, which is a file: nothing is written into a folder that is something else.
            _check_entries(self.path)
            check_kind(self.path, kind, may_be_empty=True)
            self._lock = DirectoryLock(self.path)
            self.left_by = self._lock.left_by
            try:
                self._begin(kind)
            except BaseException:
                self.close()
                raise

    def _begin(self, kind: str) -> None:
        # Again, under the lock: another command may have made a directory of its own kind of it meanwhile.
        about = check_kind(self.path, kind, may_be_empty=True)
        try:
            for leftover in (*self.path.glob(TEMPORARY), *self.checkpoints.rglob(TEMPORARY)):
                leftover.unlink()
        except OSError as error:
            raise StorageError(f"{self.path}: can't be used as a run directory ({error.strerror})") from None
        # First of all files: from now on everybody can see what this folder is.
        self._about = (about or first_start()) | {"format": FORMAT, "kind": kind, "version": __version__}
        self._write_about()

    def close(self) -> None:
        """Release the directory."""
        if self._lock is not None:
            self._lock.release()

    @property
    def checkpoints(self) -> Path:
        """Where the checkpoints are."""
        return self.path / "checkpoints"

    @property
    def replay(self) -> Path:
        """Where the replay's saved states are."""
        return self.path / "replay"

    @property
    def last_checkpoint(self) -> int | None:
        """The number of the newest checkpoint that was ever committed, whether or not it is still there."""
        number = self._about.get(_LAST_CHECKPOINT)
        return number if isinstance(number, int) else None

    def note_checkpoint(self, number: int) -> None:
        """Write down that a checkpoint was committed: should its manifest get lost, that isn't taken for a new run.

        Raises:
            StorageError: the disk is full or can't be written.
        """
        self._about[_LAST_CHECKPOINT] = number
        self._write_about()

    def write(self, name: str, text: str) -> None:
        """Replace a file, atomically.

        Args:
            name: of the file.
            text: what is to be in it.

        Raises:
            StorageError: the disk is full or can't be written.
        """
        if self._writes:
            write_atomically(self.path / name, text)

    def append(self, name: str, rows: Sequence[Mapping[str, Any]], *, durable: bool = False) -> None:
        """Append objects to a line file; see `LineFiles.append`."""
        if self._writes:
            self._lines.append(name, rows, durable=durable)

    def read(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the objects of a line file; see `LineFiles.read`."""
        return self._lines.read(name)

    def line_marks(self) -> dict[str, Mark]:
        """Return how far the line files have grown; see `LineFiles.marks`."""
        return self._lines.marks()

    def cut_line_files(self, marks: Mapping[str, Mark], say: Callable[[str], None]) -> None:
        """Drop what was written after a checkpoint; see `LineFiles.cut`."""
        if self._writes:
            self._lines.cut(marks, say)

    def _write_about(self) -> None:
        self.write(KIND_FILE, json.dumps(self._about, indent=2) + "\n")


def tell_who_died(left_by: str | None, say: Callable[[str], None]) -> None:
    """Print who died with the directory's lock, if somebody did."""
    if left_by is not None:
        say(f"the process before this one died without giving the directory back: {left_by}")


def check_kind(path: Path, kind: str, *, may_be_empty: bool = False) -> dict[str, Any]:
    """Refuse a folder that isn't a directory of this kind and format.

    Args:
        path: the folder.
        kind: see `RunDirectory`.
        may_be_empty: let a folder pass that has nothing, or doesn't exist.

    Returns:
        What the kind file says; nothing for an empty folder.

    Raises:
        UserError: what is there instead.
    """
    file = path / KIND_FILE
    try:
        if file.exists() and not file.is_file():  # a pipe would keep its reader waiting
            raise UserError(f"{file}: isn't a regular file, expected the kind and format of a run")
        about = json.loads(file.read_text(encoding="utf-8"))
    except OSError:
        # A process that died before it wrote its first file leaves these.
        if may_be_empty and all(name == LOCK_FILE or fnmatch(name, TEMPORARY) for name in _entries(path)):
            return {}
        raise UserError(
            f"{path}: found no {KIND_FILE}, expected a directory of kind {kind!r} and format {FORMAT}; "
            "it is an earlier version's, or of something else"
        ) from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: damaged ({first_line(error)}), expected the kind and format of a run") from None
    about = about if isinstance(about, dict) else {}
    found = about.get("kind"), about.get("format")
    if found != (kind, FORMAT):
        raise UserError(
            f"{path}: is of kind {shown(found[0])} and format {shown(found[1])} "
            f"(codeit_jax {shown(about.get('version'))}), expected {kind!r} and {FORMAT}; give another --run-dir"
        )
    return about


def _entries(path: Path) -> set[str]:
    try:
        return set(os.listdir(path))
    except OSError:  # not there, or a file, of which taking the lock will complain
        return set()


def _check_entries(path: Path) -> None:
    """Refuse a directory in which one of our names is a link to somewhere else, a folder, or a device."""
    for name in sorted(_entries(path)):
        entry = path / name
        if name in _FOLDERS:
            # Links to folders are fine: people put checkpoints on a larger disk.
            if not entry.is_dir():
                raise StorageError(f"{entry}: isn't a folder, expected one that this run can write into")
        elif any(fnmatch(name, pattern) for pattern in _FILES) and (entry.is_symlink() or not entry.is_file()):
            raise StorageError(f"{entry}: isn't a regular file, expected one that this run wrote")
