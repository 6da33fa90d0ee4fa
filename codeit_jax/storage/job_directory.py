"""The directory of a long job that isn't a run: its settings, and line files that only grow.

Lines are written when their work is done and are never changed, so a job that was killed anywhere resumes from what its
files hold. Each line ends with a check of itself and all lines before it: nothing of finished work changes unnoticed.
"""

import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from codeit_jax.config.errors import StorageError, UserError, shown
from codeit_jax.storage.run_directory import RunDirectory

SETTINGS_FILE = "settings.json"

_CHECK = "check"
_BLOCK_BYTES = 1 << 16


class JobDirectory:
    """A job's files, locked for this process.

    Args:
        path: created if missing.
        kind: of job, such as `mutate` or `search`.
        settings: what decides the job's results, as JSON values; a job only resumes with the settings that it began
            with.
        writes: see `RunDirectory`.

    Raises:
        LockedError: another process holds the directory.
        StorageError: the path can't be created, read or written.
        UserError: it holds a job with other settings, or something else.
    """

    def __init__(self, path: Path, kind: str, settings: Mapping[str, Any], *, writes: bool = True) -> None:
        self._directory = RunDirectory(path, kind, writes=writes)
        self.path = self._directory.path
        self.left_by = self._directory.left_by
        self._writes = writes
        self._checks: dict[str, int] = {}
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

        A file has to be read to its end before anything is appended.

        Args:
            name: of the file.

        Raises:
            StorageError: another line is damaged or missing, or the file can't be truncated.
        """
        path = self.path / name
        if self._writes:
            _drop_torn_line(path)
        check = 0
        for number, row in enumerate(self._directory.read(name), start=1):
            found = row.pop(_CHECK, None)
            check = _check_of(row, check)
            if found != check:
                raise StorageError(f"{path}:{number}: isn't as it was written, or a line before it is missing")
            yield row
        self._checks[name] = check

    def append(self, name: str, rows: Iterable[Mapping[str, Any]], *, durable: bool = False) -> None:
        """Append objects to a line file.

        Args:
            name: of the file.
            rows: the objects; a kill may tear the last line.
            durable: return when they are on the disk.

        Raises:
            StorageError: the disk is full or can't be written.
        """
        checked = []
        for row in rows:
            self._checks[name] = _check_of(row, self._checks.get(name, 0))
            checked.append({**row, _CHECK: self._checks[name]})
        self._directory.append(name, checked, durable=durable)

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
        except (OSError, ValueError, RecursionError):
            begun = None
        if not isinstance(begun, dict):
            raise StorageError(f"{file}: damaged, expected the settings of the job in this directory")
        # By the settings of this version: those that an earlier one also had are no matter.
        for name, value in settings.items():
            if begun.get(name) != value:
                expected = f"expected {shown(begun.get(name))} as in {file}; another value needs a new --run-dir"
                raise UserError(f"{name} is {shown(value)}, {expected}")


def _check_of(row: Mapping[str, Any], before: int) -> int:
    """Return the check of a row that follows lines with the check `before`."""
    return zlib.crc32(json.dumps(row).encode(), before)


def _drop_torn_line(path: Path) -> None:
    """Truncate a line file behind its last line end."""
    # Truncated on disk, not skipped: the next append would continue the torn line.
    try:
        with open(path, "r+b") as file:
            end = file.seek(0, os.SEEK_END)
            whole = end
            while whole:
                start = max(0, whole - _BLOCK_BYTES)
                file.seek(start)
                found = file.read(whole - start).rfind(b"\n")
                whole = start + found + 1
                if found >= 0:
                    break
            if whole < end:
                file.truncate(whole)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(f"{path}: can't be read ({error.strerror})") from None
