"""The paper's prompt as text: each grid as its background and the cells of every other color.

Source: the CodeIt paper (arXiv 2402.04858); `docs/prompts.md` says where the released code differs.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from codeit_jax.arc import Example, Grid, area
from codeit_jax.config.schema import DemonstrationOrder, TextConfig

MAX_DEMONSTRATIONS = 10
"""Demonstrations in a prompt at most (the paper's limit; no ARC-1 task has more)."""

GRID_SEPARATOR = "|"


def order_demonstrations(demonstrations: Sequence[Example], order: DemonstrationOrder = "cells") -> list[Example]:
    """Return up to `MAX_DEMONSTRATIONS` demonstrations, the smallest first, ties in the task's order.

    So cutting a prompt at its end costs the largest.

    Args:
        demonstrations: of one task.
        order: what is small, see `text.demonstration_order`.
    """
    return sorted(demonstrations, key=_SIZES[order])[:MAX_DEMONSTRATIONS]


def shown_demonstrations(demonstrations: Sequence[Example], config: TextConfig) -> Sequence[Example]:
    """Return the demonstrations that a prompt shows: all, or the `num_demonstrations` smallest."""
    if config.num_demonstrations is None:
        return demonstrations
    return order_demonstrations(demonstrations, config.demonstration_order)[: config.num_demonstrations]


def format_prompt(demonstrations: Sequence[Example]) -> tuple[str, str]:
    """Return the text of all inputs, and that of all outputs with a newline before it, in the order given."""
    inputs = GRID_SEPARATOR.join(format_grid(example.input) for example in demonstrations)
    outputs = GRID_SEPARATOR.join(format_grid(example.output) for example in demonstrations)
    return inputs, "\n" + outputs


def format_grid(grid: Grid) -> str:
    """Return e.g. `3x3 background=0 2=0,1 2,2 5=1,1`: colors ascending, cells (row, column) row-major.

    The background is the most common color, the smallest of several.
    """
    background = background_color(grid)
    cells: dict[int, list[str]] = {}
    for row, colors in enumerate(grid):
        for column, color in enumerate(colors):
            if color != background:
                cells.setdefault(color, []).append(f"{row},{column}")
    header = f"{len(grid)}x{len(grid[0])} background={background}"
    return " ".join([header, *(f"{color}={' '.join(cells[color])}" for color in sorted(cells))])


def background_color(grid: Grid) -> int:
    """Return the most common color, the smallest of several."""
    # Not `most_common`, which breaks ties by what comes first in the grid.
    counts = Counter(color for row in grid for color in row)
    return min(counts, key=lambda color: (-counts[color], color))


def _num_cells(example: Example) -> int:
    return area(example.input) + area(example.output)


def _sides(example: Example) -> tuple[int, int]:
    return len(example.input) + len(example.output), len(example.input[0])


_SIZES: Mapping[DemonstrationOrder, Callable[[Example], int | tuple[int, int]]] = {
    "cells": _num_cells,
    "sides": _sides,
}
