"""Grids on a terminal, side by side."""

from collections.abc import Iterator, Sequence

from codeit_jax.arc import Grid

# The palette that ARC's tasks are shown in, in xterm's 256 colors: the first 16 differ with the terminal's theme, so
# none of them is used.
_BACKGROUNDS = (16, 27, 196, 34, 220, 244, 201, 208, 117, 88)
_GAP = 2


def format_grids(grids: Sequence[tuple[str, Grid | None]], *, color: bool, width: int = 100) -> str:
    """Return titled grids side by side, in several rows of grids if they are too wide for one.

    Args:
        grids: titles and grids; None is shown as `no grid`.
        color: whether cells are colored blanks, for terminals, or digits.
        width: characters in a line of the terminal.
    """
    lines: list[str] = []
    for row in _rows([_Panel(title, grid, color) for title, grid in grids], width):
        height = max(len(panel.lines) for panel in row)
        for number in range(height):
            lines.append((" " * _GAP).join(panel.line(number) for panel in row).rstrip(" "))
        lines.append("")
    # Without the empty line behind the last row.
    return "\n".join(lines[:-1])


class _Panel:
    """One grid with its title, all lines of one visible width."""

    def __init__(self, title: str, grid: Grid | None, color: bool) -> None:
        # Widths are counted apart from the text, of which most is invisible escape sequences.
        if grid is None:
            body, widths = ["no grid"], [len("no grid")]
        elif color:
            # Two blanks make a cell about square.
            body = ["".join(f"\x1b[48;5;{_BACKGROUNDS[cell]}m  " for cell in row) + "\x1b[0m" for row in grid]
            widths = [2 * len(row) for row in grid]
        else:
            body = ["".join(map(str, row)) for row in grid]
            widths = [len(row) for row in grid]
        self.width = max(len(title), *widths)
        self.lines = [
            text + " " * (self.width - size) for text, size in zip([title, *body], [len(title), *widths], strict=True)
        ]

    def line(self, number: int) -> str:
        return self.lines[number] if number < len(self.lines) else " " * self.width


def _rows(panels: Sequence[_Panel], width: int) -> Iterator[list[_Panel]]:
    row: list[_Panel] = []
    for panel in panels:
        # A panel wider than the terminal gets a row of its own.
        if row and sum(other.width + _GAP for other in row) + panel.width > width:
            yield row
            row = []
        row.append(panel)
    if row:
        yield row
