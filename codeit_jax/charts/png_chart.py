"""Charts drawn as PNG by matplotlib, which the extra `plot` brings."""

import importlib.util
import io

from codeit_jax.charts.chart import Chart, drawn_series, make_scale, offsets_of_bars, tick_text, values_of
from codeit_jax.charts.svg_chart import LIGHT

_TILTED = 9  # categories from here on don't fit side by side


def can_draw_png() -> bool:
    """Return whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def chart_png(chart: Chart) -> bytes:
    """Return a chart as a PNG of 960 x 600 pixels and more, with the scales and colors of its SVG.

    Raises:
        ImportError: matplotlib isn't installed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Not pyplot: that has a global list of figures and looks for a display.
    figure = Figure(figsize=(6.4, 4.0), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for series, width, offset in offsets_of_bars(chart):
        middles, heights = [x + offset for x, _ in series.points], [y for _, y in series.points]
        axes.bar(middles, heights, width, color=LIGHT[series.color % len(LIGHT)], label=series.name)
        for x, (low, high) in zip(middles, series.band, strict=bool(series.band)):
            axes.plot([x, x], [low, high], color="#333333", linewidth=1)
    for series in drawn_series(chart):
        if series.style == "bars":
            continue
        xs, ys = zip(*series.points, strict=True)
        color, line = LIGHT[series.color % len(LIGHT)], "--" if series.dashed else "-"
        if series.band and len(xs) > 1:
            lows, highs = zip(*series.band, strict=True)
            axes.fill_between(xs, lows, highs, color=color, alpha=0.18, linewidth=0)
        if series.style == "line" and len(xs) > 1:
            axes.plot(xs, ys, line, color=color, label=series.name)
        else:
            axes.plot(xs, ys, "o", markersize=3, color=color, label=series.name)
    for axis, values, set_ticks, set_limits, set_scale in (
        (chart.x, values_of(chart)[0], axes.set_xticks, axes.set_xlim, axes.set_xscale),
        (chart.y, values_of(chart)[1], axes.set_yticks, axes.set_ylim, axes.set_yscale),
    ):
        scale = make_scale(values, axis)
        set_scale("log" if scale.log else "linear")
        # The ticks of the SVG, named alike: a reader may have both side by side.
        set_ticks(scale.ticks, axis.categories or [tick_text(tick) for tick in scale.ticks])
        set_ticks([], minor=True)
        set_limits(scale.low, scale.high)
    if len(chart.x.categories) >= _TILTED:
        axes.tick_params("x", rotation=40)
    axes.set(title=chart.title, xlabel=chart.x.label, ylabel=chart.y.label)
    axes.grid(axis="y", color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    if drawn_series(chart):
        # Below the axes, as in the SVG: inside them it would lie on the data.
        figure.legend(loc="outside lower left", fontsize=7, frameon=False)
    file = io.BytesIO()
    # Without the version and the time of drawing: equal charts are equal files.
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()
