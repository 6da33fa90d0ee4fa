"""Exact tests of the coverage count; contract: every primitive in three built-in programs, and the table in docs."""

from pathlib import Path

import interpreter
from codeit_jax.programs import SeedProgram, coverage, coverage_table, load_programs

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "coverage.md"


def test_a_primitive_counts_once_a_program_called_or_passed_on():
    texts = {
        "a": "x1 = compose(size, first)\nx2 = hmirror(I)\nO = hmirror(x2)",
        "b": "O = hmirror(I)",
        "c": "x1 = lbind(fill, I)\nx2 = x1(ONE, ORIGIN)\nO = vmirror(x2)",
    }
    counts = coverage([SeedProgram(name, interpreter.parse(text)) for name, text in texts.items()])
    assert {name: count for name, count in counts.items() if count} == {
        "compose": 1, "size": 1, "first": 1, "hmirror": 2, "lbind": 1, "fill": 1, "vmirror": 1,
    }  # fmt: skip
    assert counts.keys() == interpreter.PRIMITIVES.keys()


def test_every_primitive_occurs_in_three_built_in_programs():
    assert {name: count for name, count in coverage(load_programs("builtin")).items() if count < 3} == {}


def test_the_document_is_up_to_date():
    assert DOCUMENT.read_text(encoding="utf-8") == coverage_table(load_programs("builtin"))
