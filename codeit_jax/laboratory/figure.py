"""A figure of the report: a chart, or what is missing for it; and curves of an arm's seeds put together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codeit_jax.charts.chart import Chart, Point, Series
from codeit_jax.laboratory.arms import Arm

MAX_ARMS = 8
"""Arms that a chart shows: so many colors can be told apart."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure.

    Attributes:
        name: of its files and links, such as `figure04`.
        title: with its number in the paper, if it has one there.
        chart: what is drawn; None where the runs have nothing for it.
        note: how it was made and counted; without a chart, what it takes.
        programs: programs that belong to it, each with a heading.
    """

    name: str
    title: str
    chart: Chart | None
    note: str
    programs: tuple[tuple[str, str], ...] = ()


def train_arms(arms: Sequence[Arm]) -> list[Arm]:
    """Return the arms of training runs, as many as a chart shows."""
    return [arm for arm in arms if arm.kind == "train"][:MAX_ARMS]


def seeds_series(curves: Sequence[Mapping[float, float]], *, name: str, color: int, dashed: bool = False) -> Series:
    """Return the mean of the seeds' curves where all of them have a value, with the range over seeds as band.

    Args:
        curves: of each seed, y by x.
        name, color, dashed: of the series.
    """
    # Where one seed isn't as far as the others, a mean over the rest would jump.
    shared = sorted(set(curves[0]).intersection(*curves[1:]))
    values = [[one[x] for one in curves] for x in shared]
    points: list[Point] = [(x, sum(ys) / len(ys)) for x, ys in zip(shared, values, strict=True)]
    band = [(min(ys), max(ys)) for ys in values] if len(curves) > 1 else []
    return Series(name=name, points=points, band=band, color=color, dashed=dashed)


def seeds_name(arm: Arm, suffix: str = "") -> str:
    """Return an arm's name for a legend, with its number of seeds."""
    count = len(arm.runs)
    seeds = f"{count} seeds, mean and range" if count > 1 else "1 seed"
    return f"{arm.label}{suffix} ({seeds})"
