"""Property and statistical tests of one mutation step: well-formed, typed as stated, branches as often as stated.

Statistical tests use fixed seeds and accept |z| < 4.
"""

import collections
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interpreter
from codeit_jax.mutation.base_signatures import BASE_SIGNATURES, SAME_SIGNATURE
from codeit_jax.mutation.mutate_program import (
    BRANCH_PROBABILITIES,
    Branch,
    BranchProbabilities,
    TypedProgram,
    choose_branch,
    mutate,
)
from codeit_jax.mutation.scope import CONSTANTS_BY_TYPE
from interpreter.language.slots import FIRST_LINE_SLOT, FIXED_NAMES, NUM_PRIMITIVES, Instruction

GRID = ((0, 0, 3), (0, 4, 0), (5, 5, 0))
TEXTS = [
    "O = hmirror(I)",
    "x1 = objects(I, T, F, T)\nx2 = argmax(x1, size)\nx3 = subgrid(x2, I)\nO = replace(x3, ZERO, FIVE)",
    "x1 = ofcolor(I, FIVE)\nx2 = shift(x1, UP)\nx3 = fill(I, TWO, x2)\nx4 = vmirror(x3)\nO = hconcat(x3, x4)",
    "x1 = lbind(rbind, fill)\nx2 = x1(ORIGIN)\nx3 = lbind(x2, I)\nx4 = compose(size, identity)\nO = rot90(I)",
    "x1 = objects(I, T, T, T)\nx2 = apply(ulcorner, x1)\nx3 = totuple(x1)\nx4 = first(x3)\nx5 = initset(x4)\n"
    "x6 = shape(x4)\nx7 = add(x6, ONE)\nx8 = canvas(THREE, x7)\nO = paint(x8, x4)",
]
SEEDS = st.integers(0, 2**32)


def typed(text: str) -> TypedProgram:
    program = interpreter.parse(text)
    return TypedProgram(program, tuple(interpreter.infer_types(program, [GRID])))


PARENTS = [typed(text) for text in TEXTS]


def only(branch: Branch) -> BranchProbabilities:
    return BranchProbabilities(**{kind.value: float(kind is branch) for kind in Branch})


def changed_line(parent: TypedProgram, mutant: interpreter.Program) -> int:
    assert len(mutant.lines) == len(parent.program.lines)
    pairs = enumerate(zip(parent.program.lines, mutant.lines, strict=True))
    (line,) = [number for number, (old, new) in pairs if old != new]
    return line


def is_primitive(slot: int) -> bool:
    return slot < NUM_PRIMITIVES


def test_the_examples_have_known_types():
    assert all(None not in parent.line_types for parent in PARENTS)
    assert PARENTS[1].line_types == ("Objects", "Object", "Grid", "Grid")
    assert PARENTS[4].line_types[2] == "Container"


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(PARENTS), st.sampled_from(sorted(BRANCH_PROBABILITIES)), SEEDS)
def test_mutants_are_well_formed_canonical_and_new(parent, recipe, seed):
    mutant = mutate(parent, BRANCH_PROBABILITIES[recipe], np.random.default_rng(seed))
    if mutant is not None:
        assert interpreter.parse(str(mutant)) == mutant
        assert mutant != parent.program
        assert mutant.names == (*(f"x{n}" for n in range(1, len(mutant.names))), "O")


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(PARENTS), SEEDS)
def test_a_new_definition_has_the_old_result_type_and_arguments_of_its_signature(parent, seed):
    mutant = mutate(parent, only(Branch.DEFINITION), np.random.default_rng(seed))
    if mutant is not None:
        line = changed_line(parent, mutant)
        new = mutant.lines[line]
        types = tuple(parent.type_of(slot) for slot in new.arguments)
        signatures = BASE_SIGNATURES[parent.line_types[line]][FIXED_NAMES[new.callee]]
        assert types in [signature.parameters for signature in signatures]


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(PARENTS), SEEDS)
def test_a_new_argument_has_the_old_ones_type_and_stands_alone(parent, seed):
    mutant = mutate(parent, only(Branch.ARGUMENT), np.random.default_rng(seed))
    if mutant is not None:
        line = changed_line(parent, mutant)
        old, new = parent.program.lines[line], mutant.lines[line]
        assert old.callee == new.callee
        ((before, after),) = [pair for pair in zip(old.arguments, new.arguments, strict=True) if pair[0] != pair[1]]
        assert parent.type_of(before) == parent.type_of(after)
        if is_primitive(before) and is_primitive(after):
            assert FIXED_NAMES[after] in SAME_SIGNATURE[FIXED_NAMES[before]]


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(PARENTS), SEEDS)
def test_a_new_function_has_the_same_signature_and_arguments(parent, seed):
    mutant = mutate(parent, only(Branch.FUNCTION), np.random.default_rng(seed))
    if mutant is not None:
        line = changed_line(parent, mutant)
        old, new = parent.program.lines[line], mutant.lines[line]
        assert old.arguments == new.arguments
        if is_primitive(old.callee):
            first, second = (interpreter.SIGNATURES[FIXED_NAMES[slot]] for slot in (old.callee, new.callee))
            assert [p.type for p in first.parameters] == [p.type for p in second.parameters]
            assert first.result == second.result
        else:
            assert parent.type_of(new.callee) == "Callable"


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(PARENTS), SEEDS)
def test_an_inserted_line_computes_one_argument_and_the_rest_keeps_its_meaning(parent, seed):
    mutant = mutate(parent, only(Branch.INSERTION), np.random.default_rng(seed))
    if mutant is not None:
        assert len(mutant.lines) == len(parent.program.lines) + 1
        places = [
            (line, position)
            for line, instruction in enumerate(parent.program.lines)
            for position in range(len(instruction.arguments))
        ]
        assert any(is_insertion(parent, mutant, line, position) for line, position in places)


def is_insertion(parent: TypedProgram, mutant: interpreter.Program, line: int, position: int) -> bool:
    """Return whether the mutant's line computes only that argument, and all else is the parent, moved by a line."""
    new_slot = FIRST_LINE_SLOT + line
    replaced = parent.program.lines[line].arguments[position]

    def back(slot: int) -> int:
        return replaced if slot == new_slot else slot - (slot > new_slot)

    rest = [
        Instruction(back(target), back(callee), tuple(map(back, arguments)))
        for target, callee, arguments in mutant.lines[line + 1 :]
    ]
    if (*mutant.lines[:line], *rest) != parent.program.lines:
        return False
    used = [slot for later in mutant.lines for slot in (later.callee, *later.arguments)]
    typed_right = FIXED_NAMES[mutant.lines[line].callee] in BASE_SIGNATURES[parent.type_of(replaced)]
    return used.count(new_slot) == 1 and mutant.lines[line + 1].arguments[position] == new_slot and typed_right


@pytest.mark.parametrize(
    ("recipe", "shares"),
    [
        ("paper", {Branch.DEFINITION: 0.25, Branch.ARGUMENT: 0.5, Branch.INSERTION: 0.0, Branch.FUNCTION: 0.25}),
        ("released", {Branch.DEFINITION: 0.25, Branch.ARGUMENT: 0.25, Branch.INSERTION: 0.25, Branch.FUNCTION: 0.25}),
    ],
)
def test_branches_are_as_frequent_as_stated(recipe, shares):
    rng = np.random.default_rng(7)
    draws = 20_000
    counts = collections.Counter(choose_branch(BRANCH_PROBABILITIES[recipe], rng) for _ in range(draws))
    for branch, share in shares.items():
        deviation = counts[branch] - draws * share
        assert abs(deviation) <= 4 * math.sqrt(draws * share * (1 - share))


def test_lines_and_arguments_are_drawn_uniformly():
    parent = typed("x1 = rot90(I)\nx2 = rot90(x1)\nx3 = rot90(x2)\nO = rot90(x3)")
    rng = np.random.default_rng(3)
    mutants = [mutate(parent, only(Branch.FUNCTION), rng) for _ in range(4_000)]
    counts = collections.Counter(changed_line(parent, mutant) for mutant in mutants)
    chi_square = sum((counts[line] - 1_000) ** 2 / 1_000 for line in range(4))
    assert (chi_square - 3) / math.sqrt(6) < 4


def test_every_value_of_the_type_in_scope_is_reached_and_no_other():
    parent = typed("x1 = size(I)\nO = replace(I, ZERO, ONE)")
    rng = np.random.default_rng(5)
    mutants = [mutate(parent, only(Branch.ARGUMENT), rng) for _ in range(4_000)]
    reached = {str(mutant).splitlines()[1] for mutant in mutants if mutant} - {"O = replace(I, ZERO, ONE)"}
    integers = [FIXED_NAMES[slot] for slot in CONSTANTS_BY_TYPE["Integer"]] + ["x1"]
    first = {f"O = replace(I, {name}, ONE)" for name in integers if name != "ZERO"}
    second = {f"O = replace(I, ZERO, {name})" for name in integers if name != "ONE"}
    # The input grid itself can become x1's argument only by another grid, and there is none.
    assert reached == first | second
    assert len(integers) == 14


def test_a_draw_without_an_alternative_gives_no_mutant():
    parent = typed("O = hmirror(I)")
    assert mutate(parent, only(Branch.ARGUMENT), np.random.default_rng(0)) is None
    unknown = TypedProgram(parent.program, (None,))
    assert mutate(unknown, only(Branch.DEFINITION), np.random.default_rng(0)) is None


def test_a_program_of_the_greatest_length_gets_no_line_more():
    lines = [f"x{n} = rot90(I)" for n in range(1, 64)]
    parent = typed("\n".join([*lines, "O = rot90(I)"]))
    rng = np.random.default_rng(0)
    assert all(mutate(parent, only(Branch.INSERTION), rng) is None for _ in range(50))
