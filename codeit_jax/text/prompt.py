"""The paper's prompt as text: each grid as its background and the cells of every other colour.

Source: the CodeIt paper (arXiv 2402.04858); `docs/prompts.md` says where the released code differs.
"""

from collections import Counter
from collections.abc import Sequence

from codeit_jax.arc import Example, Grid, area

MAX_DEMONSTRATIONS = 10
"""Demonstrations in a prompt at most (the paper's limit; no ARC-1 task has more)."""

GRID_SEPARATOR = "|"


def order_demonstrations(demonstrations: Sequence[Example]) -> list[Example]:
    """Return up to `MAX_DEMONSTRATIONS` demonstrations by ascending number of cells, ties in the task's order.

    The smallest come first, so that cutting a prompt at its end costs the largest.
    """
    return sorted(demonstrations, key=_num_cells)[:MAX_DEMONSTRATIONS]


def format_prompt(demonstrations: Sequence[Example]) -> tuple[str, str]:
    """Return the text of all inputs, and that of all outputs with a newline before it, in the order given."""
    inputs = GRID_SEPARATOR.join(format_grid(example.input) for example in demonstrations)
    outputs = GRID_SEPARATOR.join(format_grid(example.output) for example in demonstrations)
    return inputs, "\n" + outputs


def format_grid(grid: Grid) -> str:
    """Return e.g. `3x3 background=0 2=0,1 2,2 5=1,1`: colours ascending, cells (row, column) row-major.

    The background is the most common colour, the smallest of several.
    """
    background = background_colour(grid)
    cells: dict[int, list[str]] = {}
    for row, colours in enumerate(grid):
        for column, colour in enumerate(colours):
            if colour != background:
                cells.setdefault(colour, []).append(f"{row},{column}")
    header = f"{len(grid)}x{len(grid[0])} background={background}"
    return " ".join([header, *(f"{colour}={' '.join(cells[colour])}" for colour in sorted(cells))])


def background_colour(grid: Grid) -> int:
    """Return the most common colour, the smallest of several."""
    counts = Counter(colour for row in grid for colour in row)
    return min(counts, key=lambda colour: (-counts[colour], colour))


def _num_cells(example: Example) -> int:
    return area(example.input) + area(example.output)
