"""Exact and property tests of charts: scales hold all values, every drawing has every point, CSV comes back."""

import csv
import io
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeit_jax.charts.chart import Axis, Chart, Series, make_scale, tick_text, to_csv
from codeit_jax.charts.png_chart import can_draw_png, chart_png
from codeit_jax.charts.svg_chart import DARK, LIGHT, chart_svg

LINES = Chart(
    title="Solved <tasks>",
    x=Axis(label="meta-iteration", whole=True),
    y=Axis(label="share of tasks"),
    series=(
        Series(name="a & b", points=[(0, 0.1), (1, 0.2), (2, 0.4)], band=[(0.1, 0.1), (0.1, 0.3), (0.2, 0.5)]),
        Series(name="paper", points=[(0, 0.3), (2, 0.3)], dashed=True, color=1),
        Series(name="nothing", points=[]),
        Series(name="one", points=[(1, 0.15)], color=2),
    ),
)
BARS = Chart(
    title="Lengths",
    x=Axis(label="lines", categories=tuple(f"{n}-{n + 4}" for n in range(0, 60, 5))),
    y=Axis(label="tasks"),
    series=(
        Series(name="solved", points=[(0, 4.0), (1, 2.0)], style="bars"),
        Series(name="not", points=[(1, 3.0)], style="bars", color=1, band=[(2.0, 4.0)]),
    ),
)
LOGS = Chart(
    title="Programs",
    x=Axis(label="programs", log=True),
    y=Axis(label="tokens", log=True),
    series=(Series(name="tasks", points=[(3, 7), (40, 20), (90_000, 800)], style="dots"),),
)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
@settings(deadline=None)
def test_a_scale_holds_all_values_with_ticks_at_both_ends(values):
    scale = make_scale(values, Axis(label="x"))
    assert scale.low <= min(values) + 1e-9
    assert scale.high >= max(values) - 1e-6 * max(1, abs(max(values)))
    assert (scale.ticks[0], scale.ticks[-1]) == (scale.low, scale.high)
    assert 2 <= len(scale.ticks) <= 12


@given(st.lists(st.floats(1e-4, 1e9), min_size=1))
@settings(max_examples=50, deadline=None)
def test_a_logarithmic_scale_holds_all_values(values):
    scale = make_scale(values, Axis(label="x", log=True))
    assert all(-1e-6 <= scale.place(value) <= 1 + 1e-6 for value in values)
    assert scale.low <= min(scale.ticks) <= max(scale.ticks) <= scale.high


def test_ticks_are_at_round_values():
    assert make_scale([0.0, 0.147], Axis(label="y")).ticks == (0.0, 0.05, 0.1, 0.15)
    assert make_scale([0, 2], Axis(label="x", whole=True)).ticks == (0.0, 1.0, 2.0)
    assert make_scale([60, 3000], Axis(label="x", log=True)).ticks == (50, 100, 200, 500, 1000, 2000, 5000)
    assert make_scale([10, 1e6], Axis(label="x", log=True)).ticks == (10, 100, 1000, 10_000, 100_000, 1e6)
    assert make_scale([3.0, 3.5], Axis(label="y", zero=False)).low == 3.0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.05, "0.05"),
        (200, "200"),
        (2500, "2.5k"),
        (2512, "2512"),
        (100_000, "100k"),
        (2e6, "2M"),
        (1e9, "1B"),
        (-1, "-1"),
    ],
)
def test_ticks_have_short_names(value, text):
    assert tick_text(value) == text


def elements(chart):
    root = ET.fromstring(chart_svg(chart, standalone=True))
    return [(element.tag.rpartition("}")[2], element) for element in root.iter()]


@pytest.mark.parametrize("chart", [LINES, BARS, LOGS], ids=lambda chart: chart.title)
def test_a_drawing_has_both_axes_their_units_and_a_legend(chart):
    texts = [element.text for tag, element in elements(chart) if tag == "text"]
    assert chart.x.label in texts
    assert chart.y.label in texts
    assert [text for text in texts if text in {series.name for series in chart.series}] == [
        series.name for series in chart.series if series.points
    ]
    assert set(chart.x.categories) <= set(texts)
    [title] = [element.text for tag, element in elements(chart) if tag == "title"]
    assert title == chart.title


def test_points_are_where_the_scales_say():
    lines = [
        e.get("d") for tag, e in elements(LINES) if tag == "path" and "line" in e.get("class") and "L" in e.get("d")
    ]
    # From (0, 0.1) to (2, 0.4): the drawing is 556 wide and 238 high, its y axis from 0 to 0.5 points down.
    assert lines[0] == "M64.0 202.4L342.0 154.8L620.0 59.6"
    circles = [(e.get("cx"), e.get("cy")) for tag, e in elements(LINES) if tag == "circle"]
    assert circles == [("342.0", "178.6")]


def test_bars_stand_side_by_side_on_the_axis():
    bars = [e.get("d") for tag, e in elements(BARS) if tag == "path" and "mark" in e.get("class") and "V" in e.get("d")]
    lefts = [float(bar[1:].split()[0]) for bar in bars]
    rights = [float(bar.partition("H")[2].partition("V")[0]) for bar in bars]
    assert lefts == sorted(lefts)
    assert lefts[2] == pytest.approx(rights[1])
    assert {bar.split()[1].partition("V")[0] for bar in bars} == {"250.0"}


def test_an_empty_chart_is_drawn_too():
    empty = Chart(title="t", x=Axis(label="x"), y=Axis(label="y"), series=())
    assert [tag for tag, _ in elements(empty)].count("text") >= 4
    assert to_csv(empty) == "series,x,y,low,high\n"


@pytest.mark.parametrize("chart", [LINES, BARS, LOGS], ids=lambda chart: chart.title)
def test_every_point_is_in_the_csv(chart):
    head, *rows = csv.reader(io.StringIO(to_csv(chart)))
    assert head == ["series", chart.x.label, chart.y.label, "low", "high"]
    categories = chart.x.categories
    wanted = [
        [series.name, categories[int(x)] if categories else str(x), str(y), *(map(str, band) if band else ("", ""))]
        for series in chart.series
        for (x, y), band in zip(series.points, series.band or [()] * len(series.points), strict=True)
    ]
    assert rows == wanted


@pytest.mark.parametrize(("colors", "background"), [(LIGHT, 1.0), (DARK, 0.0)])
def test_colors_differ_and_stand_out(colors, background):
    assert len(set(colors)) == len(colors)
    for color in colors:
        parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        # WCAG 2.1, 1.4.11: graphics need a contrast of 3 to 1.
        light, dark = max(luminance, background), min(luminance, background)
        assert (light + 0.05) / (dark + 0.05) >= 3, color


@pytest.mark.skipif(not can_draw_png(), reason="needs matplotlib, extra `plot`")
@pytest.mark.parametrize("chart", [LINES, BARS, LOGS], ids=lambda chart: chart.title)
def test_a_png_is_the_same_each_time(chart):
    drawn = chart_png(chart)
    assert drawn[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(drawn[16:20]) == 960
    assert drawn == chart_png(chart)
