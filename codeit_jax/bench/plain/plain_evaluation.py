"""Programs, one line after the other."""

from codeit_jax.bench.plain.plain_order import Value
from codeit_jax.bench.plain.plain_primitives import PRIMITIVES
from interpreter import CONSTANTS, Grid, Program

_FIXED = [*PRIMITIVES.values(), *CONSTANTS.values()]


def evaluate(program: Program, grid: Grid) -> Value:
    """Return what the last line gives; a line that fails raises whatever it raises."""
    slots = [*_FIXED, grid]
    for _, callee, operands in program.lines:
        slots.append(slots[callee](*[slots[operand] for operand in operands]))
    return slots[-1]
