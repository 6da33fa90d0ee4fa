"""Reading the files that users give: regular files of bounded size, whatever is wrong being one line."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from codeit_jax.config.errors import UserError, first_line


def read_bytes(path: Path, *, max_bytes: int) -> bytes:
    """Read a regular file of bounded size.

    Args:
        path: the file.
        max_bytes: the most that is read.

    Raises:
        UserError: it is missing, unreadable, too large, or a folder, pipe or device.
    """
    try:
        # Without waiting, for a pipe may have no writer; and looked at when it is open, for a name may change its file.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                raise UserError(f"{path}: not a regular file")
            # Before reading: a path given by mistake may be a checkpoint of gigabytes.
            if about.st_size > max_bytes:
                raise UserError(f"{path}: the file has {about.st_size} bytes, expected at most {max_bytes}")
            with open(descriptor, "rb", closefd=False) as file:
                content = file.read(max_bytes + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:  # a ValueError for a NUL in the name
        problem = getattr(error, "strerror", None) or first_line(error)
        raise UserError(f"{path}: can't be read ({problem})") from None
    # The files of /proc and /sys say that they have no bytes.
    if len(content) > max_bytes:
        raise UserError(f"{path}: the file has more than {max_bytes} bytes, expected fewer")
    return content


def read_text(path: Path, *, max_bytes: int) -> str:
    r"""Read a text file: UTF-8, or UTF-16 with a byte order mark, as editors on Windows write; line ends become `\n`.

    Raises:
        UserError: see `read_bytes`; or it is no text.
    """
    content = read_bytes(path, max_bytes=max_bytes)
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: found bytes that are not UTF-8 at offset {error.start}, expected a text file"
        ) from None
    if "\0" in text:
        raise UserError(f"{path}: found a NUL at offset {text.index(chr(0))}, expected a text file")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_json(path: Path, *, max_bytes: int, pairs_hook: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """Read a JSON file in any encoding of Unicode.

    Args:
        path: the file.
        max_bytes: the most that is read.
        pairs_hook: makes a value of the keys and values of each object; a ValueError of it is one line, too.

    Raises:
        UserError: see `read_bytes`; or it is no JSON.
    """
    content = read_bytes(path, max_bytes=max_bytes)
    try:
        # Bytes, of which the decoder finds out the encoding: editors on Windows write byte order marks, and UTF-16.
        return json.loads(content, object_pairs_hook=pairs_hook)
    # Bad UTF-8, bad JSON and integers of thousands of digits are ValueErrors; brackets nested some thousand deep
    # exhaust the decoder's stack.
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a JSON file ({first_line(error)[:100]})") from None
