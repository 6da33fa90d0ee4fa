"""Contract tests of the page as a browser lays it out: nothing overflows, light and dark, from phone to desk."""

import json
from pathlib import Path

import pytest

from codeit_jax.arc import load_tasks
from codeit_jax.cli import main
from tests.laboratory.browser import find_browser, layouts
from tests.laboratory.made_runs import write_run

WIDTHS = (360, 768, 1280)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_browser() is None, reason="needs chromium"),
]


@pytest.fixture(scope="module")
def pages(runs, tmp_path_factory):
    """A page of few tasks, and one of a thousand, all of them solved wrongly: the largest that a report gets."""
    folder = tmp_path_factory.mktemp("pages")
    assert main(["report", str(runs), "--output", str(folder / "small.html")]) == 0
    tasks = load_tasks("arc2/training")
    run = write_run(folder / "run", runs.parent / "tasks", [], "sampling.temperature=0.8")
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace(str(runs.parent / "tasks"), "arc2/training"))
    rows = [
        {"task_id": task.id, "program": f"x1 = identity(I)\nO = {name}(x1)", "iteration": 0, "origin": "policy"}
        | {"demonstrations": [True] * len(task.demonstrations), "tests": [name == "hmirror"] * len(task.tests)}
        for task in tasks
        for name in ("identity", "hmirror", "vmirror")
    ]
    (run / "solutions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["report", str(run), "--output", str(folder / "large.html")]) == 0
    return folder


def test_a_thousand_tasks_are_less_than_ten_megabytes(pages):
    text = (pages / "large.html").read_text(encoding="utf-8")
    assert text.count("<article") == 1000
    assert Path(pages / "large.html").stat().st_size < 10_000_000


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["small", "large"])
def test_nothing_overflows_and_no_pair_is_torn(pages, tmp_path, name, dark):
    found = layouts(pages / f"{name}.html", WIDTHS, tmp_path, dark=dark)
    assert [layout.width for layout in found] == list(WIDTHS)
    for layout in found:
        assert layout.scroll_width <= layout.width
        assert layout.wide == []
        assert layout.torn == 0
        assert layout.cut_texts == []
        assert layout.links == 0  # that lead nowhere
        assert layout.loaded == 0
        assert luminance(layout.color) > 0.6 if dark else luminance(layout.color) < 0.1
        assert luminance(layout.background) < 0.05 if dark else luminance(layout.background) > 0.95


def luminance(color):
    red, green, blue = (int(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3])
    return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
