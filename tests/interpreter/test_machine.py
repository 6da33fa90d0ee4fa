"""Exact tests of running one program: verdicts, work, grids, CodeIt's rules; bombs end by the deterministic limits."""

import resource
import tracemalloc

import pytest

from interpreter import Limits, Status, infer_types, parse, run, run_batch
from interpreter.execution.output import as_grid
from interpreter.values.meter import METER
from tests.interpreter.program_texts import program_text

GRID = ((1, 0, 0), (0, 2, 0), (0, 0, 3))


def outcome_of(text, grid=GRID, **limits):
    limits = Limits(**limits)
    return run(parse(text, limits.mode), grid, limits)


def test_a_grid_comes_out():
    outcome = outcome_of("x1 = hmirror(I)\nO = vconcat(x1, I)")
    assert outcome.status is Status.OK
    assert outcome.grid == (*reversed(GRID), *GRID)
    assert outcome.message == ""


def test_a_variable_may_hold_a_function_and_be_called():
    outcome = outcome_of("x1 = lbind(replace, I)\nx2 = x1(ONE, FIVE)\nx3 = compose(hmirror, vmirror)\nO = x3(x2)")
    assert outcome.grid == ((3, 0, 0), (0, 2, 0), (0, 0, 5))


def test_the_first_failing_call_is_reported():
    outcome = outcome_of("x1 = hmirror(I)\nx2 = divide(ONE, ZERO)\nO = first(x2)")
    assert (outcome.status, outcome.grid, outcome.message) == (Status.ERROR, None, "ZeroDivisionError at line 2")


def test_calling_what_is_no_function_fails():
    assert outcome_of("x1 = size(I)\nO = x1(I)").message == "TypeError at line 2"


@pytest.mark.parametrize(
    "text",
    ["O = size(I)", "O = objects(I, T, F, T)", "O = first(I)", "O = canvas(TEN, UNITY)", "O = canvas(NEG_ONE, UNITY)",
     "O = upscale(I, NEG_ONE)", "x1 = multiply(TEN, FOUR)\nx2 = astuple(x1, ONE)\nO = canvas(ONE, x2)",
     "x1 = initset(I)\nO = totuple(x1)", "O = compose(size, size)"],
)  # fmt: skip
def test_what_is_no_grid_is_invalid(text):
    assert outcome_of(text).status is Status.INVALID


def test_valid_grids_by_mode():
    square = ((0, 9), (1, 1))
    assert as_grid(square, "native") == square
    assert as_grid((), "native") is None
    assert as_grid((), "codeit") == ()
    assert as_grid(((),), "native") is None
    assert as_grid(((),), "codeit") == ((),)
    assert as_grid(((0,) * 31,), "native") is None
    assert as_grid(((0,) * 31,), "codeit") == ((0,) * 31,)
    for wrong in (None, 3, [], frozenset(), ((1,), (1, 2)), ((10,),), ((-1,),), ((None,),), (((0,),),), (1, 2)):
        assert as_grid(wrong, "codeit") is None


def test_booleans_in_a_grid_become_integers():
    outcome = outcome_of("x1 = equality(I, I)\nO = canvas(x1, UNITY)")
    assert outcome.grid == ((1,),)
    assert type(outcome.grid[0][0]) is int


def test_work_adds_up_over_the_lines_and_repeats_exactly():
    one, two = outcome_of("O = hmirror(I)"), outcome_of("x1 = hmirror(I)\nO = hmirror(x1)")
    assert one.work >= 1
    assert two.work == 2 * one.work
    assert outcome_of("O = hmirror(I)") == one


def test_the_program_budget_ends_a_program_of_cheap_lines():
    text = "x1 = hmirror(I)\nx2 = vmirror(x1)\nO = hmirror(x2)"
    need = outcome_of(text).work
    assert outcome_of(text, work_per_program=need).status is Status.OK
    outcome = outcome_of(text, work_per_program=need - 1)
    assert (outcome.status, outcome.message) == (Status.WORK, "work limit of the program at line 3")


def test_the_line_budget_ends_an_expensive_line():
    outcome = outcome_of("x1 = asindices(I)\nO = product(x1, x1)", work_per_line=50)
    assert (outcome.status, outcome.message) == (Status.WORK, "work limit of a line at line 2")


def test_primitives_are_unlimited_after_a_run():
    outcome_of("x1 = asindices(I)\nO = product(x1, x1)", work_per_line=50)
    assert METER.left == float("inf")


HUNDRED = "multiply(TEN, TEN)"
BOMBS = {
    "canvas of 10^10 cells": program_text(
        HUNDRED, "multiply(@, @)", "multiply(@, TEN)", "astuple(@, @)", "canvas(ZERO, @)"
    ),
    "upscaled ten times": program_text(*["upscale(@, TEN)"] * 10),
    "products of products": program_text("asindices(I)", *["product(@, @)"] * 6, "first(@)"),
    "huge integers": program_text(HUNDRED, *["multiply(@, @)"] * 30, "canvas(@, UNITY)"),
    "repeat of repeats": program_text(
        HUNDRED, "multiply(@, @)", "repeat(I, @)", *["repeat(@, x2)"] * 5, "first(@)"
    ),
    "interval": program_text(HUNDRED, *["multiply(@, @)"] * 3, "interval(ZERO, @, ONE)", "first(@)"),
    "doubled tuples": program_text(*["astuple(@, @)"] * 61, "first(@)"),
    "concatenated": program_text(*["vconcat(@, @)"] * 61, "first(@)"),
    "one heavy part many times": program_text(
        *["astuple(@, @)"] * 10, "repeat(@, ONE)", *["combine(@, @)"] * 40, "initset(@)", "first(@)"
    ),
    "sets in sets": program_text(*["initset(@)"] * 51, *["product(@, @)"] * 8, "first(@)"),
    "tower of compositions": program_text(
        "compose(hmirror, vmirror)", *["compose(@, @)"] * 58, "apply(@, I)"
    ),
    "tower of identities": program_text("compose(identity, identity)", *["compose(@, @)"] * 58, "apply(@, I)"),
    "power of power": program_text(HUNDRED, "power(hmirror, x1)", *["power(@, x1)"] * 10, "apply(@, I)"),
    "doubling closure in one line": program_text(
        HUNDRED, "fork(astuple, identity, identity)", "power(x2, x1)", "x3(I)"
    ),
    "doubling closure, hashed": program_text(
        HUNDRED, "fork(combine, identity, identity)", "power(x2, x1)", "compose(initset, @)", "x4(I)"
    ),
    "nesting closure": program_text(HUNDRED, "power(initset, x1)", "power(x2, x1)", "x3(I)"),
    "self-application": program_text(
        "fork(apply, identity, identity)", "lbind(apply, x1)", "rbind(apply, I)", "compose(@, identity)",
        "lbind(compose, @)", "power(@, TEN)", "x6(apply)",
    ),
    "prapply of everything": program_text("asindices(I)", *["prapply(astuple, @, @)"] * 3, "first(@)"),
    "far away box": program_text(
        HUNDRED, "multiply(@, @)", "multiply(@, @)", "astuple(@, @)", "initset(@)", "insert(ORIGIN, @)", "backdrop(@)",
        "first(@)",
    ),
    "far away line": program_text(
        HUNDRED, "multiply(@, @)", "multiply(@, @)", "toivec(@)", "connect(ORIGIN, @)", "first(@)"
    ),
}  # fmt: skip

LARGE = tuple(tuple((i * j) % 10 for j in range(30)) for i in range(30))


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_bombs_end_by_the_limits_with_little_memory(text):
    tracemalloc.start()
    try:
        outcome = outcome_of(text, LARGE, work_per_line=200_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert outcome.status in (Status.WORK, Status.SIZE, Status.ERROR, Status.INVALID)
    assert peak < 64 << 20
    assert outcome_of(text, LARGE, work_per_line=200_000) == outcome


def test_a_verdict_does_not_depend_on_the_callers_stack():
    text = BOMBS["power of power"]

    def deep(levels):
        return deep(levels - 1) if levels else outcome_of(text, LARGE)

    assert deep(800) == outcome_of(text, LARGE)


def test_a_repeated_call_denotes_the_same_closure():
    text = "x1 = compose(size, size)\nx2 = compose(size, size)\nx3 = equality(x1, x2)\nO = canvas(x3, UNITY)"
    assert outcome_of(text).grid == ((1,),)


class TestCodeit:
    """The execution rules of the CodeIt release."""

    def test_long_values_vanish_and_their_use_fails(self):
        text = "x1 = asobject(I)\nO = paint(I, x1)"
        small, large = ((0,) * 30,) * 30, ((0,) * 40,) * 25
        assert outcome_of(text, small, mode="codeit").status is Status.OK
        assert outcome_of(text, large, mode="codeit").message == "NameError at line 2"
        assert outcome_of(text, large).status is Status.INVALID  # runs, but 40 columns are no grid

    def test_a_long_output_is_none(self):
        assert outcome_of("O = asindices(I)", ((0,) * 40,) * 25, mode="codeit").status is Status.INVALID

    def test_a_self_reference_fails_when_run(self):
        assert outcome_of("O = hmirror(O)", mode="codeit").message == "NameError at line 1"
        assert outcome_of("x1 = x1(I)\nO = hmirror(I)", mode="codeit").message == "NameError at line 1"

    def test_a_constant_keeps_its_value_in_the_line_that_reassigns_it(self):
        assert outcome_of("ONE = canvas(ONE, UNITY)\nO = vconcat(ONE, ONE)", mode="codeit").grid == ((1,), (1,))

    def test_the_older_functions_are_used(self):
        text = "x1 = ofcolor(I, FIVE)\nx2 = delta(x1)\nO = fill(I, ONE, x2)"
        assert outcome_of(text).status is Status.OK
        assert outcome_of(text, mode="codeit").status is Status.ERROR


def test_types_are_those_of_the_values():
    text = """x1 = size(I)
x2 = astuple(x1, ONE)
x3 = asobject(I)
x4 = objects(I, T, F, T)
x5 = ofcolor(I, ONE)
x6 = apply(toindices, x4)
x7 = palette(I)
x8 = first(x3)
x9 = equality(I, I)
x10 = compose(size, size)
x11 = totuple(x4)
x12 = repeat(I, TWO)
x13 = repeat(ONE, TWO)
x14 = repeat(ONE, THREE)
O = index(I, TEN)"""
    assert infer_types(parse(text), [GRID]) == [
        "Integer", "IntegerTuple", "Object", "Objects", "Indices", "IndicesSet", "IntegerSet", "Cell", "Boolean",
        "Callable", "Container", "GridTuple", "IntegerTuple", "Container", None,
    ]  # fmt: skip


def test_types_come_from_the_first_grid_on_which_a_line_works():
    program = parse("x1 = ofcolor(I, ONE)\nx2 = ulcorner(x1)\nx3 = first(x1)\nO = crop(I, x3, UNITY)")
    assert infer_types(program, [((0,),)]) == ["IntegerSet", "Grid", None, None]
    assert infer_types(program, [((0,),), ((1,),)]) == ["IntegerSet", "Grid", "IntegerTuple", "Grid"]


@pytest.mark.parametrize("wrong", [{"mode": "python"}, {"work_per_line": 0}, {"max_items": 1.5}, {"wall_seconds": 0}])
def test_limits_are_checked(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is"):
        Limits(**wrong)


def test_deep_closures_do_not_turn_to_the_system_for_every_call():
    program = parse(BOMBS["tower of identities"])

    def page_faults():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        [[outcome]] = run_batch([program], [GRID], Limits(work_per_line=200_000))
        assert outcome.status is Status.WORK
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    page_faults()
    assert page_faults() < 1000  # without room for their frames 12,000


@pytest.mark.parametrize("text", ["O = hmirror(I)", "O = identity(I)", "x1 = even(ONE)\nO = canvas(x1, UNITY)"])
def test_cells_come_out_as_plain_integers(text):
    for outcome in (
        run(parse(text), ((True, 0), (1, False))),
        run_batch([parse(text)], [((True, 0), (1, False))])[0][0],
    ):
        assert outcome.status is Status.OK
        assert {type(cell) for row in outcome.grid for cell in row} == {int}
