"""Exact tests of the style script: what it counts, and what it calls a cycle."""

import runpy
from pathlib import Path

import pytest

STYLE = runpy.run_path(str(Path(__file__).parents[1] / ".ci" / "style.py"))
TEXT = '''"""A module
of two lines."""

import b.two

# alone


@decorated  # behind code
def public(x: int, *rest: int) -> int:
    """Documented."""

    def inner(y):
        return y

    text = """no
    docstring"""
    return inner(x)


class Thing:
    """Documented."""

    def method(self, x) -> None: ...

    @property
    def half(self) -> int: ...

    @half.setter
    def half(self, value: int) -> None: ...

    def _hidden(self) -> None: ...
'''


def read(path, text):
    return STYLE["read_source"](Path(path), text)


@pytest.fixture(scope="module")
def style():
    sources = [read("a/one.py", TEXT), read("b/two.py", '"""Two."""\n\nfrom a import one\n')]
    return STYLE["measure"](sources)


def test_lines_are_counted_by_kind(style):
    assert style.code == 16
    assert style.comments == pytest.approx(100 * 2 / 16)
    assert style.docstrings == pytest.approx(100 * 5 / 16)


def test_functions_without_all_annotations_are_named(style):
    assert style.untyped == ["a/one.py:public:inner", "a/one.py:Thing:method"]
    assert style.typed == pytest.approx(100 * 4 / 6)


def test_only_what_is_public_needs_a_docstring_and_a_property_one_of_them(style):
    assert style.undocumented == ["a/one.py:Thing:method", "a/one.py:Thing:half"]


def test_a_function_is_as_long_as_from_its_name_to_its_end(style):
    assert style.lengths["a/one.py:public"] == 9


def test_folders_that_import_one_another_are_a_cycle(style):
    assert style.cycles == [["a", "b"]]


@pytest.mark.parametrize(
    ("graph", "found"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}, [["a", "b", "c"]]),
        ({"a": {"b"}, "b": {"a"}, "c": {"d", "a"}, "d": {"c"}}, [["a", "b"], ["c", "d"]]),
    ],
)
def test_cycles_are_groups_in_which_each_reaches_each(graph, found):
    assert STYLE["cycles"](graph) == found


def test_what_only_type_checkers_import_makes_no_cycle():
    text = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import b.two\n"
    imports = STYLE["folder_imports"]([read("a/one.py", text), read("b/two.py", "import a.one\n")])
    assert imports == {"a": set(), "b": {"a"}}


def test_problems_name_what_is_outside_its_bound(style):
    problems = STYLE["problems"](style)
    assert problems[0] == "folders that import one another: a b"
    assert "a/one.py:Thing:method: an annotation is missing" in problems
    assert "a/one.py:Thing:half: public, without a docstring" in problems
    assert not any("comment lines" in problem for problem in problems)
