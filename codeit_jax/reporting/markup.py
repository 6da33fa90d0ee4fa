"""Text and grids as HTML and SVG."""

import html
import unicodedata
from collections import Counter

from codeit_jax.arc import Grid

# ARC's own palette, as on its site and in the papers.
_COLORS = (
    *("#000000", "#0074d9", "#ff4136", "#2ecc40", "#ffdc00"),
    *("#aaaaaa", "#f012be", "#ff851b", "#7fdbff", "#870c25"),
)
_CELL = 9  # pixels of a cell where there is room

GRID_STYLE = (
    "".join(f".k{number}{{stroke:{color}}}" for number, color in enumerate(_COLORS))
    + ".grid{max-width:100%;height:auto;shape-rendering:crispEdges}.grid rect{stroke:none}"
    + "".join(f".f{number}{{fill:{color}}}" for number, color in enumerate(_COLORS))
)
"""CSS that pages with grids need in their heads."""

GRID_LINES = (
    '<svg width="0" height="0" class="hidden" aria-hidden="true"><defs><pattern id="cells" width="1" height="1" '
    'patternUnits="userSpaceOnUse"><path d="M1 0H0V1" fill="none" stroke="#777" stroke-width=".08"/></pattern></defs>'
    "</svg>"
)
"""What pages with grids need once, before the first: the lines between cells."""


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
    """Return a figure of a grid with its title below; None is the text `no grid`.

    The page has `GRID_STYLE` and `GRID_LINES`.
    """
    caption = f"<figcaption>{escape(title)}</figcaption>"
    if grid is None:
        return f'<figure><span class="none">no grid</span>{caption}</figure>'
    width, height = len(grid[0]), len(grid)
    # The commonest color is one rectangle below all, each run of another a stroke of its row: a tenth of the text that
    # a rectangle for each cell would take, and a page has thousands of grids.
    counts = Counter(color for row in grid for color in row)
    background = min(counts, key=lambda color: (-counts[color], color))
    strokes: dict[int, list[str]] = {}
    for row, colors in enumerate(grid):
        for column, length, color in _runs(colors):
            if color != background:
                strokes.setdefault(color, []).append(f"M{column} {row}.5h{length}")
    paths = "".join(f'<path class="k{color}" d="{"".join(strokes[color])}"/>' for color in sorted(strokes))
    area = f'width="{width}" height="{height}"'
    size = f'width="{width * _CELL}" height="{height * _CELL}" viewBox="0 0 {width} {height}"'
    label = f"{title}: {height} rows, {width} columns"
    return (
        f'<figure><svg {size} class="grid" role="img" aria-label="{escape(label)}"><rect {area} class="f{background}"/>'
        f'{paths}<rect {area} fill="url(#cells)"/></svg>{caption}</figure>'
    )


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
