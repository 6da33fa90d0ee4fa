"""Exact values, round trips and properties: programs read from what models write, and what a prompt says of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interpreter
from codeit_jax.arc import Example, Task
from codeit_jax.prediction.language_reference import language_reference
from codeit_jax.prediction.program_answers import read_program
from codeit_jax.prediction.program_job import read_attempt
from codeit_jax.prediction.program_prompts import feedback, program_questions, repair_question
from codeit_jax.programs import canonical_program, format_programs, load_programs
from interpreter import Outcome, Status

MIRROR = "x1 = vmirror(I)\nO = hconcat(I, x1)"


@pytest.mark.parametrize(
    "answer",
    [
        MIRROR,
        f"The output is the input beside its mirror image.\n\n{MIRROR}\n\nThat's all.",
        f"```python\n{MIRROR}\n```",
        f"Wrong would be\n```\nO = vmirror(I)\n```\nso I write\n```\n{MIRROR}\n```",
        f"<think>\nO = rot90(I)\n</think>\n{MIRROR}",
        "```python\nfrom dsl import *\n\n"
        "def solve(I: Grid) -> Grid:\n    'Mirror.'\n    y = vmirror(I)\n    return hconcat(I, y)\n```",
        "O = hconcat(I, vmirror(I))",
        "x = vmirror(I)\nx = hconcat(I, x)\nO = x",
        "O = hconcat(b=vmirror(piece=I), a=I)",
        "x1: Grid = vmirror(I)  # flipped\nO = hconcat(I, x1)",
        "  x1 = vmirror(I)\n  O = hconcat(I, x1)",
        f"```\n{MIRROR}",
    ],
)
def test_a_program_is_found_in_what_models_write_around_it(answer):
    assert read_attempt(answer).program == MIRROR


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("O = crop(I, (0, 0), (3, 3))", "O = crop(I, ORIGIN, THREE_BY_THREE)"),
        ("O = fill(I, 3, ofcolor(I, 0))", "x1 = ofcolor(I, ZERO)\nO = fill(I, THREE, x1)"),
        ("x1 = objects(I, True, False, True)\nO = first(x1)", "x1 = objects(I, T, F, T)\nO = first(x1)"),
        ("O = compose(hmirror, vmirror)(I)", "x1 = compose(hmirror, vmirror)\nO = x1(I)"),
        ("O = shift(I, (-1, 0))", "O = shift(I, UP)"),
        ("```\nO = rot90(I)\nx1 = rot180(I)\n```", "x1 = rot90(I)\nx2 = rot180(I)\nO = identity(x1)"),
        ("```\ndef f(I):\n    a = rot90(I)\n    return a\n    b = g(I)\n```", "O = rot90(I)"),
        ("x1 = unknown(I)\nO = x1(y)", "x1 = unknown(I)\nO = x1(y)"),
    ],
)
def test_calls_in_calls_literals_and_names_assigned_twice_are_written_out(answer, text):
    assert read_program(answer) == text


def test_all_seed_programs_are_read_as_they_are_and_as_python():
    for seed in load_programs("builtin"):
        canonical = str(canonical_program(seed.program.lines))
        assert read_attempt(str(seed.program)).program == canonical
        assert read_attempt(f"```python\n{format_programs([seed])}```").program == canonical


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ("", "No program: no program found, expected lines `name = function(argument, ...)`, the last one of O."),
        ("I don't know.", "No program: no program found"),
        ("```\nO = crop(I, (17, 0), UNITY)\n```", "No program: `(17, 0)`: expected I, an earlier name, a constant"),
        (
            "```\nfor i in x(I):\n    pass\n```",
            "No program: `for i in x(I):`: expected `name = function(argument, ...)`",
        ),
        ("```\nO = f(lambda x: x)\n```", "No program: `lambda x: x`: expected I"),
        ("```\nx1 = rot90(I\n```", "No program: not lines `name = function(argument, ...)` at `x1 = rot90(I`"),
        ("O = objects(I, univalued=True)", "No program: `objects` with the keywords univalued: expected positional"),
        (
            "x1 = rot90(I)\nO = unknown(x1)",
            "line 2: the callee is neither a primitive nor an earlier variable in `O = ",
        ),
        ("O = rot90(I, I)", "Not a program of the language: line 1: wrong number of arguments in `O = rot90(I, I)`."),
    ],
)
def test_what_is_wrong_with_an_answer_is_one_line(answer, complaint):
    attempt = read_attempt(answer)
    assert attempt.program is None
    assert complaint in attempt.complaint
    assert "\n" not in attempt.complaint
    assert len(attempt.complaint) < 250


@settings(deadline=None)
@given(st.text(alphabet="xOIf=() \n`,.:#[]{}\"'\\-+1defreturn@lambda;é\x00", max_size=200))
def test_any_text_is_a_program_or_a_complaint(answer):
    for text in (answer, f"```\n{answer}\n```"):
        attempt = read_attempt(text)
        assert (attempt.program is None) == bool(attempt.complaint)
        if attempt.program is not None:
            interpreter.parse(attempt.program)


@pytest.mark.parametrize(
    "expression",
    [
        "f(" * 4000 + "I" + ")" * 4000,
        "-" * 6000 + "1",
        "I" + "(I)" * 6000,
        "1" + "+1" * 8000,
        "I" + ".a" * 8000,
        "[" * 150 + "]" * 150,
    ],
)
def test_deep_expressions_are_a_complaint(expression):
    assert read_attempt(f"```\nO = f({expression})\n```").complaint.startswith("No program: ")


def test_the_reference_names_the_whole_language_once():
    lines = language_reference().split("\n")
    names = [line.partition("(")[0] for line in lines[lines.index("Functions:") + 1 :]]
    assert names == list(interpreter.SIGNATURES)
    assert (
        "crop(grid: Grid, start: IntegerTuple, dims: IntegerTuple) -> Grid: Cut out a rectangle" in language_reference()
    )
    for name, value in interpreter.CONSTANTS.items():
        assert f"{name} = {value}" in language_reference()


def test_the_example_of_the_reference_is_a_program():
    [example] = [part for part in language_reference().split("\n\n") if part.startswith("x1 = ")]
    assert read_attempt(example).program == example


GRID, WANTED, OTHER = ((1, 2),), ((2, 1),), ((5, 5),)
TASK = Task("t", (Example(GRID, WANTED),) * 3, (Example(GRID, ((7, 7),)),))


def test_feedback_has_the_messages_and_one_grid():
    wrong = Outcome(Status.OK, OTHER)
    said = feedback(TASK, [Outcome(Status.OK, WANTED), wrong, wrong], "rows")
    assert said == "Pair 1: right.\nPair 2: wrong, the program's output is\n5 5\nPair 3: wrong."
    failed = interpreter.run(interpreter.parse("x1 = first(I)\nO = vmirror(ONE)"), GRID)
    said = feedback(TASK, [failed, wrong, wrong], "sparse")
    assert said.split("\n")[0] == f"Pair 1: no grid (error: {failed.message})."
    assert failed.message == "TypeError at line 2"
    assert "1x2 background=5" in said


def test_a_repair_question_shows_the_last_attempt_and_never_an_output_of_a_test():
    [first] = program_questions([TASK], 1, "rows")
    question = repair_question(first, 2, "O = rot90(I)", "Pair 1: wrong.")
    assert (question.key, first.key) == (("t", -1, 0, 2), ("t", -1, 0, 0))
    assert [message.role for message in question.messages] == ["user", "assistant", "user"]
    assert question.messages[0] == first.messages[0]
    assert question.messages[1].content == "O = rot90(I)"
    assert question.messages[2].content.startswith("Pair 1: wrong.\n")
    assert "7 7" not in "".join(message.content for message in question.messages)
    assert len(repair_question(first, 1, "x" * 10**6, "").messages[1].content) == 4_000
