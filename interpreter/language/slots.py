"""The row of values that programs run on: primitives, constants, the input grid, results of lines.

A slot is an index into this row.
"""

from typing import NamedTuple

from interpreter.language.constants import CONSTANTS
from interpreter.language.signatures import SIGNATURES

MAX_LINES = 64  # the machine has one row with room for so many
INPUT_NAME = "I"

# Primitives first and `I` last, so that comparing two numbers tells what a slot holds.
FIXED_NAMES: tuple[str, ...] = (*SIGNATURES, *CONSTANTS, INPUT_NAME)
FIXED_SLOTS = {name: slot for slot, name in enumerate(FIXED_NAMES)}
NUM_PRIMITIVES = len(SIGNATURES)
INPUT_SLOT = len(FIXED_NAMES) - 1
FIRST_LINE_SLOT = len(FIXED_NAMES)


class Instruction(NamedTuple):
    """One line: `slots[target] = slots[callee](*(slots[argument] for argument in arguments))`."""

    target: int
    callee: int
    arguments: tuple[int, ...]
