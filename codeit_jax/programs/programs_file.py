"""Loading programs files, ours included, and writing them atomically."""

import os
from collections.abc import Sequence
from pathlib import Path

from codeit_jax.config.errors import UserError
from codeit_jax.programs.solver_file import SeedProgram, format_programs, parse_programs
from codeit_jax.storage.files import write_atomically

# Not named *.py: it looks like Python and is data (see solver_file).
BUILTIN_FILE = Path(__file__).parent / "builtin" / "arc1_training.txt"
"""The seed programs that ship with the package."""

MAX_FILE_BYTES = 64 << 20
"""The largest file that is read; our 399 programs have 0.1 MB."""


def load_programs(source: str | os.PathLike[str]) -> list[SeedProgram]:
    """Load a programs file.

    Args:
        source: a file, or `builtin` for the programs that ship with the package (tasks of `arc1/training`).

    Raises:
        UserError: the file is missing, unreadable, too large, or not a programs file.
    """
    path = BUILTIN_FILE if source == "builtin" else Path(source).expanduser()
    return parse_programs(_read_text(path), where=str(path))


def write_programs(path: str | os.PathLike[str], seeds: Sequence[SeedProgram], *, header: str = "") -> None:
    """Write a programs file atomically: readers see the old content or the new one.

    Args:
        path: the file; its folder must exist.
        seeds: at most one program a task.
        header: lines of text for a comment at the top.

    Raises:
        UserError: the format can't carry these programs.
        StorageError: the file can't be written.
    """
    target = Path(path).expanduser()
    # Without trailing blanks: an empty line of the header is a bare `#`.
    comment = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
    content = (comment + "\n\n" if comment else "") + format_programs(seeds)
    write_atomically(target, content)


def _read_text(path: Path) -> str:
    try:
        size = path.stat().st_size
        # Before reading: a path given by mistake may be a checkpoint of gigabytes.
        if size > MAX_FILE_BYTES:
            raise UserError(f"{path}: the file has {size} bytes, expected at most {MAX_FILE_BYTES}")
        # -sig: editors on Windows put a byte order mark in front.
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file, expected a programs file or `builtin`") from None
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: found bytes that are not UTF-8 at offset {error.start}, expected a text file"
        ) from None
