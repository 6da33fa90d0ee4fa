"""Figure 8 of the paper: ConceptARC by concept, from the files that `evaluate --output` writes."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from codeit_jax.charts.chart import Axis, Chart, Series
from codeit_jax.config.errors import UserError
from codeit_jax.config.input_files import read_json
from codeit_jax.laboratory.figure import Figure
from codeit_jax.laboratory.published import FIGURE_8

_MAX_FILE_BYTES = 256 << 20
_TITLE = "Figure 8: ConceptARC by concept"


def read_evaluations(paths: Iterable[Path]) -> list[tuple[str, dict[str, Any]]]:
    """Read files of `evaluate --output` with their names.

    Raises:
        UserError: a file isn't one.
    """
    evaluations = []
    for path in paths:
        try:
            content = read_json(path.expanduser(), max_bytes=_MAX_FILE_BYTES)
        except UserError:
            content = None
        if not isinstance(content, dict) or not isinstance(content.get("concepts"), dict):
            raise UserError(f"{path}: can't be read, expected a file that `codeit-jax evaluate --output` wrote")
        evaluations.append((path.stem, content))
    return evaluations


def figure_8(evaluations: Sequence[tuple[str, dict[str, Any]]]) -> Figure:
    """Return the share of tests solved of each concept, with the paper's at temperature 1."""
    by_concept = [(name, content) for name, content in evaluations if content["concepts"]]
    if not by_concept:
        missing = (
            "Not run. It takes codeit-jax evaluate RUN --tasks conceptarc:DIR --num 60 --temperature 1 --output FILE, "
            "the same with temperature 0, and --evaluation FILE here."
        )
        return Figure(name="figure08", title=_TITLE, chart=None, note=missing)
    concepts = tuple(sorted({*FIGURE_8, *(concept for _, content in by_concept for concept in content["concepts"])}))
    series = [
        Series(
            name=f"{name}: temperature {content['temperature']:g}",
            points=[
                (float(concepts.index(concept)), counts["tests"]["pass@3"] / counts["tests"]["count"])
                for concept, counts in sorted(content["concepts"].items())
                if counts["tests"]["pass@3"] is not None
            ],
            style="bars",
            color=color,
        )
        for color, (name, content) in enumerate(by_concept)
    ]
    paper = [(float(concepts.index(concept)), share) for concept, share in sorted(FIGURE_8.items())]
    series.append(Series(name="paper: temperature 1", points=paper, style="bars", color=6))
    chart = Chart(
        title=_TITLE,
        x=Axis(label="concept", categories=concepts),
        y=Axis(label="tests solved, share (pass@3)"),
        series=tuple(series),
    )
    return Figure(name="figure08", title=_TITLE, chart=chart, note="The paper's values are read off its plot, ±0.01.")
