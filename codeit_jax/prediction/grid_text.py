"""Grids as text that models read and write: rows of digits, or the paper's sparse form; read leniently.

What is read is a model's text, long and arbitrary: every step takes time linear in its length.
"""

import re
from collections.abc import Iterator
from typing import Literal

from codeit_jax.arc import MAX_SIDE, Grid
from codeit_jax.text.prompt import format_grid

GridForm = Literal["rows", "sparse"]

MAX_CHARACTERS = 100_000
"""Of an answer that are looked at, from its end; the largest grid has 2,000."""

_THINKING_END = "</think>"  # where servers don't cut the reasoning off themselves
_FENCE = re.compile(r"^[ \t]*```[^\n`]*$", re.MULTILINE)
# A row: digits with commas, blanks, bars, brackets or quotes between and around them; at least one digit.
_DECORATION = str.maketrans(dict.fromkeys("[](){},;|\"'`", " "))
# Bounded: two unbounded runs of blanks in a row would take quadratic time.
_ROW_BREAK = re.compile(r"\[[ \t]{0,9}\[|\][ \t]{0,9}\]|[\])}][ \t]{0,9},?[ \t]{0,9}[\[({]")
_HEADER = re.compile(r"(\d{1,2}) ?[xX×*] ?(\d{1,2})[ ,;:]{1,3}background ?[=:] ?(\d)", re.ASCII)
_CELL = re.compile(r"[\s;,]{0,9}(?:(\d) ?[=:] ?)?\(?(\d{1,2}) ?, ?(\d{1,2})\)?(?!\d)", re.ASCII)


def grid_text(grid: Grid, form: GridForm) -> str:
    """Return a grid as a prompt shows it: `0 0 3` a row, or `2x3 background=0 3=0,2`."""
    if form == "sparse":
        return format_grid(grid)
    # Blanks between: most tokenizers make one token of each digit then, and none of several.
    return "\n".join(" ".join(map(str, row)) for row in grid)


def read_grid(text: str, form: GridForm, *, first: bool) -> Grid | None:
    """Return the grid that an answer gives.

    Args:
        text: a model's answer: a grid in about the asked form, perhaps with words, markup or reasoning around it.
        form: that was asked for; the other one is tried after it.
        first: take the first grid, of a text that goes on with more pairs; else the last, of one that thinks first.

    Returns:
        The grid; None if there is none, or if the one meant is ragged, empty or too large.
    """
    text = text[text.rfind(_THINKING_END) + len(_THINKING_END) :] if _THINKING_END in text else text
    text = text[:MAX_CHARACTERS] if first else text[-MAX_CHARACTERS:]
    readers = {"rows": _read_rows, "sparse": _read_sparse}
    other: GridForm = "sparse" if form == "rows" else "rows"
    # An answer in the sparse form has no line of digits alone, and rows have no header: they can't be mistaken.
    for reader in (readers[form], readers[other]):
        for part in _parts(text):
            found = reader(part)
            if found:
                return found[0 if first else -1]
    return None


def _parts(text: str) -> list[str]:
    """Return where to look for a grid: fenced blocks together, if there are any, and then the whole text."""
    # Inside and outside alternate; a fence that isn't closed is one to the end.
    fenced = _FENCE.split(text)[1::2]
    return ["\n\n".join(fenced), text] if fenced else [text]


def _read_rows(text: str) -> list[Grid | None]:
    """Return each block of adjacent rows of digits, None for one that is no grid."""
    blocks: list[list[tuple[int, ...]]] = [[]]
    for line in _lines(text):
        row = _row(line)
        if row is not None:
            blocks[-1].append(row)
        elif blocks[-1]:
            blocks.append([])
    return [_checked(block) for block in blocks if block]


def _lines(text: str) -> Iterator[str]:
    """Yield the lines of a text, and the rows of a list of lists as lines."""
    for line in text.split("\n"):
        yield from _ROW_BREAK.sub("\n", line).split("\n")


def _row(line: str) -> tuple[int, ...] | None:
    """Return the colors of a row; None for any other line."""
    words = line.translate(_DECORATION).split()
    # `0 0 3` or `003`; but not `10 12`, which are numbers.
    cells = words[0] if len(words) == 1 else "".join(words)
    if not cells or len(words) not in (1, len(cells)) or not (cells.isascii() and cells.isdecimal()):
        return None
    return tuple(map(int, cells)) if len(cells) <= MAX_SIDE else ()


def _checked(rows: list[tuple[int, ...]]) -> Grid | None:
    width = len(rows[0])
    is_grid = len(rows) <= MAX_SIDE and width > 0 and all(len(row) == width for row in rows)
    return tuple(rows) if is_grid else None


def _read_sparse(text: str) -> list[Grid | None]:
    """Return each grid in the sparse form, None for one with a side or a cell that can't be."""
    return [_sparse_grid(text, match) for match in _HEADER.finditer(text)]


def _sparse_grid(text: str, header: re.Match[str]) -> Grid | None:
    height, width, background = map(int, header.groups())
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        return None
    rows = [[background] * width for _ in range(height)]
    place, color = header.end(), None
    while match := _CELL.match(text, place):
        place = match.end()
        color = match[1] if match[1] is not None else color
        row, column = int(match[2]), int(match[3])
        if color is None or row >= height or column >= width:
            return None
        rows[row][column] = int(color)
    return tuple(map(tuple, rows))
