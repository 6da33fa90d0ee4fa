"""Loading programs files, ours included, and writing them atomically."""

import os
from collections.abc import Sequence
from pathlib import Path

from codeit_jax.config.input_files import read_text
from codeit_jax.programs.solver_file import SeedProgram, format_programs, parse_programs
from codeit_jax.storage.files import write_atomically

# Not named *.py: it looks like Python and is data (see solver_file).
BUILTIN_FILE = Path(__file__).parent / "builtin" / "arc1_training.txt"
"""The seed programs that ship with the package."""

MAX_FILE_BYTES = 8 << 20
"""The largest file that is read; our 399 programs have 0.1 MB, the largest that is known, of 4,499, about 1 MB."""


def load_programs(source: str | os.PathLike[str], *, faults: dict[str, str] | None = None) -> list[SeedProgram]:
    """Load a programs file.

    Args:
        source: a file, or `builtin` for the programs that ship with the package (tasks of `arc1/training`).
        faults: see `parse_programs`.

    Raises:
        UserError: the file is missing, unreadable, too large, or not a programs file.
    """
    path = BUILTIN_FILE if source == "builtin" else Path(source).expanduser()
    return parse_programs(read_text(path, max_bytes=MAX_FILE_BYTES), where=str(path), faults=faults)


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
