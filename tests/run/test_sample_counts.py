"""Exact tests of the counts that a meta-iteration keeps of its samples."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interpreter
from codeit_jax.hindsight import Execution
from codeit_jax.run.sample_counts import TOKENS_PER_BIN, length_histogram, primitive_uses, syntax_faults

GRID = ((1, 2), (3, 4))


def executions(*texts):
    with interpreter.InterpreterPool(1, interpreter.Limits()) as pool:
        [rows] = pool.run([interpreter.Job(texts, [GRID, GRID])])
    return [Execution(task_id="t", program=text, outcomes=tuple(row)) for text, row in zip(texts, rows, strict=True)]


@given(st.lists(st.integers(0, 600)))
@settings(deadline=None)
def test_every_length_is_in_its_bin(lengths):
    counts = length_histogram(lengths)
    assert sum(counts) == len(lengths)
    assert counts == [sum(x // TOKENS_PER_BIN == n for x in lengths) for n in range(len(counts))]
    assert not counts or counts[-1]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "empty"),
        ("O = hmirror(I", "form"),
        ("O = hmiror(I)", "callee"),
        ("O = hmirror(I, I)", "arity"),
        ("O = hmirror(x1)", "argument"),
        ("x1 = hmirror(I)", "output"),
        ("O = hmirror(I)" * 1000, "too_long"),
    ],
)
def test_a_fault_is_counted_by_its_reason_once_whatever_the_number_of_grids(text, fault):
    assert syntax_faults(executions(text, "O = hmirror(I)", "O = first(ZERO)")) == {fault: 1}


def test_no_text_is_counted_as_other_while_the_interpreter_gives_its_reasons():
    known = {reason.name.lower() for reason in interpreter.Reason}
    texts = ["", "O", "é", "O = f(I)", "O = hmirror(I, I)", "x1 = hmirror(x2)\nO = hmirror(x1)"]
    assert set(syntax_faults(executions(*texts))) <= known


def test_primitives_count_where_they_are_called_or_passed_but_not_in_what_does_not_parse():
    texts = ["x1 = apply(hmirror, I)\nx2 = hmirror(I)\nO = hmirror(x2)", "O = hmirror(I", "O = first(ZERO)"]
    assert primitive_uses(executions(*texts)) == {"apply": 1, "first": 1, "hmirror": 3}
