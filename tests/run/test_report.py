"""Exact and fault tests of report.html: parsed back it says what the run found, and no text of a model is markup."""

import html
import json
import re
import shutil
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeit_jax.cli import main
from codeit_jax.reporting.credits import ROW_NAMES
from codeit_jax.reporting.markup import escape
from tests.run.tiny_run import read_json, rows_of

TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "nav", "section", "article", "h1", "h2"),
    *("h3", "ul", "li", "a", "bdi", "table", "thead", "tbody", "tr", "th", "td", "p", "pre", "div", "figure"),
    *("figcaption", "span", "svg", "defs", "pattern", "rect", "path", "circle", "text", "details", "summary"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "id", "class", "href", "open", "scope", "role", "tabindex"),
    *("aria-label", "aria-hidden", "width", "height", "viewbox", "x", "y", "cx", "cy", "r", "d", "fill", "stroke"),
    *("stroke-width", "stroke-dasharray", "text-anchor", "transform", "patternunits"),
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
    summary = read_json((run / "summary.json").read_text())
    assert (result["report"], result["runs"]) == (str(run / "report.html"), 1)
    assert result["solved"] == {str(run): summary["solved"]}
    text = (run / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.tags <= TAGS
    assert page.attributes <= ATTRIBUTES
    counted = {task for ids in summary["solved_tasks"].values() for task in ids}
    shown = re.findall(r'<article id="task-([^"]*)"', text)
    assert set(shown) >= counted
    rows = rows_of(run, "solutions.jsonl")
    for article, task_id in zip(text.split("<article ")[1:], shown, strict=True):
        program = html.unescape(article.partition("<pre>")[2].partition("</pre>")[0])
        [row, *_] = [row for row in rows if (row["task_id"], row["program"]) == (task_id, program)]
        assert f"{sum(row['demonstrations'])}/{len(row['demonstrations'])} demonstrations" in article
        assert ("right on all tests" in article) == all(row["tests"])
    made = result["tables"]["made"]
    origin = dict(zip(made["head"], made["rows"][0], strict=True))
    assert origin["command"].startswith("codeit-jax")
    assert "jax " in origin["versions"]
    assert "not recorded" not in {origin[key] for key in ("version", "started", "host", "devices", "processor")}
    table = result["tables"]["solved1"]["rows"]
    assert [row[1:] for row in table] == [
        [str(n) for n in summary["solved"][key].values()] for key in ROW_NAMES if key in summary["solved"]
    ]
    assert "http:" not in text
    assert "https:" not in text
    policy = html.unescape(text.partition('Policy" content="')[2].partition('">')[0])
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_the_policys_figure_is_that_of_the_tasks_in_the_metrics(run, capsys):
    assert main(["report", str(run), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    scores = [row for row in rows_of(run, "metrics.jsonl") if row["stage"] == "score"]
    assert [len(row["policy_last_tasks"]) for row in scores] == [row["policy_last"]["pass@3"] for row in scores]
    points = figures["figure07"]["series"][0]["points"]
    assert points == [[row["iteration"], len(row["policy_last_tasks"]) / 6] for row in scores]
    assert len(points) == 2
    # Recorded as it happened: lengths and encodings are drawn, too.
    assert figures["figure14"]["series"]
    assert figures["figure16"]["series"]


def test_several_runs_on_one_page(run, tmp_path, capsys):
    other = shutil.copytree(run, tmp_path / "other")
    assert main(["report", str(run), str(other), "--output", str(tmp_path / "both.html"), "--json"]) == 0
    # The same seed twice is one run of its arm.
    result = json.loads(capsys.readouterr().out)
    assert (result["runs"], len(result["tables"]["made"]["rows"])) == (2, 1)
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
    assert any(visible(program) in words for words in page.texts["p"])


def test_names_of_runs_and_tasks_are_text(whole, tmp_path):
    name = "<b onclick=x>&amp;\u202e\"'"
    run = shutil.copytree(whole, tmp_path / name)
    page = report(run)
    assert page.tags <= TAGS
    assert page.texts["h1"] == [f"CodeIt: {name}"]
    assert page.texts["title"][0] == f"CodeIt: {name}"


@given(st.text())
def test_escaped_text_comes_back(text):
    kept = "".join(c for c in text if c in "\t\n" or not (c < " " or "\x7f" <= c <= "\x9f"))
    escaped = escape(kept)
    assert html.unescape(escaped) == kept
    assert not set(escaped) & set("<>\"'\u202e\u202d\u2066\u2067\u2069\u200e\u200f")


DAMAGED = [
    '{"stage": "score", "iteration": 0}',
    '{"stage": "sample", "iteration": 0, "t_seconds": 1.0}',
    '{"stage": "learn", "iteration": "0", "t_seconds": 1.0}',
    "[]",
]


@pytest.mark.parametrize("line", DAMAGED)
def test_a_damaged_run_is_one_line(run, capsys, line):
    (run / "metrics.jsonl").write_text(line + "\n")
    assert main(["report", str(run)]) == 4
    [message] = capsys.readouterr().err.splitlines()
    assert message.startswith("error: ")
    assert "metrics.jsonl:1: not the numbers of a stage" in message
    assert not (run / "report.html").exists()


def test_no_run_is_one_line(run, capsys):
    assert main(["report", str(run / "nowhere")]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_a_run_before_its_first_solution_has_a_page(run):
    for name in ("solutions.jsonl", "sampled_solutions.jsonl", "metrics.jsonl", "summary.json"):
        (run / name).unlink()
    page = report(run)
    assert "Tasks: 0" in page.texts["h2"]
