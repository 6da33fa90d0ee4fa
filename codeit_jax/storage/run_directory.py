"""The run directory: one kind and format, one writer at a time, line files that end where the last checkpoint says."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, TextIO

from codeit_jax import __version__
from codeit_jax.config.errors import LockedError, StorageError, UserError, first_line
from codeit_jax.config.loading import changeable_on_resume, changed_settings, load_config, to_yaml
from codeit_jax.config.schema import Config
from codeit_jax.storage.faults import fault_point
from codeit_jax.storage.files import TEMPORARY, write_atomically

FORMAT = 2
"""Of run directories: another number is another version's, whose files mean something else."""

KIND_FILE = "run.json"

LINE_FILES = ("metrics.jsonl", "initial_programs.jsonl", "solutions.jsonl", "sampled_solutions.jsonl")
"""They only grow; resuming truncates them to what they were at the checkpoint."""

MANIFEST_SUFFIX = ".sha256"
"""Of the file in `checkpoints/` whose existence makes a checkpoint one."""


class RunDirectory:
    """A run's files, locked for this process.

    Args:
        path: created if missing.
        kind: of job that the directory is for: `train`, `mutate`, `search`.
        writes: false in all processes of a run but the first, which share its directory: they read the files, and what
            they are asked to write the first one writes.

    Raises:
        LockedError: another process holds the directory.
        StorageError: the path can't be created or written.
        UserError: the directory is of another kind or format, or holds something else; nothing is written.
    """

    def __init__(self, path: Path, kind: str, *, writes: bool = True) -> None:
        self.path = Path(os.path.expanduser(path)).absolute()
        self._writes = writes
        self._lock = None
        if writes:
            # Before the lock, which is a file: nothing is written into a folder that is something else.
            check_kind(self.path, kind, may_be_empty=True)
            self._lock = self._take_lock()
            try:
                self._begin(kind)
            except BaseException:
                self.close()
                raise

    def _begin(self, kind: str) -> None:
        try:
            for leftover in (*self.path.glob(TEMPORARY), *self.checkpoints.rglob(TEMPORARY)):
                leftover.unlink()
        except OSError as error:
            raise StorageError(f"{self.path}: can't be used as a run directory ({error.strerror})") from None
        # First of all files: from now on everybody can see what this folder is.
        about = {"format": FORMAT, "kind": kind, "version": __version__}
        self.write(KIND_FILE, json.dumps(about, indent=2) + "\n")

    def _take_lock(self) -> TextIO:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # The lock is the kernel's: it disappears with its process, so a killed run leaves nothing to clean up.
            # "a+" neither truncates the holder's line nor needs the file to be there.
            lock = open(self.path / "LOCK", "a+", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise StorageError(f"{self.path}: can't be used as a run directory ({error.strerror})") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "an unknown process"
            lock.close()
            raise LockedError(f"{self.path}: in use by {holder}; expected one run at a time in a directory") from None
        except OSError as error:
            lock.close()
            raise StorageError(f"{self.path}: can't be locked ({error.strerror})") from None
        # Only for people: whose line is there says nothing about who holds the lock.
        lock.truncate(0)
        lock.write(f"pid {os.getpid()} on {socket.gethostname()}, started {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
        lock.flush()
        return lock

    def close(self) -> None:
        """Release the directory; the LOCK file stays: after a removal two processes could each lock one."""
        if self._lock is not None:
            self._lock.close()

    @property
    def checkpoints(self) -> Path:
        """Where the checkpoints are."""
        return self.path / "checkpoints"

    @property
    def replay(self) -> Path:
        """Where the replay's saved states are."""
        return self.path / "replay"

    def write_or_check_config(self, config: Config) -> dict[str, tuple[Any, Any]]:
        """Write the configuration, after comparing it with the one of the checkpoints that are there, if any.

        Args:
            config: of the run that is about to begin or resume.

        Returns:
            The settings that changed and may: key -> (old, new).

        Raises:
            UserError: a setting changed that decides what the run's numbers mean.
            StorageError: the file can't be written.
        """
        file = self.path / "config.yaml"
        changes: dict[str, tuple[Any, Any]] = {}
        # What was given before the first checkpoint decided nothing yet: a mistake in it may still be corrected.
        if file.exists() and any(self.checkpoints.glob(f"*{MANIFEST_SUFFIX}")):
            changes = changed_settings(load_config([file]), config)
            for key, (old, new) in changes.items():
                if not changeable_on_resume(key):
                    expected = f"expected {old!r} as in {file}; another value needs a new --run-dir"
                    raise UserError(f"{key} is {new!r}, {expected}")
        self.write("config.yaml", to_yaml(config))
        return changes

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

    def append(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append objects to a line file.

        Args:
            name: of the file.
            rows: the objects.

        Raises:
            StorageError: the disk is full or can't be written.
        """
        if not self._writes:
            return
        path = self.path / name
        # Not synced, line by line: a checkpoint is what counts, and it syncs them all (`line_file_sizes`).
        try:
            fault_point(name)
            with open(path, "a", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)
        except OSError as error:
            raise StorageError(f"{path}: can't be written ({error.strerror})") from None

    def read(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the objects of a line file; nothing if there is none.

        Raises:
            StorageError: a line is damaged.
        """
        path = self.path / name
        if not path.exists():
            return
        with open(path, "rb") as file:
            # A line at a time: a long run's files are larger than what a reader wants in memory.
            for number, line in enumerate(file, start=1):
                try:
                    yield json.loads(line)
                except ValueError:
                    raise StorageError(f"{path}:{number}: damaged, expected one JSON object a line") from None

    def line_file_sizes(self) -> dict[str, int]:
        """Flush the line files to disk and return their sizes, to be stored with a checkpoint."""
        sizes = {}
        for name in LINE_FILES:
            with open(self.path / name, "ab") as file:  # creates a file that has no lines yet
                os.fsync(file.fileno())
                sizes[name] = file.tell()
        return sizes

    def truncate_line_files(self, sizes: Mapping[str, int]) -> None:
        """Drop what was written after a checkpoint, so that a resumed run's files equal an uninterrupted one's.

        Raises:
            StorageError: a file is shorter than it was at the checkpoint.
        """
        if not self._writes:
            return
        for name in LINE_FILES:
            path, size = self.path / name, sizes.get(name, 0)
            found = path.stat().st_size if path.exists() else 0
            # Shorter isn't repaired: lines of finished work are gone, and no resumed run writes them again.
            if found < size:
                raise StorageError(f"{path}: {found} bytes, expected at least the {size} of the last checkpoint")
            if found > size:
                os.truncate(path, size)


def check_kind(path: Path, kind: str, *, may_be_empty: bool = False) -> None:
    """Refuse a folder that isn't a directory of this kind and format.

    Args:
        path: the folder.
        kind: see `RunDirectory`.
        may_be_empty: let a folder pass that has nothing, or doesn't exist.

    Raises:
        UserError: what is there instead.
    """
    file = path / KIND_FILE
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
    except OSError:
        # A process that died before it wrote its first file leaves these.
        if may_be_empty and all(name == "LOCK" or fnmatch(name, TEMPORARY) for name in _entries(path)):
            return
        raise UserError(
            f"{path}: found no {KIND_FILE}, expected a directory of kind {kind!r} and format {FORMAT}; "
            "it is an earlier version's, or of something else"
        ) from None
    except ValueError as error:
        raise UserError(f"{file}: damaged ({first_line(error)}), expected the kind and format of a run") from None
    found = (about.get("kind"), about.get("format")) if isinstance(about, dict) else (None, None)
    if found != (kind, FORMAT):
        version = about.get("version") if isinstance(about, dict) else None
        raise UserError(
            f"{path}: is of kind {found[0]!r} and format {found[1]!r} (codeit_jax {version}), expected {kind!r} and "
            f"{FORMAT}; give another --run-dir"
        )


def _entries(path: Path) -> set[str]:
    try:
        return set(os.listdir(path))
    except OSError:  # not there, or a file, of which taking the lock will complain
        return set()
