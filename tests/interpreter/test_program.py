"""Exact tests of the grammar in both modes, and a fuzz: a text is a program that prints as it was read, or refused."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpreter import CONSTANTS, SIGNATURES, ProgramError, Reason, parse
from interpreter.language.slots import FIRST_LINE_SLOT, FIXED_NAMES
from tests.interpreter.program_texts import random_program

PROGRAM = "x1 = objects(I, T, F, T)\nx2 = compose(size, first)\nx7 = rbind(shift, UNITY)\nx3 = x7(x1)\nO = paint(I, x3)"


def reason_of(text, mode="native"):
    with pytest.raises(ProgramError) as caught:
        parse(text, mode)
    return caught.value.line, caught.value.reason


def test_prints_as_it_was_read():
    assert str(parse(PROGRAM)) == PROGRAM
    assert str(parse(PROGRAM + "\n\n")) == PROGRAM
    assert parse(str(parse(PROGRAM))) == parse(PROGRAM)


def test_names_are_resolved_to_slots():
    program = parse("x1 = hmirror(I)\nO = vconcat(x1, I)")
    callee, argument = FIXED_NAMES.index("hmirror"), FIXED_NAMES.index("I")
    assert program.lines[0] == (FIRST_LINE_SLOT, callee, (argument,))
    assert program.lines[1].arguments == (FIRST_LINE_SLOT, argument)
    assert program.names == ("x1", "O")
    assert len(FIXED_NAMES) == 160 + 28 + 1


def test_every_primitive_and_constant_can_be_named():
    for name, signature in SIGNATURES.items():
        arguments = ", ".join(["I"] * len(signature.parameters))
        assert str(parse(f"O = {name}({arguments})")) == f"O = {name}({arguments})"
        parse(f"O = identity({name})")
    for name in CONSTANTS:
        parse(f"O = identity({name})")


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 0, Reason.EMPTY),
        ("\n\n", 0, Reason.EMPTY),
        ("O = identity(I)" + " " * 8192, 0, Reason.TOO_LONG),
        ("x = y\n" * 65, 0, Reason.TOO_MANY_LINES),
        ("O = idéntity(I)", 0, Reason.CHARACTERS),
        ("O = hmirror", 1, Reason.FORM),
        ("O = hmirror(I", 1, Reason.FORM),
        ("O = hmirror(I) ", 1, Reason.FORM),
        ("O= hmirror(I)", 1, Reason.FORM),
        ("\nO = hmirror(I)", 1, Reason.FORM),
        ("O = hmirror(I)\r\n", 1, Reason.FORM),
        ("x1 = hmirror(I)\r\nO = hmirror(x1)", 1, Reason.FORM),
        ("x1 = hmirror(I)", 1, Reason.OUTPUT),
        ("O = hmirror(I)\nO = hmirror(I)", 1, Reason.OUTPUT),
        ("x1 = hmirror(I)\nx1 = hmirror(I)\nO = hmirror(I)", 2, Reason.REASSIGNED),
        ("I = hmirror(I)\nO = hmirror(I)", 1, Reason.REASSIGNED),
        ("hmirror = hmirror(I)\nO = hmirror(I)", 1, Reason.REASSIGNED),
        ("y1 = hmirror(I)\nO = hmirror(y1)", 1, Reason.TARGET),
        ("x0 = hmirror(I)\nO = hmirror(x0)", 1, Reason.TARGET),
        ("x01 = hmirror(I)\nO = hmirror(x01)", 1, Reason.TARGET),
        (f"x{'1' * 32} = hmirror(I)\nO = hmirror(I)", 1, Reason.NAME_TOO_LONG),
        ("O = x1(I)", 1, Reason.CALLEE),
        ("O = I(I)", 1, Reason.CALLEE),
        ("O = ONE(I)", 1, Reason.CALLEE),
        ("O = O(I)", 1, Reason.CALLEE),
        ("O = hmirror()", 1, Reason.ARGUMENT),
        ("O = hmirror(x1)", 1, Reason.ARGUMENT),
        ("O = hmirror(O)", 1, Reason.ARGUMENT),
        ("O = vconcat(I,I)", 1, Reason.ARGUMENT),
        ("O = vconcat(I,  I)", 1, Reason.ARGUMENT),
        ("O = hmirror(hmirror(I))", 1, Reason.ARGUMENT),
        ("O = fill(I, 3, I)", 1, Reason.ARGUMENT),
        ("O = hmirror(I, I)", 1, Reason.ARITY),
        ("x1 = identity(I)\nO = vconcat(x1)", 2, Reason.ARITY),
    ],
)
def test_native_mode_refuses(text, line, reason):
    assert reason_of(text) == (line, reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("O = f = hmirror(I)", Reason.FORM),  # rule 1
        ("O = hmirror((I)", Reason.FORM),  # rule 2
        ("x1 = hmirror(I)", Reason.OUTPUT),  # rule 3
        ("hmirror = vmirror(I)\nO = vmirror(hmirror)", Reason.TARGET),  # rule 4
        ("x1 = hmirror(I)\nx1 = vmirror(I)\nO = hmirror(x1)", Reason.REASSIGNED),  # rule 5
        ("O = hmirror(I)\nO = vmirror(I)", Reason.REASSIGNED),
        ("x1 = hmirror(I)\nO = hmirror(I)", Reason.REPEATED_CALL),  # rule 6
        ("O = x1(I)", Reason.CALLEE),  # rule 7
        ("O = T(I)", Reason.CALLEE),
        ("O = hmirror()", Reason.ARGUMENT),  # rule 8
        ("O = hmirror(I", Reason.FORM),
        ("O = vconcat(I,I)", Reason.ARGUMENT),  # rule 9
        ("O = vconcat(I, x2)", Reason.ARGUMENT),
        ("x.y = hmirror(I)\nO = vmirror(I)", Reason.TARGET),
    ],
)
def test_codeit_mode_refuses(text, reason):
    assert reason_of(text, "codeit")[1] == reason


@pytest.mark.parametrize(
    "text",
    [
        "foo = hmirror(I)\nO = vmirror(foo)",
        "I = hmirror(I)\nO = vmirror(I)",
        "T = hmirror(I)\nO = objects(T, ONE, T, T)",
        "x1 = x1(I)\nO = vmirror(x1)",
        "O = vconcat(I, O)",
        "O = hmirror(I, I)",
        "  O = hmirror(I)  ",
    ],
)
def test_codeit_mode_accepts(text):
    assert parse(text, "codeit").names[-1] == "O"


@settings(deadline=None, max_examples=300)
@given(
    st.text(max_size=80) | st.text(alphabet="xIO12=(), \nhmiror", max_size=60), st.sampled_from(["native", "codeit"])
)
def test_any_text_is_a_program_or_an_error(text, mode):
    refusal = None
    try:
        program = parse(text, mode)
    except ProgramError as error:
        refusal = error
    if refusal is None:
        assert parse(str(program), mode) == program
    else:
        assert isinstance(refusal.reason, Reason)
        assert 0 <= refusal.line <= 64


def test_random_programs_print_as_they_were_read():
    rng = random.Random(1)
    for _ in range(300):
        text = random_program(rng)
        assert str(parse(text)) == text


def test_an_error_says_where_and_why():
    with pytest.raises(ProgramError, match=r"^line 2: wrong number of arguments$"):
        parse("x1 = identity(I)\nO = vconcat(x1)")
