"""One step of typed mutation on a program (paper, appendix A.2).

A line is drawn, then one of the branches: replace its whole definition with a type-correct call of the same result
type, one of its arguments with a value of the same type, or its function with one of the same signature. The released
code has one more branch, where a new line computes the new argument. Lines that a mutation leaves unused stay, as in
the paper.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

import interpreter
from codeit_jax.mutation.base_signatures import SAME_SIGNATURE
from codeit_jax.mutation.drawing import Call, draw_call, pick
from codeit_jax.mutation.scope import PRIMITIVE_SLOTS, Scope, fixed_types
from codeit_jax.programs import canonical_program
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
class BranchProbabilities:
    """Probability of each branch; they add up to one."""

    definition: float
    argument: float
    insertion: float
    function: float


BRANCH_PROBABILITIES = {
    # phi_var, phi_arg and phi_func of the paper.
    "paper": BranchProbabilities(definition=0.25, argument=0.5, insertion=0.0, function=0.25),
    # The released code's phi_var = 0.5 is another quantity: the share of argument replacements that insert a line.
    "released": BranchProbabilities(definition=0.25, argument=0.25, insertion=0.25, function=0.25),
}
"""By recipe: the paper's text and the released code disagree."""


@dataclass(frozen=True, slots=True)
class TypedProgram:
    """A program with the base types of its lines.

    Attributes:
        program: the program.
        line_types: base type of each line's result; None if unknown.
    """

    program: interpreter.Program
    line_types: tuple[str | None, ...]

    def type_of(self, slot: int) -> str | None:
        """Return the base type of what a slot holds."""
        return self.line_types[slot - FIRST_LINE_SLOT] if slot >= FIRST_LINE_SLOT else _FIXED_TYPES[slot]


def choose_branch(probabilities: BranchProbabilities, rng: np.random.Generator) -> Branch:
    """Draw a branch."""
    draw = rng.random()
    for branch in (Branch.DEFINITION, Branch.ARGUMENT, Branch.INSERTION):
        draw -= getattr(probabilities, branch.value)
        if draw < 0:
            return branch
    # What is left, whatever the rounding of the differences.
    return Branch.FUNCTION


def mutate(
    parent: TypedProgram, probabilities: BranchProbabilities, rng: np.random.Generator
) -> interpreter.Program | None:
    """Draw a mutant of `parent`; its variables are x1, x2, ... in the order of the lines.

    Returns:
        A well-formed program that differs from the parent in one definition, or None when the drawn line and branch
        allow no change.
    """
    mutant = mutate_typed(parent, probabilities, rng)
    return None if mutant is None else mutant.program


def mutate_typed(
    parent: TypedProgram, probabilities: BranchProbabilities, rng: np.random.Generator
) -> TypedProgram | None:
    """Draw a mutant as `mutate` does, with the types that its lines have if a mutation keeps types."""
    line = int(rng.integers(len(parent.program.lines)))
    branch = choose_branch(probabilities, rng)
    # An insertion changes the number of lines, so it can't be one instruction for another like the rest.
    if branch is Branch.INSERTION:
        return _insert_argument(parent, line, rng)
    changed = _REPLACEMENTS[branch](parent, line, rng)
    # A drawn definition can be the old one.
    if changed is None or changed == parent.program.lines[line]:
        return None
    lines = list(parent.program.lines)
    lines[line] = changed
    return TypedProgram(canonical_program(lines), parent.line_types)


def _replace_definition(parent: TypedProgram, line: int, rng: np.random.Generator) -> Instruction | None:
    wanted = parent.line_types[line]
    # Only earlier lines are in scope: a program refers backwards.
    call = draw_call([wanted], Scope(parent.line_types[:line]), rng) if wanted else None
    return Instruction(parent.program.lines[line].target, call.callee, call.arguments) if call else None


def _replace_argument(parent: TypedProgram, line: int, rng: np.random.Generator) -> Instruction | None:
    instruction = parent.program.lines[line]
    position = int(rng.integers(len(instruction.arguments)))
    old = instruction.arguments[position]
    # Without the old value: drawing it again would spend the attempt on the parent itself.
    choices = [slot for slot in _same_type(parent, old, Scope(parent.line_types[:line])) if slot != old]
    if not choices:
        return None
    arguments = list(instruction.arguments)
    arguments[position] = pick(choices, rng)
    return instruction._replace(arguments=tuple(arguments))


def _replace_function(parent: TypedProgram, line: int, rng: np.random.Generator) -> Instruction | None:
    """Return the line with another function: for a primitive one of the same signature, for a variable another one."""
    instruction = parent.program.lines[line]
    # Slots below NUM_PRIMITIVES are the primitives'. Of a variable that is called, only that it is a function is known.
    if instruction.callee < NUM_PRIMITIVES:
        choices = [PRIMITIVE_SLOTS[name] for name in SAME_SIGNATURE[FIXED_NAMES[instruction.callee]]]
    else:
        variables = Scope(parent.line_types[:line]).values(CALLABLE)
        choices = [slot for slot in variables if slot != instruction.callee]
    return instruction._replace(callee=pick(choices, rng)) if choices else None


# INSERTION isn't here: it is the one branch that changes the number of lines.
_REPLACEMENTS = {
    Branch.DEFINITION: _replace_definition,
    Branch.ARGUMENT: _replace_argument,
    Branch.FUNCTION: _replace_function,
}


def _same_type(parent: TypedProgram, slot: int, scope: Scope) -> list[int]:
    """Return what can replace a slot: values of its type; for a primitive, function variables and its like."""
    base = parent.type_of(slot)
    # Of unknown type: the line failed on every demonstration, or its value has no type of the language.
    if base is None:
        return []
    if slot < NUM_PRIMITIVES:
        return [*scope.values(CALLABLE), *(PRIMITIVE_SLOTS[name] for name in SAME_SIGNATURE[FIXED_NAMES[slot]])]
    return scope.values(base)


def _insert_argument(parent: TypedProgram, line: int, rng: np.random.Generator) -> TypedProgram | None:
    """Return the program in which a new line computes an argument of a line."""
    lines, types = parent.program.lines, parent.line_types
    position = int(rng.integers(len(lines[line].arguments)))
    wanted = parent.type_of(lines[line].arguments[position])
    call = draw_call([wanted], Scope(types[:line]), rng) if wanted else None
    if call is None or len(lines) == MAX_LINES:
        return None
    program = canonical_program(_with_inserted_line(lines, line, position, call))
    return TypedProgram(program, (*types[:line], call.result, *types[line:]))


def _with_inserted_line(lines: Sequence[Instruction], line: int, position: int, call: Call) -> list[Instruction]:
    """Insert a call before a line and make it that line's argument at `position`."""
    # A slot is a line's position, so the new line takes this line's slot and all results from here on move by one.
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
