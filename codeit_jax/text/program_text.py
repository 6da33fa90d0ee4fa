"""Program text in the one form that tokenizers encode: variables numbered in the order of their lines."""

from dataclasses import replace

import interpreter
from interpreter.language.program import OUTPUT_NAME
from interpreter.language.slots import MAX_LINES

VARIABLES = tuple(f"x{number}" for number in range(1, MAX_LINES))
"""The variables of a canonical program; the last of its lines assigns `O`."""


def canonical_text(program_text: str) -> str:
    """Return the program's canonical text with its variables renamed x1, x2, ... in the order of the lines.

    Raises:
        ValueError: the text is outside the grammar.
    """
    program = interpreter.parse(program_text)
    return str(replace(program, names=(*VARIABLES[: len(program) - 1], OUTPUT_NAME)))
