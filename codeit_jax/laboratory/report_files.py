"""A report's tables and figures as files, and as one JSON object."""

from pathlib import Path
from typing import Any

from codeit_jax.charts.chart import to_csv
from codeit_jax.charts.png_chart import can_draw_png, chart_png
from codeit_jax.charts.svg_chart import chart_svg
from codeit_jax.config.errors import StorageError
from codeit_jax.laboratory.figure import Figure
from codeit_jax.laboratory.report_content import Report
from codeit_jax.laboratory.tables import Table
from codeit_jax.storage.files import write_atomically


def write_figures(report: Report, folder: Path) -> list[str]:
    """Write each drawn figure as NAME.svg, NAME.csv and, where matplotlib is installed, NAME.png.

    Args:
        report: whose figures.
        folder: created if missing.

    Returns:
        The names of the files.

    Raises:
        StorageError: the folder or a file can't be written.
    """
    names = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for figure in report.all_figures():
            if figure.chart is None:
                continue
            write_atomically(folder / f"{figure.name}.svg", chart_svg(figure.chart, standalone=True) + "\n")
            write_atomically(folder / f"{figure.name}.csv", to_csv(figure.chart))
            names += [f"{figure.name}.svg", f"{figure.name}.csv"]
            if can_draw_png():
                (folder / f"{figure.name}.png").write_bytes(chart_png(figure.chart))
                names.append(f"{figure.name}.png")
    except OSError as error:
        raise StorageError(f"{folder}: can't be written ({error.strerror})") from None
    return names


def tables_json(report: Report) -> dict[str, Any]:
    """Return every table by its name, as JSON values."""
    return {table.name: _table_json(table) for table in report.all_tables()}


def figures_json(report: Report) -> dict[str, Any]:
    """Return every figure by its name, as JSON values; `series` is null where nothing was drawn."""
    return {figure.name: _figure_json(figure) for figure in report.all_figures()}


def _table_json(table: Table) -> dict[str, Any]:
    rows = [list(row) for row in table.rows]
    return {"title": table.title, "head": list(table.head), "rows": rows, "notes": list(table.notes)}


def _figure_json(figure: Figure) -> dict[str, Any]:
    content: dict[str, Any] = {"title": figure.title, "note": figure.note, "series": None}
    if figure.chart is not None:
        content |= {
            "x": figure.chart.x.label,
            "y": figure.chart.y.label,
            "categories": list(figure.chart.x.categories) or None,
            "series": [
                {"name": one.name, "points": [list(p) for p in one.points], "band": [list(b) for b in one.band]}
                for one in figure.chart.series
                if one.points
            ],
        }
    return content
