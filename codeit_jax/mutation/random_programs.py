"""The random baseline: programs built line by line from type-correct calls (paper, appendix A.2)."""

import numpy as np

import interpreter
from codeit_jax.mutation.calls import draw_call
from codeit_jax.mutation.mutate import build_program
from codeit_jax.mutation.scope import Scope
from interpreter.language.slots import FIRST_LINE_SLOT, Instruction
from interpreter.language.type_names import BASE_TYPES, GRID

STOP_PROBABILITY = 0.8  # after a line that gives a grid
MAX_PROGRAM_LINES = 32  # the paper names no bound; 32 lines without a stop happen less than once in a thousand programs


def random_program(rng: np.random.Generator) -> interpreter.Program | None:
    """Draw a program, each line any type-correct call, until a line that gives a grid stops it.

    Returns:
        The program, or None when MAX_PROGRAM_LINES lines didn't end it.
    """
    scope = Scope(())
    lines: list[Instruction] = []
    for slot in range(FIRST_LINE_SLOT, FIRST_LINE_SLOT + MAX_PROGRAM_LINES):
        call = draw_call(BASE_TYPES, scope, rng)
        if call is None:
            raise AssertionError("the constants and the input grid always make a call")
        lines.append(Instruction(slot, call.callee, call.arguments))
        if call.result == GRID and rng.random() < STOP_PROBABILITY:
            return build_program(lines)
        scope.add(slot, call.result)
    return None
