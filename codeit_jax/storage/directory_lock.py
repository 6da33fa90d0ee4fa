"""The lock of a directory: the kernel's, which ends with its process, so a killed run leaves nothing to clean up."""

import fcntl
import os
import socket
import time
from contextlib import suppress
from pathlib import Path

from codeit_jax.config.errors import LockedError, StorageError, shown

LOCK_FILE = "LOCK"
_READ_BYTES = 4096


class DirectoryLock:
    """A directory, locked for this process.

    Args:
        path: created if missing.

    Attributes:
        left_by: who held it before and died without giving it back; None if nobody did.

    Raises:
        LockedError: another process holds it.
        StorageError: the path can't be created, or not be locked.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptors: list[int] = []
        try:
            path.mkdir(parents=True, exist_ok=True)
            # The folder itself, since the file in it can be removed, and another one of that name be locked beside it;
            # and the file, since network file systems lock nothing that is open for reading only.
            self._descriptors.append(os.open(path, os.O_RDONLY | os.O_DIRECTORY))
            self._file = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
            self._descriptors.append(self._file)
        except OSError as error:
            self._close()
            raise StorageError(f"{path}: can't be used as a run directory ({error.strerror})") from None
        self._take()
        # Whoever gives the directory back empties the file.
        self.left_by = self._holder()
        self._write(f"pid {os.getpid()} on {socket.gethostname()}, started {time.strftime('%Y-%m-%d %H:%M:%S')}\n")

    def release(self) -> None:
        """Give the directory back; the file stays: after a removal two processes could each lock one."""
        if self._descriptors:
            self._write("")
            self._close()

    def _take(self) -> None:
        for descriptor in self._descriptors:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = self._holder() or "an unknown process"
                self._close()
                problem = f"{self._path}: in use by {holder}; expected one run at a time in a directory"
                raise LockedError(problem) from None
            except OSError as error:
                if descriptor == self._file:
                    self._close()
                    raise StorageError(f"{self._path}: can't be locked ({error.strerror})") from None

    def _holder(self) -> str | None:
        """Return the line in the file; whose it is says nothing about who holds the lock."""
        text = os.pread(self._file, _READ_BYTES, 0).decode(errors="replace").strip()
        # As it may be anybody's: without what a terminal would obey.
        return (text if text.isprintable() else shown(text)) or None

    def _write(self, line: str) -> None:
        # Only for people: a disk that is full even for this is no reason to end.
        with suppress(OSError):
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, line.encode(), 0)

    def _close(self) -> None:
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors = []
