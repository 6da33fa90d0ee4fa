"""Exact and property tests of the programs file format: round trips, keyword arguments, and hostile or wrong texts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interpreter
from codeit_jax.config.errors import UserError
from codeit_jax.programs import SeedProgram, format_programs, load_programs, parse_programs, write_programs
from codeit_jax.programs.programs_file import BUILTIN_FILE

PUBLISHED_STYLE = """\
from dsl import *
from constants import *
import typing

# two programs
def solve_67a3c6ac(I):
    O = vmirror(I)   # left to right
    return O


def solve_a1(I: Grid) -> Grid:

\tx1=objects(I,T , F,T)
    x2 = first( x1 )
    O = subgrid(x2, I)
    return  O
"""


def seed(task_id: str, text: str) -> SeedProgram:
    return SeedProgram(task_id, interpreter.parse(text))


def test_the_published_style_is_read():
    assert parse_programs(PUBLISHED_STYLE, where="f") == [
        seed("67a3c6ac", "O = vmirror(I)"),
        seed("a1", "x1 = objects(I, T, F, T)\nx2 = first(x1)\nO = subgrid(x2, I)"),
    ]


@pytest.mark.parametrize(
    ("call", "canonical"),
    [
        ("hmirror(piece=I)", "hmirror(I)"),
        ("replace(replacer=ONE, grid=I, replacee=TWO)", "replace(I, TWO, ONE)"),
        ("replace(I, replacer = ONE, replacee = TWO)", "replace(I, TWO, ONE)"),
        ("fill(I, THREE, patch=ORIGIN)", "fill(I, THREE, ORIGIN)"),
    ],
)
def test_keyword_arguments_become_positional_by_the_signature(call, canonical):
    (read,) = parse_programs(f"def solve_a(I):\n    O = {call}\n    return O\n", where="f")
    assert str(read.program) == f"O = {canonical}"


@pytest.mark.parametrize(
    ("call", "canonical"),
    [
        ("objects(I, True, diagonal=False, without_bg=True)", "objects(I, T, F, T)"),
        ("replace(I, 1, replacer=-2)", "replace(I, ONE, NEG_TWO)"),
        ("crop(I, (0, 0), (3,3))", "crop(I, ORIGIN, THREE_BY_THREE)"),
        ("crop( (-1,  1) , start=(1, 1), dims=I)", "crop(UP_RIGHT, UNITY, I)"),
    ],
)
def test_a_literal_is_the_constant_with_its_value(call, canonical):
    (read,) = parse_programs(f"def solve_a(I):\n    O = {call}\n    return O\n", where="f")
    assert str(read.program) == f"O = {canonical}"


def body(*lines: str) -> str:
    return "def solve_a(I):\n" + "".join(f"    {line}\n" for line in lines)


@pytest.mark.parametrize(
    ("text", "place", "needle"),
    [
        ("", "f", "found no program"),
        ("# nothing\nfrom dsl import *\n", "f", "found no program"),
        ("import os; os.remove('x')\n", "f:1", "expected `def solve_<task id>(I):`"),
        ("from dsl import *, os\n", "f:1", "import"),
        ("x = 1\n", "f:1", "'x = 1'"),
        ("    O = hmirror(I)\n", "f:1", "outside a function"),
        ("def solve_a(x):\n    return O\n", "f:1", "def solve_<task id>(I):"),
        ("class A:\n", "f:1", "'class A:'"),
        (body("O = hmirror(I)"), "f:2", "expected `return O`"),
        ("def solve_a(I):\n", "f:1", "expected `return O`"),
        (body("return O"), "f:1", "solve_a: no lines"),
        (body("O = hmirror(I)", "return O", "O = hmirror(I)"), "f:4", "outside a function"),
        (body("O = hmirror(I)", "return x1"), "f:3", "'return x1'"),
        (body("O = hmirror(hmirror(I))", "return O"), "f:2", "name = function(arguments)"),
        (body("O = hmirror(hmirror (I))", "return O"), "f:2", "the argument 'hmirror (I)'"),
        (body("O = f(" + " ," * 200_000, "return O"), "f:2", "name = function(arguments)"),
        (body("O = f(" + "( " * 200_000 + ")", "return O"), "f:2", "name = function(arguments)"),
        (body("O = f(" + "I, " * 200_000 + "I)", "return O"), "f:1", "more than 8192 characters"),
        (body("O = hmirror(I).x", "return O"), "f:2", "name = function(arguments)"),
        (body("O = [I]", "return O"), "f:2", "name = function(arguments)"),
        (body("O = replace(I, 1, 17)", "return O"), "f:2", "found '17', expected a value that a constant"),
        (body("O = replace(I, 1, 007)", "return O"), "f:2", "solve_a: found the name '007': an argument is neither"),
        (body("O = replace(I, 1, " + "9" * 5000 + ")", "return O"), "f:2", "...': an argument is neither"),
        (body("O = crop(I, (0, 0, 0), UNITY)", "return O"), "f:2", "the argument '(0'"),
        (body("O = crop(I, (0, 0), (7, 7))", "return O"), "f:2", "found '(7, 7)', expected a value that a constant"),
        (body("O = crop(I, (ONE, 0), UNITY)", "return O"), "f:2", "the argument '(ONE, 0)'"),
        ("ONE = 2\n", "f:1", "'ONE = 2'"),
        ("ONES = 1\n", "f:1", "'ONES = 1'"),
        (body("O = replace(I, '1', ONE)", "return O"), "f:2", "the argument \"'1'\""),
        (body("O = replace(I, *ONE)", "return O"), "f:2", "the argument '*ONE'"),
        (body("O = hmirror()", "return O"), "f:2", "the argument ''"),
        (body("O = __import__(I)", "return O"), "f:2", "solve_a: found the name '__import__': the callee"),
        (body("x1 = hmirror(I)", "", "x1 = vmirror(I)", "O = vmirror(x1)", "return O"), "f:4", "assigned before"),
        (body("O = hmirror(piece=I, piece=I)", "return O"), "f:2", "'piece' twice"),
        (body("O = hmirror(grid=I)", "return O"), "f:2", "grid of hmirror, expected piece"),
        (body("O = hmirror(I, piece=I)", "return O"), "f:2", "piece of hmirror, expected none"),
        (body("O = replace(grid=I, ONE, TWO)", "return O"), "f:2", "after a keyword argument"),
        (body("x1 = lbind(hmirror, I)", "O = x1(piece=I)", "return O"), "f:3", "for DSL functions only"),
        (body("O = hmirror(I)", "return O") * 2, "f:4", "a second solve_a, expected one program a task"),
        (body("O = hmirror(I) " + "#" * 9, "x" * 5000, "return O"), "f:3", "..."),
        (body("O\x00 = hmirror(I)\x1b[31m", "return O"), "f:2", "\\x1b"),
        (body("Ο = hmirror(I)", "return O"), "f:2", "name = function(arguments)"),  # a Greek capital omicron
    ],
)
def test_anything_else_is_one_line_that_names_the_place(text, place, needle):
    with pytest.raises(UserError) as caught:
        parse_programs(text, where="f")
    message = str(caught.value)
    assert message.startswith(f"{place}: ")
    assert needle in message
    assert message.isprintable()
    assert len(message) < 300


INSERTED = st.text("(),=#I \n\t\r\x00\u2028éx1O'", max_size=4)
EDITS = st.lists(st.tuples(st.integers(0, len(PUBLISHED_STYLE)), st.integers(0, 8), INSERTED), min_size=1, max_size=4)


@settings(deadline=None, max_examples=300)
@given(EDITS)
def test_no_edit_of_a_file_raises_anything_but_a_user_error(edits):
    text = PUBLISHED_STYLE
    for position, removed, inserted in edits:
        text = text[:position] + inserted + text[position + removed :]
    try:
        seeds = parse_programs(text, where="f")
    except UserError:
        return
    assert parse_programs(format_programs(seeds), where="f") == seeds


LINES = st.lists(
    st.sampled_from(["hmirror(I)", "objects(I, T, F, T)", "compose(size, first)", "canvas(ZERO, UNITY)"]),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.from_regex(r"[A-Za-z0-9_.-]{1,12}", fullmatch=True), LINES, min_size=1, max_size=5))
def test_formatting_and_parsing_are_a_round_trip(calls):
    seeds = [
        seed(task_id, "\n".join([*(f"x{n} = {c}" for n, c in enumerate(lines, 1)), "O = identity(I)"]))
        for task_id, lines in calls.items()
    ]
    text = format_programs(seeds)
    assert parse_programs(text, where="f") == seeds
    assert format_programs(parse_programs(text, where="f")) == text


def test_formatted_programs_are_python_that_defines_one_function_each():
    namespace: dict[str, object] = {"hmirror": lambda grid: grid[::-1]}
    exec(compile(format_programs([seed("a", "x1 = hmirror(I)\nO = hmirror(x1)")]), "f", "exec"), namespace)
    assert namespace["solve_a"]((1, 2)) == (1, 2)


@pytest.mark.parametrize("task_id", ["", "a b", "a\nimport os", "a(I):", "é"])
def test_a_task_id_that_the_format_cannot_carry_is_refused(task_id):
    with pytest.raises(UserError, match="task id"):
        format_programs([seed(task_id, "O = hmirror(I)")])


def test_two_programs_for_one_task_are_not_written():
    with pytest.raises(UserError, match="two programs"):
        format_programs([seed("a", "O = hmirror(I)"), seed("a", "O = vmirror(I)")])


def test_every_malformed_file_is_one_user_error(tmp_path):
    for name, content in [("latin", b"\xff\xfe"), ("empty", b"")]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=name):
            load_programs(tmp_path / name)
    with pytest.raises(UserError, match="no such file"):
        load_programs(tmp_path / "missing")
    with pytest.raises(UserError, match="not a regular file"):
        load_programs(tmp_path)


def test_windows_line_ends_and_a_byte_order_mark_are_accepted(tmp_path):
    path = tmp_path / "solvers.py"
    path.write_bytes(b"\xef\xbb\xbf" + PUBLISHED_STYLE.replace("\n", "\r\n").encode())
    assert load_programs(path) == parse_programs(PUBLISHED_STYLE, where="f")


def test_written_programs_are_loaded_again_and_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "programs.txt"
    seeds = [seed("a", "O = hmirror(I)")]
    write_programs(path, seeds, header="checked\non arc1/training")
    assert path.read_text().startswith("# checked\n# on arc1/training\n\n\ndef solve_a(I):\n")
    assert load_programs(path) == seeds
    before = path.read_bytes()

    def fail(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(Exception, match="No space left on device"):
        write_programs(path, [seed("b", "O = vmirror(I)")])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_builtin_file_is_in_canonical_form():
    text = BUILTIN_FILE.read_text(encoding="utf-8")
    header = text[: text.index("def ")]
    assert all(line.startswith("#") for line in header.split("\n") if line)
    assert text[len(header) :] == format_programs(load_programs("builtin"))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (body("x0 = hmirror(I)", "x7 = vmirror(x0)", "O = dmirror(x7)", "return O"), "x1 x2 O"),
        (body("x1 = hmirror(I)", "x2 = vmirror(x1)", "return x2"), "x1 O"),
        (body("O = hmirror(I)", "x2 = vmirror(O)", "return x2"), "x1 O"),
        (body("x3 = hmirror(I)", "O = vmirror(x3)", "return O"), "x3 O"),
        ("def verify_a(I: Grid) -> Grid:\n    x0 = hmirror(I)\n    return x0\n", "O"),
        (body('"""Mirror."""', "O = hmirror(I)", "return O"), "O"),
        (body("O = fill(I,", "    TWO,", "    I)", "return O"), "O"),
        (body("O = fill(", "    I, TWO,", "    I", ")", "return O"), "O"),
    ],
)
def test_what_other_projects_write_is_read_as_the_program_that_it_is(text, canonical):
    (read,) = parse_programs(text, where="f")
    assert " ".join(read.program.names) == canonical
    assert parse_programs(format_programs([read]), where="f") == [read]


@pytest.mark.parametrize(
    ("lines", "needle"),
    [
        (("m4 = hmirror(I)", "O = m4(I)"), "f:2: solve_a: found the name 'm4': not a name that can be assigned"),
        (
            ("x1 = objects(I, T, F, T)", "O = fill(I, TWO, is_square)"),
            "f:3: solve_a: found the name 'is_square': an arg",
        ),
        (("x1 = x2(I)", "x2 = hmirror(I)", "O = x1(x2)"), "f:2: solve_a: found the name 'x2': the callee"),
        (
            ("x1 = hmirror(I)", "x1 = vmirror(I)", "O = hmirror(x1)"),
            "f:3: solve_a: found the name 'x1': a name assigned",
        ),
        (
            ("x1 = hmirror(I)", "O = vmirror(x1)", "O = hmirror(x1)"),
            "solve_a: the last line, and no other, must assign O",
        ),
    ],
)
def test_the_name_that_is_wrong_is_told(lines, needle):
    with pytest.raises(UserError) as caught:
        parse_programs(body(*lines, "return O"), where="f")
    assert needle in str(caught.value)


def test_a_malformed_program_can_be_left_out_and_told():
    good = "def solve_b(I):\n    O = hmirror(I)\n    return O\n"
    faults = {}
    (read,) = parse_programs(body("O = hmirror(J)", "return O") + good, where="f", faults=faults)
    assert read.task_id == "b"
    assert list(faults) == ["a"]
    assert faults["a"].startswith("f:2: solve_a: found the name 'J'")
    with pytest.raises(UserError, match=r"f:2: solve_a: found the name 'J'"):
        parse_programs(body("O = hmirror(J)", "return O"), where="f", faults={})
