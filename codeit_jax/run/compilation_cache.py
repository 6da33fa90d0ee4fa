"""JAX's cache of compiled programs: entries that can't be read are made again."""

import glob
import re
import warnings
from pathlib import Path
from typing import TextIO

import jax

_UNREADABLE = re.compile(r"Error reading persistent compilation cache entry for '([^']+)'")


def use_compilation_cache(folder: Path) -> None:
    """Keep compiled programs in a folder; must run before anything is compiled.

    Args:
        folder: made by JAX if missing. What is in it will be executed: it has to be the user's own.
    """
    jax.config.update("jax_compilation_cache_dir", str(folder))
    show = warnings.showwarning

    def replace_or_show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        unreadable = _UNREADABLE.match(str(message))
        if unreadable is None:
            show(message, category, filename, lineno, file, line)
            return
        # JAX warns, compiles, and leaves the entry, for it writes none whose name is taken: every later start would
        # compile again. It names the function only, so the entries of its other shapes go too.
        for entry in folder.glob(f"{glob.escape(unreadable[1])}-*"):
            entry.unlink(missing_ok=True)

    warnings.showwarning = replace_or_show
