"""Golden test of the report of two recorded runs (`make_golden_report.py`), all of which is on the page, too."""

import html
import json

import pytest

from codeit_jax.charts.chart import to_csv
from codeit_jax.laboratory.page import build_page
from tests.laboratory.make_golden_report import DATA, GOLDEN, content_of, golden_report


@pytest.fixture(scope="module")
def report():
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(DATA)
        return golden_report()


def test_the_report_of_the_recorded_runs_is_the_golden_one(report):
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    found = json.loads(json.dumps(content_of(report)))
    assert found.keys() == golden.keys()
    for part in ("tables", "figures"):
        assert list(found[part]) == list(golden[part])
        for name in golden[part]:
            assert found[part][name] == golden[part][name], name
    assert found["tasks"] == golden["tasks"]


def test_every_cell_of_every_table_is_on_the_page(report):
    page = html.unescape(build_page(report))
    for table in report.all_tables():
        for cell in (*table.head, *(cell for row in table.rows for cell in row if cell)):
            assert f"<bdi>{cell}</bdi>" in page
        assert all(note in page for note in table.notes)


def test_every_figure_is_on_the_page_and_its_points_are_in_its_csv(report):
    page = html.unescape(build_page(report))
    for figure in report.all_figures():
        assert f'id="{figure.name}"' in page
        assert figure.note in page
        if figure.chart is not None:
            assert len(to_csv(figure.chart).splitlines()) == 1 + sum(len(one.points) for one in figure.chart.series)


def test_the_counts_are_those_that_the_runs_wrote_themselves(report):
    for run in report.runs:
        assert run.solved_counts() == run.summary["solved"]
        # Recorded meta-iteration by meta-iteration, and found again from the programs.
        for row in run.stage("score"):
            assert len(row["policy_last_tasks"]) == row["policy_last"]["pass@3"]
