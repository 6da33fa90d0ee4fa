"""A chart as data: axes with their units, and series of points."""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Style = Literal["line", "dots", "bars"]
Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis.

    Attributes:
        label: what is on it, with its unit.
        log: whether it is logarithmic; then all values are positive.
        categories: names of the whole numbers from 0 on, for bars; empty for a numeric axis.
        zero: whether a numeric axis that isn't logarithmic begins at 0.
        whole: whether its values are whole numbers, so that no tick is between two.
    """

    label: str
    log: bool = False
    categories: tuple[str, ...] = ()
    zero: bool = True
    whole: bool = False


@dataclass(frozen=True, kw_only=True)
class Series:
    """Points of one kind.

    Attributes:
        name: in the legend.
        points: (x, y), ascending by x.
        band: (low, high) at each point, such as the range over seeds; empty for none.
        style: how they are drawn.
        color: its number; series of one thing share it.
        dashed: whether the line is dashed: what others published, or a second kind of the same thing.
    """

    name: str
    points: Sequence[Point]
    band: Sequence[Point] = ()
    style: Style = "line"
    color: int = 0
    dashed: bool = False


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart.

    Attributes:
        title: what it shows; also read to who can't see it.
        x, y: the axes.
        series: in the order of the legend; those without points are left out.
    """

    title: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The range of an axis and its ticks.

    Attributes:
        low, high: ends; of a logarithmic axis powers of ten or parts of them.
        ticks: values that are named.
        log: whether distances are those of logarithms.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool

    def place(self, value: float) -> float:
        """Return where a value is, from 0 at the low end to 1 at the high one."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def make_scale(values: Sequence[float], axis: Axis) -> Scale:
    """Return a scale that holds all values, with three to eleven ticks at round numbers."""
    if axis.categories:
        count = len(axis.categories)
        return Scale(low=-0.5, high=count - 0.5, ticks=tuple(map(float, range(count))), log=False)
    if axis.log:
        return _log_scale([value for value in values if value > 0])
    low, high = (min(values, default=0.0), max(values, default=1.0))
    low = min(low, 0.0) if axis.zero else low
    if high <= low:
        high = low + 1.0
    step = max(_round_step((high - low) / 6), 1.0 if axis.whole else 0.0)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(round(number * step, 10) for number in range(first, last + 1))
    return Scale(low=ticks[0], high=ticks[-1], ticks=ticks, log=False)


def tick_text(value: float) -> str:
    """Return a tick's name, short and without noise: `0.05`, `200`, `10k`, `2M`, `1B`."""
    for factor, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 10 * factor or (abs(value) >= factor and value % (factor / 10) == 0):
            return f"{value / factor:.4g}{letter}"
    return f"{value:.4g}"


def to_csv(chart: Chart) -> str:
    """Return all points as CSV: series, x, y, low, high; the column names are the axes' labels."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["series", chart.x.label, chart.y.label, "low", "high"])
    for series in chart.series:
        for number, (x, y) in enumerate(series.points):
            low, high = series.band[number] if series.band else ("", "")
            writer.writerow([series.name, chart.x.categories[int(x)] if chart.x.categories else x, y, low, high])
    return file.getvalue()


def drawn_series(chart: Chart) -> tuple[Series, ...]:
    """Return the series that have points."""
    return tuple(series for series in chart.series if series.points)


def values_of(chart: Chart) -> tuple[list[float], list[float]]:
    """Return all values of x, and of y with those of the bands."""
    xs = [x for series in chart.series for x, _ in series.points]
    ys = [y for series in chart.series for _, y in series.points]
    return xs, ys + [y for series in chart.series for band in series.band for y in band]


def offsets_of_bars(chart: Chart) -> Iterator[tuple[Series, float, float]]:
    """Yield each series of bars with the width of its bars and their offset from the middle, in categories."""
    bars = [series for series in drawn_series(chart) if series.style == "bars"]
    width = 0.8 / max(len(bars), 1)
    for number, series in enumerate(bars):
        yield series, width, (number - (len(bars) - 1) / 2) * width


def _log_scale(values: Sequence[float]) -> Scale:
    low, high = min(values, default=1.0), max(values, default=10.0)
    # Down and up to 1, 2 or 5 times a power of ten, so that a curve over two decades doesn't fill half of five.
    marks = [factor * 10.0**power for power in range(-9, 13) for factor in (1, 2, 5)]
    first = max(mark for mark in marks if mark <= low * (1 + 1e-9))
    last = min(mark for mark in marks if mark >= high * (1 - 1e-9) and mark > first)
    inside = [mark for mark in marks if first <= mark <= last]
    # Every mark where there are few, or else the powers of ten.
    powers = [mark for mark in inside if math.log10(mark) % 1 in (0.0, 1.0)]
    return Scale(low=first, high=last, ticks=tuple(inside if len(inside) <= 7 else powers), log=True)


def _round_step(least: float) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that isn't below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))
