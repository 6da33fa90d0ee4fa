"""Lines over meta-iterations, as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

from codeit_jax.reporting.markup import escape

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 720, 300, 40, 30
# Dark enough on white, and not the grids' palette: a line's color says nothing about a cell's.
_COLORS = ("#0074d9", "#c8452e", "#2b8a3e", "#8a2be2", "#b8860b", "#444444")
_MAX_TICKS = 10


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        name: its name in the legend.
        points: (meta-iteration, value), ascending.
        color: number of its color; lines of one run share it.
        dashed: whether it is dashed, to tell lines of one run apart.
    """

    name: str
    points: Sequence[tuple[int, float]]
    color: int
    dashed: bool = False


def chart_svg(lines: Sequence[Line], label: str) -> str:
    """Return an SVG chart of lines, from 0 upwards, with a legend; the label says what the values are."""
    # `default`: a run that was stopped before its first score still has a page.
    last = max((x for line in lines for x, _ in line.points), default=0)
    highest = max((y for line in lines for _, y in line.points), default=0)
    x_step, y_step = _tick_step(last), _tick_step(highest)
    top = max(-(-int(highest) // y_step), 1) * y_step  # rounded up to a tick

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            # SVG's y axis points down. One decimal is a tenth of a pixel and keeps the page small.
            round(_LEFT + x / max(last, 1) * (_WIDTH - _LEFT - 10), 1),
            round((1 - y / top) * (_HEIGHT - _BOTTOM - 10) + 10, 1),
        )

    parts = [f'<svg width="{_WIDTH}" height="{_HEIGHT + 18 * len(lines)}" class="chart">']
    for value in range(0, top + 1, y_step):
        left, y = place(0, value)
        parts.append(f'<path d="M{left} {y}H{_WIDTH - 10}" class="rule"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{value}</text>')
    for iteration in range(0, last + 1, x_step):
        x, y = place(iteration, 0)
        parts.append(f'<text x="{x}" y="{y + 16}" text-anchor="middle">{iteration}</text>')
    parts.append(f'<text x="{_WIDTH - 10}" y="{_HEIGHT - 2}" text-anchor="end">meta-iteration; {escape(label)}</text>')
    for number, line in enumerate(lines):
        points = " ".join(f"{x},{y}" for x, y in (place(*point) for point in line.points))
        style = f'stroke="{_COLORS[line.color % len(_COLORS)]}"' + (' stroke-dasharray="5 4"' if line.dashed else "")
        parts.append(f'<polyline points="{points}" {style}/>')
        y = _HEIGHT + 18 * number + 8
        parts.append(
            f'<path d="M{_LEFT} {y}h30" {style}/><text x="{_LEFT + 38}" y="{y + 4}">{escape(line.name)}</text>'
        )
    return "".join([*parts, "</svg>"])


def _tick_step(largest: float) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, ... that needs no more than ten ticks."""
    step = 1
    while largest / step > _MAX_TICKS:
        # 2, 20, ... is followed by 5, 50, ...; 1 and 5 are doubled.
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    return step
