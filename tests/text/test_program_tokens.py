"""Exact, property and contract: programs as tokens and back, for both tokenizers."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interpreter

ARITIES = {name: len(signature.parameters) for name, signature in interpreter.SIGNATURES.items()}
FIXED_ARGUMENTS = ["I", *interpreter.CONSTANTS, *interpreter.PRIMITIVES]
PROGRAM = "x1 = objects(I, T, F, T)\nx2 = argmax(x1, size)\nx3 = lbind(shift, x2)\nx4 = x3(UP)\nO = paint(I, x4)"


@st.composite
def canonical_programs(draw, max_lines=64):
    """Draw any program of the grammar, sensible or not, with its variables numbered in order."""
    lines = []
    num_lines = draw(st.integers(1, max_lines))
    for number in range(1, num_lines + 1):
        variables = [f"x{k}" for k in range(1, number)]
        callee = draw(st.sampled_from([*ARITIES, *variables]))
        arity = ARITIES.get(callee) or draw(st.integers(1, 4))
        arguments = [draw(st.sampled_from([*FIXED_ARGUMENTS, *variables * 5])) for _ in range(arity)]
        target = "O" if number == num_lines else f"x{number}"
        lines.append(f"{target} = {callee}({', '.join(arguments)})")
    return "\n".join(lines)


@settings(deadline=None, max_examples=60)
@given(text=canonical_programs())
def test_canonical_programs_come_back(tokenizer, text):
    token_ids = tokenizer.encode_program(text)
    assert token_ids.dtype == np.int32
    assert np.flatnonzero(token_ids == tokenizer.end_id).tolist() == [len(token_ids) - 1]
    assert np.isin(token_ids, tokenizer.program_token_ids).all()
    assert tokenizer.decode_program(token_ids) == text


@settings(deadline=None, max_examples=40)
@given(text=canonical_programs(max_lines=12), numbers=st.permutations(range(1, 30)))
def test_other_numberings_come_back_canonical(tokenizer, text, numbers):
    renamed = re.sub(r"\bx(\d+)\b", lambda match: f"x{numbers[int(match[1]) - 1]}", text)
    assert tokenizer.decode_program(tokenizer.encode_program(renamed)) == text
    assert (tokenizer.encode_program(renamed) == tokenizer.encode_program(text)).all()


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_any_ids_decode_to_some_text(tokenizer, data):
    size = tokenizer.vocabulary_size
    likely = st.sampled_from(tokenizer.program_token_ids.tolist())
    token_ids = data.draw(st.lists(likely | st.integers(0, size - 1) | st.sampled_from([-1, size, 2**40])))
    text = tokenizer.decode_program(token_ids)
    assert isinstance(text, str)
    try:
        program = interpreter.parse(text)
    except interpreter.ProgramError:
        return
    # What happens to parse is a program of its own, so encoding it again must not change its meaning.
    again = interpreter.parse(tokenizer.decode_program(tokenizer.encode_program(text)))
    assert again.lines == program.lines


@pytest.mark.parametrize(
    "text",
    [
        "",
        "O = hmirror(I)  # note",
        "x1 = hmirror(I)",
        "O = hmirror()",
        "O = nothing(I)",
        "O = hmirror(x1)",
        "O=hmirror(I)",
    ],
)
def test_text_outside_the_grammar_is_refused(tokenizer, text):
    with pytest.raises(interpreter.ProgramError):
        tokenizer.encode_program(text)


def test_more_lines_than_variables_are_refused(tokenizer):
    body = "\n".join(f"x{number} = hmirror(I)" for number in range(1, 65))
    with pytest.raises(interpreter.ProgramError):
        tokenizer.encode_program(f"{body}\nO = hmirror(x64)")


def test_text_after_the_end_is_not_read(tokenizer):
    token_ids = tokenizer.encode_program(PROGRAM)
    assert tokenizer.decode_program([*token_ids, *token_ids]) == PROGRAM


def test_special_ids(tokenizer):
    assert len({tokenizer.pad_id, tokenizer.end_id}) == 2
    assert tokenizer.start_id not in tokenizer.program_token_ids
    assert tokenizer.end_id in tokenizer.program_token_ids
    assert (np.diff(tokenizer.program_token_ids) > 0).all()
    assert tokenizer.program_token_ids.dtype == np.int32
    assert tokenizer.vocabulary_size <= 2**16


def test_native_tokens_exact(native):
    names = [native.token_names[index] for index in native.encode_program(PROGRAM)]
    assert names == [
        *("objects", "I", "T", "F", "T", "=x1", "argmax", "x1", "size", "=x2", "lbind", "shift", "x2", "=x3"),
        *("x3", "UP", "=x4", "paint", "I", "x4", "<end>"),
    ]


def test_native_program_cut_before_its_end_does_not_parse(native):
    token_ids = native.encode_program(PROGRAM)
    for length in range(len(token_ids)):
        with pytest.raises(interpreter.ProgramError):
            interpreter.parse(native.decode_program(token_ids[:length]))


def test_native_vocabulary_holds_the_language(native):
    names = set(native.token_names)
    assert len(names) == native.vocabulary_size < 2500
    assert {*interpreter.PRIMITIVES, *interpreter.CONSTANTS, "I", "x1", "x63", "=x63"} <= names
    program_names = {native.token_names[index] for index in native.program_token_ids}
    assert len(program_names) == 160 + 28 + 1 + 63 + 63 + 1


def test_bpe_program_is_framed(bpe):
    token_ids = bpe.encode_program("O = hmirror(I)")
    assert (bpe.pad_id, token_ids[0], token_ids[-1]) == (0, 1, 2)
    assert bpe.start_id == bpe.pad_id


def test_bpe_allowed_ids_are_few(bpe):
    assert len(bpe.program_token_ids) < bpe.vocabulary_size
