"""The directory of a long job that isn't a run: its settings, and line files that only grow.

Lines are written when their work is done and are never changed, so a job that was killed anywhere resumes from what its
files hold.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from codeit_jax.config.errors import StorageError, UserError
from codeit_jax.storage.run_directory import RunDirectory

SETTINGS_FILE = "settings.json"


class JobDirectory:
    """A job's files, locked for this process.

    Args:
        path: created if missing.
        kind: of job, `mutate` or `search`.
        settings: what decides the job's results, as JSON values; a job only resumes with the settings that it began
            with.

    Raises:
        LockedError: another process holds the directory.
        StorageError: the path can't be created, read or written.
        UserError: it holds a job with other settings, or something else.
    """

    def __init__(self, path: Path, kind: str, settings: Mapping[str, Any]) -> None:
        self._directory = RunDirectory(path, kind)
        self.path = self._directory.path
        # Nobody gets an object to close if this raises: the lock has to be given back here.
        try:
            self._write_or_check(settings)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "JobDirectory":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the directory."""
        self._directory.close()

    def rows(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the objects of a line file, without a last line that a kill tore off.

        Args:
            name: of the file.

        Raises:
            StorageError: another line is damaged, or the file can't be truncated.
        """
        try:
            _drop_torn_line(self.path / name)
        except OSError as error:
            raise StorageError(f"{self.path / name}: can't be read ({error.strerror})") from None
        yield from self._directory.read(name)

    def append(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append objects to a line file.

        Args:
            name: of the file.
            rows: the objects; a kill may tear the last line.

        Raises:
            StorageError: the disk is full or can't be written.
        """
        self._directory.append(name, list(rows))

    def write(self, name: str, text: str) -> None:
        """Replace a file, atomically.

        Raises:
            StorageError: the disk is full or can't be written.
        """
        self._directory.write(name, text)

    def _write_or_check(self, settings: Mapping[str, Any]) -> None:
        file = self.path / SETTINGS_FILE
        if not file.exists():
            self.write(SETTINGS_FILE, json.dumps(settings, indent=2) + "\n")
            return
        try:
            begun = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise StorageError(f"{file}: damaged, expected the settings of the job in this directory") from None
        # By the settings of this version: those that an earlier one also had are no matter.
        for name, value in settings.items():
            if begun.get(name) != value:
                expected = f"expected {begun.get(name)!r} as in {file}; another value needs a new --run-dir"
                raise UserError(f"{name} is {value!r}, {expected}")


def _drop_torn_line(path: Path) -> None:
    """Truncate a line file behind its last line end."""
    # Truncated on disk, not skipped: the next append would continue the torn line.
    if path.exists():
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(path, whole)
