"""Text and grids as HTML and SVG."""

import html
import unicodedata

from codeit_jax.arc import Grid

_COLOURS = (
    *("#000000", "#0074d9", "#ff4136", "#2ecc40", "#ffdc00"),
    *("#aaaaaa", "#f012be", "#ff851b", "#7fdbff", "#870c25"),
)
_CELL = 9


def escape(text: str) -> str:
    r"""Return text for any place in the page, attributes included.

    Direction marks and other invisible format characters become character references, which mean the same. What HTML
    can't hold at all, control characters and lone surrogates, is written as `\x1b`.
    """
    return "".join(_ESCAPES.get(character) or _escape_rare(character) for character in text)


_ESCAPES = {chr(code): html.escape(chr(code)) for code in (9, 10, *range(32, 127))}


def _escape_rare(character: str) -> str:
    match unicodedata.category(character):
        case "Cc" | "Cs":
            return f"\\x{ord(character):02x}"
        case "Cf" | "Zl" | "Zp":
            return f"&#x{ord(character):x};"
    return character


def grid_svg(grid: Grid | None, title: str) -> str:
    """Draw a grid with its title below; None is an empty frame."""
    caption = f"<figcaption>{escape(title)}</figcaption>"
    if grid is None:
        return f'<figure><span class="none">no grid</span>{caption}</figure>'
    width, height = len(grid[0]) * _CELL, len(grid) * _CELL
    cells = "".join(
        f'<rect x="{column * _CELL}" y="{row * _CELL}" width="{length * _CELL}" height="{_CELL}" '
        f'fill="{_COLOURS[colour]}"/>'
        for row, colours in enumerate(grid)
        for column, length, colour in _runs(colours)
    )
    lines = "".join(f"M{x} 0V{height}" for x in range(0, width + 1, _CELL))
    lines += "".join(f"M0 {y}H{width}" for y in range(0, height + 1, _CELL))
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return f'<figure><svg {size}>{cells}<path d="{lines}" class="lines"/></svg>{caption}</figure>'


def _runs(colours: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Return start, length and colour of each run of a row."""
    runs: list[tuple[int, int, int]] = []
    for column, colour in enumerate(colours):
        if runs and runs[-1][2] == colour:
            start, length, _ = runs[-1]
            runs[-1] = (start, length + 1, colour)
        else:
            runs.append((column, 1, colour))
    return runs
