"""Exact tests of the gallery: which tasks are in it, what it says of them, wrong outputs beside the wanted ones."""

import re

import pytest

from codeit_jax.laboratory.page import build_page
from codeit_jax.laboratory.report_content import make_report
from codeit_jax.reporting.markup import grid_svg
from tests.laboratory.made_runs import write_run


@pytest.fixture(scope="module")
def report(runs):
    return make_report([runs])


def test_every_task_that_a_column_counts_is_there_once(report):
    assert [one.task.id for one in report.shown] == ["t0", "t1", "t2", "t3", "t4"]
    for run in report.runs:
        counted = {id_ for id_, rows in run.counts.items() if any(any(row.values()) for row in rows.values())}
        assert counted <= {one.task.id for one in report.shown}


def test_who_was_first_and_which_seeds_count_it(report):
    shown = {one.task.id: one for one in report.shown}
    assert shown["t0"].first == [
        "as configured: seed program (full-0)",
        "replay.priority=uniform: seed program (a3-0)",
    ]
    assert shown["t4"].first == ["as configured: policy, meta-iteration 2 (full-0)"]
    assert shown["t4"].credits == [
        "as configured: policy in all columns by 1 of 2 seeds; policy_new in all columns by 1 of 2 seeds; "
        "policy_last in all columns by 1 of 2 seeds; cumulative in all columns by 1 of 2 seeds"
    ]


def test_the_shown_program_is_the_best_and_its_history_is_in_order(report):
    shown = {one.task.id: one for one in report.shown}
    assert shown["t2"].program.program == "O = hmirror(I)"
    assert [len(found.program) for found in shown["t2"].history] == sorted(
        (len(found.program) for found in shown["t2"].history), reverse=True
    )
    assert [found.iteration for found in shown["t2"].history] == [0, 1, 2]
    assert shown["t2"].num_programs == 3


def test_a_failing_output_stands_beside_the_wanted_one(tasks, tmp_path):
    run = write_run(tmp_path / "run", tasks, [("t5", "O = hmirror(I)", "policy", 0)])
    page = build_page(make_report([run]))
    assert (page.count("<figcaption>output, as wanted<"), page.count("<figcaption>wanted<")) == (3, 0)
    (run / "solutions.jsonl").write_text((run / "solutions.jsonl").read_text().replace("hmirror", "vmirror"))
    page = build_page(make_report([run]))
    assert (page.count("<figcaption>output, as wanted<"), page.count("<figcaption>wanted<")) == (0, 3)
    assert page.count("<figcaption>the program&#x27;s output<") == 3


def test_links_lead_to_the_tasks_even_where_ids_are_odd(tasks, tmp_path):
    odd = tmp_path / "odd"
    odd.mkdir()
    for name in ('a b"<x>', "a b__x_", "ü"):
        (odd / f"{name}.json").write_bytes((tasks / "t0.json").read_bytes())
    ids = ['a b"<x>', "a b__x_", "ü"]
    run = write_run(tmp_path / "run", odd, [(id_, "O = hmirror(I)", "policy", 0) for id_ in ids])
    page = build_page(make_report([run]))
    anchors = re.findall(r'<article id="([^"]*)"', page)
    assert len(set(anchors)) == 3
    assert set(anchors) <= set(re.findall(r'href="#([^"]*)"', page))


def test_grids_are_drawn_cell_by_cell():
    drawn = grid_svg(((1, 1, 0), (2, 0, 0)), "a<b")
    cells = {(row, column): 0 for row in range(2) for column in range(3)}
    assert 'class="f0"' in drawn  # the commonest color lies below all
    for color, path in re.findall(r'<path class="k(\d)" d="([^"]*)"/>', drawn):
        for column, row, length in re.findall(r"M(\d+) (\d+)\.5h(\d+)", path):
            for step in range(int(length)):
                cells[int(row), int(column) + step] = int(color)
    assert cells == {(0, 0): 1, (0, 1): 1, (0, 2): 0, (1, 0): 2, (1, 1): 0, (1, 2): 0}
    assert "a&lt;b" in drawn
    assert "no grid" in grid_svg(None, "x")
