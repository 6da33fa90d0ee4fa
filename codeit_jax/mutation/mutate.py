"""One step of typed mutation on a program (paper, appendix A.2).

A line is drawn, then one of the branches: replace its whole definition by a type-correct call of the same result type,
replace one of its arguments by a value of the same type, or replace its function by one with the same signature. The
released code has one branch more, where the new argument is computed by a new line. Lines that a mutation leaves unused
stay, as in the paper.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

import interpreter
from codeit_jax.mutation.base_signatures import SAME_SIGNATURE
from codeit_jax.mutation.calls import Call, draw_call, pick
from codeit_jax.mutation.scope import PRIMITIVE_SLOTS, Scope, fixed_types
from interpreter.language.program import OUTPUT_NAME
from interpreter.language.slots import FIRST_LINE_SLOT, FIXED_NAMES, MAX_LINES, NUM_PRIMITIVES, Instruction
from interpreter.language.type_names import CALLABLE

_FIXED_TYPES = dict(fixed_types())


class Branch(Enum):
    """What a mutation replaces."""

    DEFINITION = "definition"
    ARGUMENT = "argument"
    INSERTION = "insertion"
    FUNCTION = "function"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Probabilities of the branches; they add up to one."""

    definition: float
    argument: float
    insertion: float
    function: float


RECIPES = {
    # phi_var, phi_arg, phi_func of the paper.
    "paper": Recipe(definition=0.25, argument=0.5, insertion=0.0, function=0.25),
    # The released code's phi_var = 0.5 is the share of argument replacements that insert a line.
    "released": Recipe(definition=0.25, argument=0.25, insertion=0.25, function=0.25),
}


@dataclass(frozen=True, slots=True)
class TypedProgram:
    """A program with the base type of each line's result, None where it isn't known."""

    program: interpreter.Program
    line_types: tuple[str | None, ...]

    def type_of(self, slot: int) -> str | None:
        """Return the base type of what a slot holds."""
        return self.line_types[slot - FIRST_LINE_SLOT] if slot >= FIRST_LINE_SLOT else _FIXED_TYPES[slot]


def choose_branch(recipe: Recipe, rng: np.random.Generator) -> Branch:
    """Draw a branch with the recipe's probabilities."""
    draw = rng.random()
    for branch in (Branch.DEFINITION, Branch.ARGUMENT, Branch.INSERTION):
        draw -= getattr(recipe, branch.value)
        if draw < 0:
            return branch
    return Branch.FUNCTION


def mutate(parent: TypedProgram, recipe: Recipe, rng: np.random.Generator) -> interpreter.Program | None:
    """Draw a mutant of `parent`; its variables are numbered anew.

    Returns:
        A well-formed program that differs from the parent in one definition, or None when the drawn line and branch
        allow no change.
    """
    line = int(rng.integers(len(parent.program.lines)))
    branch = choose_branch(recipe, rng)
    if branch is Branch.INSERTION:
        return _insert_argument(parent, line, rng)
    changed = _REPLACEMENTS[branch](parent, line, rng)
    if changed is None or changed == parent.program.lines[line]:
        return None
    lines = list(parent.program.lines)
    lines[line] = changed
    return build_program(lines)


def build_program(lines: Sequence[Instruction]) -> interpreter.Program:
    """Name the results of the lines x1, x2, ..., O."""
    names = (*(f"x{number}" for number in range(1, len(lines))), OUTPUT_NAME)
    return interpreter.Program(tuple(lines), names)


def _replace_definition(parent: TypedProgram, line: int, rng: np.random.Generator) -> Instruction | None:
    wanted = parent.line_types[line]
    call = draw_call([wanted], Scope(parent.line_types[:line]), rng) if wanted else None
    return Instruction(parent.program.lines[line].target, call.callee, call.arguments) if call else None


def _replace_argument(parent: TypedProgram, line: int, rng: np.random.Generator) -> Instruction | None:
    instruction = parent.program.lines[line]
    position = int(rng.integers(len(instruction.arguments)))
    old = instruction.arguments[position]
    choices = [slot for slot in _same_type(parent, old, Scope(parent.line_types[:line])) if slot != old]
    if not choices:
        return None
    arguments = list(instruction.arguments)
    arguments[position] = pick(choices, rng)
    return instruction._replace(arguments=tuple(arguments))


def _replace_function(parent: TypedProgram, line: int, rng: np.random.Generator) -> Instruction | None:
    """Put another primitive of the same signature; a called variable is only known to be a function: put another."""
    instruction = parent.program.lines[line]
    if instruction.callee < NUM_PRIMITIVES:
        choices = [PRIMITIVE_SLOTS[name] for name in SAME_SIGNATURE[FIXED_NAMES[instruction.callee]]]
    else:
        variables = Scope(parent.line_types[:line]).values(CALLABLE)
        choices = [slot for slot in variables if slot != instruction.callee]
    return instruction._replace(callee=pick(choices, rng)) if choices else None


_REPLACEMENTS = {
    Branch.DEFINITION: _replace_definition,
    Branch.ARGUMENT: _replace_argument,
    Branch.FUNCTION: _replace_function,
}


def _same_type(parent: TypedProgram, slot: int, scope: Scope) -> list[int]:
    """Return what can stand for a slot: values of its type; for a primitive, function variables and its like."""
    base = parent.type_of(slot)
    if base is None:
        return []
    if slot < NUM_PRIMITIVES:
        return [*scope.values(CALLABLE), *(PRIMITIVE_SLOTS[name] for name in SAME_SIGNATURE[FIXED_NAMES[slot]])]
    return scope.values(base)


def _insert_argument(parent: TypedProgram, line: int, rng: np.random.Generator) -> interpreter.Program | None:
    """Compute an argument of a line by a new line before it."""
    lines = parent.program.lines
    position = int(rng.integers(len(lines[line].arguments)))
    wanted = parent.type_of(lines[line].arguments[position])
    call = draw_call([wanted], Scope(parent.line_types[:line]), rng) if wanted else None
    if call is None or len(lines) == MAX_LINES:
        return None
    return build_program(_with_inserted_line(lines, line, position, call))


def _with_inserted_line(lines: Sequence[Instruction], line: int, position: int, call: Call) -> list[Instruction]:
    """Put a call before a line and make it that line's argument at `position`; later results move by one slot."""
    new_slot = FIRST_LINE_SLOT + line

    def moved(slot: int) -> int:
        return slot + 1 if slot >= new_slot else slot

    later = [
        Instruction(moved(target), moved(callee), tuple(map(moved, arguments)))
        for target, callee, arguments in lines[line:]
    ]
    arguments = list(later[0].arguments)
    arguments[position] = new_slot
    later[0] = later[0]._replace(arguments=tuple(arguments))
    return [*lines[:line], Instruction(new_slot, call.callee, call.arguments), *later]
