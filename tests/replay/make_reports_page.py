"""Write `docs/replay_reports.md` from the tests' names and docstrings: `python -m tests.replay.make_reports_page`."""

import ast
import re
from pathlib import Path

FILES = ("test_public_reports", "test_column_types", "test_replay_damage", "test_buffer_access")
HEAD = """# Bugs of public implementations, and the test that excludes each

What went wrong in other replay buffers and samplers, as their users reported it, and the test here that would fail if
it did so in this one. Made from the tests by `python -m tests.replay.make_reports_page`. What we measured of peers
without a public report, such as sums that drift, is in `replay/test_replay_defects.py`.

| what happened | reported | test |
|---|---|---|
"""


def reports(path):
    """Yield test, what happened and addresses of every test whose docstring names a public report."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        text = ast.get_docstring(node) if isinstance(node, ast.FunctionDef) else None
        addresses = re.findall(r"https://github\.com/[^\s,]+\d", text or "")
        if addresses:
            what = re.sub(r"https://github\.com/[^\s,]+\d[,:.]?\s*", "", text).strip(" ,:.")
            yield node.name, what[0].upper() + what[1:] if what else "", addresses


def page():
    """Return the text of the page."""
    lines = []
    for name in FILES:
        for test, what, addresses in reports(Path(__file__).with_name(f"{name}.py")):
            links = ", ".join(f"[{short(address)}]({address})" for address in addresses)
            lines.append(f"| {what} | {links} | `{test}` |")
    return HEAD + "\n".join(lines) + "\n"


def short(address):
    owner, _, rest = address.removeprefix("https://github.com/").partition("/")
    return re.sub(r"/(issues|pull)/", " #", rest)


if __name__ == "__main__":
    (Path(__file__).parents[2] / "docs" / "replay_reports.md").write_text(page(), encoding="utf-8")
