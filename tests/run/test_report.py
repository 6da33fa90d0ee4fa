"""Exact and fault tests of report.html: parsed back it says what the run found, and no text of a model is markup."""

import html
import json
import shutil
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeit_jax.cli import main
from codeit_jax.reporting.credits import ROW_NAMES
from codeit_jax.reporting.curve import Line, chart_svg
from codeit_jax.reporting.markup import escape, grid_svg
from tests.run.tiny_run import read_json, rows_of

TAGS = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "h4", "ul", "li", "bdi", "table", "tr"),
    *("th", "td", "p", "pre", "div", "figure", "figcaption", "span", "svg", "rect", "path", "polyline", "text"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "width", "height", "viewbox", "x", "y", "fill", "d", "class"),
    *("points", "stroke", "stroke-dasharray", "text-anchor"),
}


class Page(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.texts, self.open = set(), set(), {}, []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attributes)
        if tag != "meta":  # it has no end
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attributes)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.texts[self.open[-1]][-1] += data


def report(run, *more):
    assert main(["report", str(run), *map(str, more)]) == 0
    return Page((run / "report.html").read_text(encoding="utf-8"))


@pytest.fixture
def run(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "run")


def test_the_page_has_the_solved_tasks_and_their_programs(run, capsys):
    assert main(["report", str(run), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    solved = read_json((run / "summary.json").read_text())["solved"]
    assert result == {"report": str(run / "report.html"), "runs": 1, "solved": {str(run): solved}}
    text = (run / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.tags <= TAGS
    assert page.attributes <= ATTRIBUTES
    rows = rows_of(run, "solutions.jsonl")
    counted = {task for ids in read_json((run / "summary.json").read_text())["solved_tasks"].values() for task in ids}
    assert set(page.texts["h4"]) | set(page.texts["bdi"]) >= counted
    for task_id, program, words in zip(sorted(counted), page.texts["pre"], page.texts["p"][1:], strict=True):
        [row, *_] = [row for row in rows if (row["task_id"], row["program"]) == (task_id, program)]
        assert all(row["tests"])
        assert f"all tests and {sum(row['demonstrations'])}/{len(row['demonstrations'])} demonstrations" in words
        assert words.startswith(f"Found by: {row['origin']}")
    cells = [cell for cell in page.texts["td"] if cell.isdigit()]
    assert cells == [str(n) for key in ROW_NAMES for n in solved[key].values()]
    assert "http" not in text.replace('http-equiv="', "")
    policy = html.unescape(text.partition('Policy" content="')[2].partition('">')[0])
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_the_curve_is_that_of_the_metrics(run):
    report(run)
    text = (run / "report.html").read_text(encoding="utf-8")
    scores = [row for row in rows_of(run, "metrics.jsonl") if row["stage"] == "score"]
    curves = [part.partition('"')[0] for part in text.split('<polyline points="')[1:]]
    assert [len(curve.split()) for curve in curves] == [len(scores)] * 2
    assert len(scores) == 2


def test_several_runs_on_one_page(run, tmp_path):
    other = shutil.copytree(run, tmp_path / "other")
    assert main(["report", str(run), str(other), "--output", str(tmp_path / "both.html")]) == 0
    page = Page((tmp_path / "both.html").read_text(encoding="utf-8"))
    assert page.texts["h2"] == ["run", "other"]
    assert not (run / "report.html").exists()


HOSTILE = [
    "<script>alert(1)</script>",
    "x1 = a]]>\n--><!-- O",
    '"><img src=x onerror=alert(1)>',
    "'; </pre><h4>task</h4> &lt; &amp;amp; &#x3c;",
    "\u202eO = I\u2066 \u200f\u200b\ufeff\u2028",
    "O = hmirror(I)" * 80_000,
    "\u00e9\U0001f600\uff29 \x1b[31m \ud800 \x00",
]


def visible(text):
    """Return the text with what HTML can't hold spelled out."""
    return "".join(f"\\x{ord(c):02x}" if c in "\x1b\x00" or "\ud800" <= c <= "\udfff" else c for c in text)


@pytest.mark.parametrize("program", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_a_model_wrote_is_text(run, program):
    rows = rows_of(run, "solutions.jsonl")
    row = next(row for row in rows if all(row["demonstrations"]) and all(row["tests"]))
    row = row | {"program": program, "origin": program}
    (run / "solutions.jsonl").write_text(json.dumps(row) + "\n")
    (run / "sampled_solutions.jsonl").unlink()
    page = report(run)
    assert page.tags <= TAGS
    assert page.attributes <= ATTRIBUTES
    assert page.texts["pre"] == [visible(program)]
    assert visible(program) in page.texts["p"][1]


def test_names_of_runs_and_tasks_are_text(whole, tmp_path):
    name = "<b onclick=x>&amp;\u202e\"'"
    run = shutil.copytree(whole, tmp_path / name)
    page = report(run)
    assert page.tags <= TAGS
    assert page.texts["h2"] == [name]
    assert page.texts["title"] == [f"CodeIt: {name}"]


@given(st.text())
def test_escaped_text_comes_back(text):
    kept = "".join(c for c in text if c in "\t\n" or not (c < " " or "\x7f" <= c <= "\x9f"))
    escaped = escape(kept)
    assert html.unescape(escaped) == kept
    assert not set(escaped) & set("<>\"'\u202e\u202d\u2066\u2067\u2069\u200e\u200f")


def test_grids_are_drawn_cell_by_cell():
    drawn = grid_svg(((1, 1, 0), (2, 0, 0)), "a<b")
    rects = [dict(part.split("=") for part in piece.split("/>")[0].split()) for piece in drawn.split("<rect ")[1:]]
    found = {}
    for rect in rects:
        x, y, width = (int(rect[key].strip('"')) // 9 for key in ("x", "y", "width"))
        found |= {(y, x + n): rect["fill"].strip('"') for n in range(width)}
    black, blue, red = "#000000", "#0074d9", "#ff4136"
    assert found == {(0, 0): blue, (0, 1): blue, (0, 2): black, (1, 0): red, (1, 1): black, (1, 2): black}
    assert "<figcaption>a&lt;b</figcaption>" in drawn
    assert "no grid" in grid_svg(None, "x")


@pytest.mark.parametrize(
    ("values", "ticks"), [([0], [0, 1]), ([3, 7], list(range(8))), ([400], list(range(0, 401, 50)))]
)
def test_axes_have_round_numbers(values, ticks):
    chart = chart_svg([Line("a", list(enumerate(values)), 0)], "tasks")
    labels = [piece.partition("<")[0] for piece in chart.split('text-anchor="end">')[1:-1]]
    assert labels == [str(tick) for tick in ticks]


def test_a_damaged_run_is_one_line(run, capsys):
    (run / "metrics.jsonl").write_text('{"stage": "score", "iteration": 0}\n')
    assert main(["report", str(run)]) == 4
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")
    assert main(["report", str(run / "nowhere")]) == 2
    assert not (run / "report.html").exists()


def test_a_run_before_its_first_solution_has_a_page(run):
    for name in ("solutions.jsonl", "sampled_solutions.jsonl", "metrics.jsonl", "summary.json"):
        (run / name).unlink()
    page = report(run)
    assert "Tasks solved (pass@3): 0" in page.texts["h3"]
