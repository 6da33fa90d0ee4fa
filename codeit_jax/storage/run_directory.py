"""The run directory: one writer at a time, line files that end where the last checkpoint says."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from codeit_jax.config.errors import LockedError, StorageError, UserError
from codeit_jax.config.loading import changeable_on_resume, changed_settings, load_config, to_yaml
from codeit_jax.config.schema import Config
from codeit_jax.storage.faults import fault_point

LINE_FILES = ("metrics.jsonl", "solutions.jsonl")
MANIFEST_SUFFIX = ".sha256"
"""Of the file in `checkpoints/` whose existence makes a checkpoint one."""


class RunDirectory:
    """A run's files, locked for this process.

    Args:
        path: created if missing.
        writes: false in all processes of a run but the first, which share its directory: they read the files, and what
            they are asked to write the first one writes.

    Raises:
        LockedError: another process holds the directory.
        StorageError: the path can't be created or written.
    """

    def __init__(self, path: Path, *, writes: bool = True) -> None:
        self.path = Path(os.path.expanduser(path)).absolute()
        self._writes = writes
        self._lock = self._take_lock() if writes else None

    def _take_lock(self) -> TextIO:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # The lock is the kernel's: it disappears with its process, so a killed run leaves nothing to clean up.
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
        lock.truncate(0)
        lock.write(f"pid {os.getpid()} on {socket.gethostname()}, started {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
        lock.flush()
        return lock

    def close(self) -> None:
        """Give the directory back."""
        if self._lock is not None:
            self._lock.close()

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints lie."""
        return self.path / "checkpoints"

    @property
    def replay(self) -> Path:
        """Where the replay's saved states lie."""
        return self.path / "replay"

    def settle_config(self, config: Config) -> dict[str, tuple[Any, Any]]:
        """Write the configuration, after comparing it with the one of the checkpoints that are there, if any.

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

        Raises:
            StorageError: the disk is full or can't be written.
        """
        if self._writes:
            write_atomically(self.path / name, text)

    def append(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append objects to a line file.

        Raises:
            StorageError: the disk is full or can't be written.
        """
        if not self._writes:
            return
        path = self.path / name
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
            for number, line in enumerate(file, start=1):
                try:
                    yield json.loads(line)
                except ValueError:
                    raise StorageError(f"{path}:{number}: damaged, expected one JSON object a line") from None

    def line_file_sizes(self) -> dict[str, int]:
        """Flush the line files to disk and return their sizes, to be stored with a checkpoint."""
        sizes = {}
        for name in LINE_FILES:
            with open(self.path / name, "ab") as file:
                os.fsync(file.fileno())
                sizes[name] = file.tell()
        return sizes

    def cut_line_files(self, sizes: Mapping[str, int]) -> None:
        """Drop what was written after a checkpoint, so that a resumed run's files equal an uninterrupted one's.

        Raises:
            StorageError: a file is shorter than it was at the checkpoint.
        """
        if not self._writes:
            return
        for name in LINE_FILES:
            path, size = self.path / name, sizes.get(name, 0)
            found = path.stat().st_size if path.exists() else 0
            if found < size:
                raise StorageError(f"{path}: {found} bytes, expected at least the {size} of the last checkpoint")
            if found > size:
                os.truncate(path, size)


def write_atomically(path: Path, text: str) -> None:
    """Replace a file so that a reader, or a crash, sees the old text or the new one, never a part.

    Raises:
        StorageError: the disk is full or can't be written.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        fault_point(path.name)
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise StorageError(f"{path}: can't be written ({error.strerror})") from None
