"""Files that are whole or not there: one atomic write, one digest."""

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path

from codeit_jax.config.errors import StorageError
from codeit_jax.storage.faults import fault_point

TEMPORARY = ".*.tmp"
"""Pattern of what a process that was killed while it wrote may leave beside a file."""


def write_atomically(path: Path, text: str) -> None:
    """Replace a file so that a reader, or a crash, sees the old text or the new one, never a part.

    Raises:
        StorageError: the disk is full or can't be written.
    """
    # In the same folder, for a rename is atomic within one file system only; under a fresh name, which nobody can have
    # made a link of, and which two commands that write the same file don't share.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        fault_point(path.name)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                # Before the rename: else a power failure may leave the new name with none of the new bytes.
                os.fsync(file.fileno())
            os.replace(temporary, path)
            sync_directory(path.parent)
        except BaseException:  # Ctrl-C included
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageError(f"{path}: can't be written ({error.strerror})") from None


def sync_directory(path: Path) -> None:
    """Make the names in a folder durable: a file that is synced may else be gone after a power failure."""
    # Some network file systems refuse; they have no more to offer.
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex.

    Raises:
        OSError: it can't be read.
    """
    with open(path, "rb") as file:  # in blocks, whatever its size; without the interpreter lock
        return hashlib.file_digest(file, "sha256").hexdigest()
