"""Charts drawn as SVG, for light and dark, without scripts or anything from elsewhere."""

import textwrap
from collections.abc import Iterator, Sequence

from codeit_jax.charts.chart import (
    Chart,
    Scale,
    Series,
    drawn_series,
    make_scale,
    offsets_of_bars,
    tick_text,
    values_of,
)
from codeit_jax.reporting.markup import escape

LIGHT = ("#0072b2", "#d55e00", "#009e73", "#b14f8b", "#8a6d00", "#3a8fc2", "#555555", "#7a3e00")
"""Colors of series on white: Okabe and Ito's palette, darkened to a contrast of 3 to 1 and more."""

DARK = ("#56b4e9", "#ff9a4d", "#2fd0a2", "#e58ac4", "#e6c229", "#9ad0f5", "#c0c0c0", "#d9a066")
"""The same on black."""

_WIDTH, _HEIGHT = 640, 300  # of the drawing without its legend, in units of the viewBox
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 12, 50
_LEGEND_LINE = 20
_NAME_WIDTH = 72  # characters of a line of the legend: in most fonts more would leave the drawing
_TILTED = 9  # categories from here on are written aslant, since they don't fit side by side


def chart_style() -> str:
    """Return the CSS of all charts, for a page's head or inside a file of its own."""
    light = "".join(f".chart .s{n}{{stroke:{c};color:{c}}}" for n, c in enumerate(LIGHT))
    dark = "".join(f".chart .s{n}{{stroke:{c};color:{c}}}" for n, c in enumerate(DARK))
    return (
        ".chart{font:13px system-ui,sans-serif}.chart text{fill:#333}.chart .axis{stroke:#777;fill:none}"
        ".chart .rule{stroke:#ddd;stroke-width:1}.chart .line{fill:none;stroke-width:2}"
        # With the element's name, for else the colors below would win: they are as specific, and come later.
        ".chart path.band{fill:currentColor;fill-opacity:.18;stroke:none}.chart .mark{fill:currentColor}"
        ".chart path.mark{stroke:none}"
        f"{light}@media (prefers-color-scheme:dark){{.chart text{{fill:#ddd}}.chart .rule{{stroke:#444}}{dark}}}"
    )


def chart_svg(chart: Chart, *, standalone: bool = False) -> str:
    """Return a chart as SVG.

    Args:
        chart: what to draw.
        standalone: whether it is to be a file of its own, which needs its style and a namespace.
    """
    series = drawn_series(chart)
    xs, ys = values_of(chart)
    x_scale, y_scale = make_scale(xs, chart.x), make_scale(ys, chart.y)
    tilted = len(chart.x.categories) >= _TILTED
    # Room for the longest name aslant: 13 pixels of text are about 7 wide, of which the tilt leaves two thirds.
    bottom = _HEIGHT + (max(5 * len(name) - 10 for name in chart.x.categories) if tilted else 0)
    names = [textwrap.wrap(one.name, _NAME_WIDTH) or [""] for one in series]
    height = bottom + _LEGEND_LINE * sum(map(len, names)) + 6
    head = f'<svg viewBox="0 0 {_WIDTH} {height}" class="chart" role="img"'
    if standalone:
        head += f' xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
    label = f"{chart.title}. {chart.y.label} over {chart.x.label}"
    style = f"<style>.chart{{background:Canvas;color-scheme:light dark}}{chart_style()}</style>" if standalone else ""
    parts = [f'{head} aria-label="{escape(label)}">{style}<title>{escape(chart.title)}</title>']
    parts += _axes(chart, x_scale, y_scale, tilted=tilted, bottom=bottom)
    for one, width, offset in offsets_of_bars(chart):
        parts += _bars(one, x_scale, y_scale, width, offset)
    for one in series:
        if one.style != "bars":
            parts += _curve(one, x_scale, y_scale)
    y = bottom + 12
    for one, lines in zip(series, names, strict=True):
        parts += _legend(one, lines, y)
        y += _LEGEND_LINE * len(lines)
    return "".join([*parts, "</svg>"])


def _axes(chart: Chart, x_scale: Scale, y_scale: Scale, *, tilted: bool, bottom: int) -> Iterator[str]:
    low, high = _HEIGHT - _BOTTOM, _TOP
    for value in y_scale.ticks:
        y = _y(y_scale, value)
        yield f'<path class="rule" d="M{_LEFT} {y}H{_WIDTH - _RIGHT}"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{tick_text(value)}</text>'
    for value in x_scale.ticks:
        x = _x(x_scale, value)
        name = chart.x.categories[int(value)] if chart.x.categories else tick_text(value)
        yield f'<path class="axis" d="M{x} {low}v4"/>'
        turn = f' transform="rotate(-40 {x} {low + 14})" text-anchor="end"' if tilted else ' text-anchor="middle"'
        yield f'<text x="{x}" y="{low + 18}"{turn}>{escape(name)}</text>'
    yield f'<path class="axis" d="M{_LEFT} {high}V{low}H{_WIDTH - _RIGHT}"/>'
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    yield f'<text x="{middle}" y="{bottom - 10}" text-anchor="middle">{escape(chart.x.label)}</text>'
    across = (low + high) / 2
    turn = f'text-anchor="middle" transform="rotate(-90 14 {across})"'
    yield f'<text x="14" y="{across}" {turn}>{escape(chart.y.label)}</text>'


def _curve(series: Series, x_scale: Scale, y_scale: Scale) -> Iterator[str]:
    color = f"s{series.color % len(LIGHT)}"
    places = [(_x(x_scale, x), _y(y_scale, y)) for x, y in series.points]
    if series.band and len(places) > 1:
        tops = [f"{x} {_y(y_scale, high)}" for (x, _), (_, high) in zip(places, series.band, strict=True)]
        lows = [f"{x} {_y(y_scale, low)}" for (x, _), (low, _) in zip(places, series.band, strict=True)]
        yield f'<path class="band {color}" d="M{"L".join([*tops, *reversed(lows)])}Z"/>'
    if series.style == "line" and len(places) > 1:
        dash = ' stroke-dasharray="6 4"' if series.dashed else ""
        yield f'<path class="line {color}"{dash} d="M{"L".join(f"{x} {y}" for x, y in places)}"/>'
    else:
        # One point is no line: it would be invisible.
        yield from (f'<circle class="mark {color}" cx="{x}" cy="{y}" r="3"/>' for x, y in places)


def _bars(series: Series, x_scale: Scale, y_scale: Scale, width: float, offset: float) -> Iterator[str]:
    color = f"s{series.color % len(LIGHT)}"
    floor = _y(y_scale, max(y_scale.low, 0.0))
    for number, (x, y) in enumerate(series.points):
        left, right = (_x(x_scale, x + offset + side * width / 2) for side in (-1, 1))
        top = _y(y_scale, y)
        yield f'<path class="mark {color}" d="M{left} {floor}V{top}H{right}V{floor}Z"/>'
        if series.band:
            low, high = (_y(y_scale, value) for value in series.band[number])
            yield f'<path class="axis" d="M{round((left + right) / 2, 1)} {low}V{high}"/>'


def _legend(series: Series, lines: Sequence[str], y: int) -> Iterator[str]:
    color = f"s{series.color % len(LIGHT)}"
    if series.style == "line":
        dash = ' stroke-dasharray="6 4"' if series.dashed else ""
        mark = f'<path class="line {color}"{dash} d="M{_LEFT} {y - 4}h30"/>'
    else:
        mark = f'<path class="mark {color}" d="M{_LEFT + 10} {y - 9}h10v10h-10z"/>'
    yield mark
    for number, line in enumerate(lines):
        yield f'<text x="{_LEFT + 38}" y="{y + _LEGEND_LINE * number}">{escape(line)}</text>'


def _x(scale: Scale, value: float) -> float:
    # One decimal is a tenth of a pixel, and keeps pages small.
    return round(_LEFT + scale.place(value) * (_WIDTH - _LEFT - _RIGHT), 1)


def _y(scale: Scale, value: float) -> float:
    return round(_HEIGHT - _BOTTOM - scale.place(value) * (_HEIGHT - _BOTTOM - _TOP), 1)  # SVG's y axis points down
