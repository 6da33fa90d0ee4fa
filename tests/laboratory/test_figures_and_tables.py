"""Exact tests: figures and tables of runs whose numbers are known, and what they say where there is nothing."""

import json

import numpy as np
import pytest

from codeit_jax.cli import main
from codeit_jax.laboratory.report_content import make_report
from codeit_jax.statistics import compare
from tests.laboratory.made_runs import write_run

EXPECTED_FIGURES = [
    *("figure04", "figure05", "figure06", "figure07", "figure08", "figure09", "figure10", "figure11", "figure12"),
    *("figure13", "figure14", "figure15", "figure16", "loss", "held_out", "samples", "replay", "syntax", "times"),
]


@pytest.fixture(scope="module")
def report(runs):
    return make_report([runs])


def series(report, name):
    [figure] = [figure for figure in report.all_figures() if figure.name == name]
    return {one.name: one for one in figure.chart.series}


def first_series(report, name):
    return next(iter(series(report, name).values()))


def table(report, name):
    [found] = [table for table in report.all_tables() if table.name == name]
    assert all(len(row) == len(found.head) for row in found.rows)
    return {row[0]: row for row in found.rows}


def test_there_is_a_place_for_every_figure_of_the_paper(report):
    assert [figure.name for figure in report.all_figures()] == EXPECTED_FIGURES


def test_cumulative_performance_grows_with_programs_from_what_mutants_solve(report):
    ours = first_series(report, "figure04")
    # 50 mutants solve t0 and t1 of ten; full-0 then solves 3, 4 and 5 tasks, full-1 three, 100 samples each time.
    assert ours.points == [(50, 0.2), (150, 0.3), (250, pytest.approx(0.35)), (350, pytest.approx(0.4))]
    assert ours.band == [(0.2, 0.2), (0.3, 0.3), (0.3, 0.4), (0.3, 0.5)]


def test_the_policy_of_each_meta_iteration_counts_alone(report):
    policy = first_series(report, "figure07")
    assert policy.name == "as configured, CodeIt (2 seeds, mean and range)"
    # full-0 samples for t1 and t2, t2 and t3, t2 to t4; full-1 for t1 and t2, t2, nothing.
    assert policy.points == [(0, 0.2), (1, pytest.approx(0.15)), (2, pytest.approx(0.15))]
    assert policy.band == [(0.2, 0.2), (0.1, 0.2), (0.0, 0.3)]


def test_a_tasks_programs_get_shorter(report):
    [figure] = [figure for figure in report.figures if figure.name == "figure05"]
    assert "Task t2;" in figure.note
    assert first_series(report, "figure05").points == [(0, 4), (1, 2), (2, 1)]
    assert [text.count("\n") + 1 for _, text in figure.programs] == [4, 2, 1]


def test_refinement_counts_tasks_with_a_shorter_program_later(report):
    right, shorter = list(series(report, "figure15").values())[:2]
    # full-0: t1 and t2, then t3, then t4 have a right program, t2 a shorter one from 1 on; full-1 the same until 1.
    assert right.points == [(0, 2.0), (1, 2.5), (2, 3.0)]
    assert shorter.points == [(0, 0.0), (1, 1.0), (2, 1.0)]


def test_pass_at_k_of_the_selection_rule_and_of_an_oracle(tasks, tmp_path):
    # Programs without a demonstration are no candidates, so the right one is the first.
    wrong = [("t0", f"O = {name}(I)", "policy", 0) for name in ("identity", "vmirror", "rot180")]
    run = write_run(tmp_path / "run", tasks, [*wrong, ("t0", "O = hmirror(I)", "policy", 0)])
    report = make_report([run])
    for one in list(series(report, "figure10").values())[:2]:
        assert {y for _, y in one.points} == {0.1}
        assert [x for x, _ in one.points][-1] == 1000


def test_primitives_are_counted_by_type_in_what_was_found(report):
    shares = {name: dict(one.points) for name, one in series(report, "figure12").items()}
    # Meta-iteration 0 of both seeds: twice rot180 (Grid), vmirror (Piece), identity, identity (Any).
    assert {name: by_iteration[0] for name, by_iteration in shares.items()} == {"Grid": 0.25, "Piece": 0.25, "Any": 0.5}


def test_lengths_and_tokens_are_shares(report):
    lengths = series(report, "figure13")
    assert dict(lengths["seed programs (2)"].points)[0] == 1.0  # of one line
    assert sum(y for _, y in lengths["policy's, all tests (9)"].points) == pytest.approx(1)
    tokens = series(report, "figure14")
    assert tokens["first meta-iteration"].points == [(0, 0.0), (8, 0.6), (16, 0.4)]
    assert tokens["last meta-iteration"].points == [(0, 0.0), (8, 0.4), (16, pytest.approx(0.6))]


def test_tokens_of_a_task_against_one_a_cell(report):
    dots = first_series(report, "figure16")
    # Two demonstrations of two grids of 2 x 3: six cells and two rows each.
    assert dots.points == [(32.0, 10.0 + n) for n in range(10)]


def test_faults_are_shares_of_the_distinct_samples(report):
    assert first_series(report, "syntax").points == [(0, pytest.approx(0.1)), (1, pytest.approx(0.2))]


def test_lengths_of_known_programs_where_there_are_some(tasks, tmp_path):
    programs = tmp_path / "programs.py"
    programs.write_text(
        "def solve_t0(I):\n    O = hmirror(I)\n    return O\n\n\ndef solve_t1(I):\n    x1 = rot180(I)\n"
        "    x2 = vmirror(x1)\n    O = identity(x2)\n    return O\n"
    )
    run = write_run(tmp_path / "run", tasks, [("t0", "O = hmirror(I)", "policy", 0)], f"data.seeds={programs}")
    solved, unsolved = series(make_report([run]), "figure11").values()
    assert [y for _, y in solved.points][:3] == [1.0, 0.0, 0.0]
    assert [y for _, y in unsolved.points][:3] == [0.0, 0.0, 1.0]


def test_table_2_has_the_papers_numbers_and_ours_or_not_run(report):
    rows = table(report, "table2")
    assert rows["CodeIt"][1:3] == ("49", "59")
    assert rows["CodeIt"][3].startswith("1.5 [")
    assert rows["CodeIt"][4].startswith("4 [")
    assert rows["CodeIt"][4].endswith("] of 10, 2 seeds")
    assert rows["A3: no priority: uniform draws"][4].startswith("3 [")
    assert rows["A6: no mutants"][1:] == ("17", "20", "not run", "not run", "")


def test_table_4_tells_policy_and_mutants_apart(report):
    rows = table(report, "table4")
    assert [row[1] for row in rows.values()] == ["23", "13", "29", "65"]
    ours = [float(row[2].split()[0]) for row in rows.values()]
    # full-0: t2, t3, t4 / t0 / t1; full-1: t2 / t0 / t1.
    assert ours == [2.0, 1.0, 1.0, 4.0]


def test_table_1_says_which_tasks_ours_are(report):
    rows = table(report, "table1")
    assert rows["Ferré 2023"][2:5] == ("96", "23", "")
    assert rows["Mutation d1"][1] == "not run"
    assert " of 10, 2 seeds" in rows["CodeIt, ours"][3]
    assert rows["CodeIt, ours"][4] == "4 of 10 tests*, 2 seeds"


def test_differences_have_intervals_and_are_those_of_compare(report):
    rows = table(report, "differences1")
    [row] = [row for row in report.all_tables() if row.name == "differences1"][0].rows[:1]
    assert row[:3] == ("replay.priority=uniform", "cumulative", "-1")
    solved = np.zeros((2, 2, 10), bool)
    solved[0, 0, :5] = solved[0, 1, :3] = solved[1, :, :2] = solved[1, :, 2] = True
    found = compare(*solved)
    assert row[3] == f"{-found.interval[1] + 0:+.4g} to {-found.interval[0] + 0:+.4g}"
    assert row[4] == f"{found.p_value:.3g}"
    assert rows


def test_controls_are_ours_or_not_run(report):
    rows = {name: row[1] for name, row in table(report, "controls").items()}
    assert rows["nothing learned: its seed programs and mutants alone"].startswith("2 [")
    assert rows["without relabels (A2)"] == "not run"
    assert rows["a generated hidden set that is on no web page"] == "not run"
    assert [name for name, text in rows.items() if text == "not run"] == list(rows)[2:6] + list(rows)[9:]


def test_other_systems_have_a_source_and_a_metric(report):
    assert all(all(cell for cell in row) for row in table(report, "others").values())


def test_what_made_a_run_is_told(report):
    row = table(report, "made")[str(report.arms[0].runs[0].path)]
    assert row[1:3] == ("as configured", "0")
    assert row[5:8] == ("3 of 3", "9.8.7", "abc123")
    assert row[10] == "cpu:0"
    assert "not recorded" in row


def test_a_run_of_an_earlier_version_or_just_begun_has_a_page(tasks, tmp_path):
    run = write_run(tmp_path / "run", tasks, [])
    for name in ("metrics", "solutions", "sampled_solutions", "initial_programs"):
        (run / f"{name}.jsonl").unlink()
    (run / "summary.json").unlink()
    report = make_report([run])
    assert [figure.name for figure in report.all_figures()] == EXPECTED_FIGURES
    assert all(figure.note for figure in report.all_figures() if figure.chart is None)
    assert report.shown == []


def test_a_file_of_evaluate_gives_figure_8(runs, tmp_path, capsys):
    counts = {"tests": {"solved": 1, "pass@3": 3, "count": 30}, "num_tasks": 10, "solved": {}}
    file = tmp_path / "t0.json"
    file.write_text(json.dumps({"concepts": {"Copy": counts, "Order": counts}, "temperature": 0.0}))
    arguments = ["--evaluation", str(file), "--output", str(tmp_path / "page.html"), "--json"]
    assert main(["report", str(runs), *arguments]) == 0
    figure = json.loads(capsys.readouterr().out)["figures"]["figure08"]
    ours, paper = figure["series"]
    assert ours["name"] == "t0: temperature 0"
    assert [figure["categories"][int(x)] for x, _ in ours["points"]] == ["Copy", "Order"]
    assert {y for _, y in ours["points"]} == {0.1}
    assert len(paper["points"]) == 16


def test_figures_are_written_as_files(runs, tmp_path, capsys):
    arguments = ["--figures", str(tmp_path / "figures"), "--output", str(tmp_path / "page.html"), "--json"]
    assert main(["report", str(runs), *arguments]) == 0
    result = json.loads(capsys.readouterr().out)
    drawn = {name for name, figure in result["figures"].items() if figure["series"]}
    for suffix in (".svg", ".csv"):
        assert {path.stem for path in (tmp_path / "figures").glob(f"*{suffix}")} == drawn
    assert {"table1", "table2", "table4", "others", "differences1", "made", "cost"} <= result["tables"].keys()


@pytest.mark.parametrize("text", ["", "[]", '{"concepts": 1}'])
def test_what_is_no_file_of_evaluate_is_refused(runs, tmp_path, capsys, text):
    (tmp_path / "file.json").write_text(text)
    assert main(["report", str(runs), "--evaluation", str(tmp_path / "file.json")]) == 2
    assert "expected a file that `codeit-jax evaluate --output` wrote" in capsys.readouterr().err


def test_a_mutation_job_is_an_arm_of_table_1_and_a_curve_of_figure_4(runs, tasks, tmp_path, capsys):
    programs = tmp_path / "programs.py"
    programs.write_text("def solve_t0(I):\n    x1 = hmirror(I)\n    O = hmirror(x1)\n    return O\n")
    job = tmp_path / "d1"
    sources = ["--seeds", str(programs), "--training-tasks", str(tasks), "--tasks", str(tasks)]
    options = ["--num-programs", "30", "--method", "d1", "--run-dir", str(job), "--workers", "1"]
    assert main(["mutate", *sources, *options]) == 0
    summary = json.loads((job / "summary.json").read_text())
    report = make_report([runs, job])
    assert [arm.paper_row for arm in report.arms] == ["CodeIt", "A3", "d1"]
    rows = table(report, "table1")
    assert rows["Mutation d1"][1] == ""
    assert rows["Mutation d1, ours"][3].startswith(f"{summary['solved']['pass@3']} [")
    # CodeIt tried 50 mutants and, of 300 samples for ten tasks, 30 for each: more than the job made.
    blind = table(report, "controls")["blind mutation, no more programs than CodeIt tried for a task"][1]
    assert blind == f"{summary['solved']['pass@3']} with {summary['programs']} programs (CodeIt: 80)"
    curve = series(report, "figure04")["mutation d1 (1 seed)"]
    assert [[count, share * 10] for count, share in curve.points] == summary["curve"]
    capsys.readouterr()
    # Its tasks are those of the runs, so that it can be compared with them.
    assert main(["compare", str(job), "--", str(runs / "full-0"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["means"][1] == 5.0
