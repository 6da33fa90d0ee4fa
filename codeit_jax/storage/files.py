"""Files that are whole or not there: one atomic write, one digest."""

import hashlib
import os
from pathlib import Path

from codeit_jax.config.errors import StorageError
from codeit_jax.storage.faults import fault_point


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
            # Before the rename: else a power failure may leave the new name with none of the new bytes.
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise StorageError(f"{path}: can't be written ({error.strerror})") from None


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex.

    Raises:
        OSError: it can't be read.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
