"""Text and grids as HTML and SVG."""

import html
import unicodedata

from codeit_jax.arc import Grid

# ARC's own palette, as on its site and in the papers.
_COLORS = (
    *("#000000", "#0074d9", "#ff4136", "#2ecc40", "#ffdc00"),
    *("#aaaaaa", "#f012be", "#ff851b", "#7fdbff", "#870c25"),
)
_CELL = 9  # pixels


def escape(text: str) -> str:
    r"""Return text escaped for any place in the page, attributes included.

    Direction marks and other invisible format characters become character references, which mean the same. What HTML
    can't contain at all, control characters and lone surrogates, is written as `\x1b`.
    """
    # Task ids and programs may come from somebody else's files; nothing in them may look like markup, or hide.
    return "".join(_ESCAPES.get(character) or _escape_rare(character) for character in text)


# A table for the usual characters: asking for a category is slow, and a page has many thousands of them.
_ESCAPES = {chr(code): html.escape(chr(code)) for code in (9, 10, *range(32, 127))}


def _escape_rare(character: str) -> str:
    # Cc are control characters, Cs lone surrogates; Cf, Zl and Zp are invisible marks and separators.
    match unicodedata.category(character):
        case "Cc" | "Cs":
            return f"\\x{ord(character):02x}"
        case "Cf" | "Zl" | "Zp":
            return f"&#x{ord(character):x};"
    return character


def grid_svg(grid: Grid | None, title: str) -> str:
    """Return a figure of a grid with its title below; None is the text `no grid`."""
    caption = f"<figcaption>{escape(title)}</figcaption>"
    if grid is None:
        return f'<figure><span class="none">no grid</span>{caption}</figure>'
    width, height = len(grid[0]) * _CELL, len(grid) * _CELL
    # A rectangle for each run of a color, not for each cell: most cells are background, so pages are far smaller.
    cells = "".join(
        f'<rect x="{column * _CELL}" y="{row * _CELL}" width="{length * _CELL}" height="{_CELL}" '
        f'fill="{_COLORS[color]}"/>'
        for row, colors in enumerate(grid)
        for column, length, color in _runs(colors)
    )
    # All grid lines are one path, for the same reason.
    lines = "".join(f"M{x} 0V{height}" for x in range(0, width + 1, _CELL))
    lines += "".join(f"M0 {y}H{width}" for y in range(0, height + 1, _CELL))
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return f'<figure><svg {size}>{cells}<path d="{lines}" class="lines"/></svg>{caption}</figure>'


def _runs(colors: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Return start, length and color of each run of a row."""
    runs: list[tuple[int, int, int]] = []
    for column, color in enumerate(colors):
        if runs and runs[-1][2] == color:
            start, length, _ = runs[-1]
            runs[-1] = (start, length + 1, color)
        else:
            runs.append((column, 1, color))
    return runs
