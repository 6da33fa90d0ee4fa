"""Exact tests of what a program's text tells, and a twin: outputs checked less against outputs checked in full."""

import pytest
from program_texts import program_text

from interpreter import Limits, Status, parse, run, run_batch
from interpreter.execution.output import Unsure
from interpreter.execution.plan import UNBUILT_SLOTS, plan_of

GRIDS = [((1, 0, 0), (0, 2, 0), (0, 0, 3)), ((0, 0, 5, 5), (0, 1, 1, 0)), ((7,),)]


def plan(*lines):
    return plan_of(parse(program_text(*lines)).lines)


@pytest.mark.parametrize(
    ("lines", "unsure"),
    [
        (["hmirror(I)"], Unsure.SIZE),
        (["upscale(I, THREE)", "crop(@, ORIGIN, TWO_BY_TWO)", "hconcat(@, I)"], Unsure.SIZE),
        (["objects(I, T, F, T)", "merge(@)", "fill(I, THREE, @)"], Unsure.SIZE),
        (["leastcolor(I)", "replace(I, TEN, @)"], Unsure.SIZE),
        (["asindices(I)", "subgrid(@, I)", "compress(@)"], Unsure.SIZE),
        (["asindices(I)", "fill(I, TEN, @)"], Unsure.COLORS),
        (["asindices(I)", "fill(I, I, @)"], Unsure.COLORS),
        (["asobject(I)", "paint(I, @)"], Unsure.COLORS),
        (["vconcat(I, I)"], Unsure.COLORS),
        (["canvas(T, UNITY)"], Unsure.BOOLEANS),
        (["asobject(I)", "square(@)", "canvas(@, UNITY)"], Unsure.BOOLEANS),
        (["apply(even, I)", "initset(@)", "totuple(@)"], Unsure.BOOLEANS),
        (["asindices(I)", "matcher(size, ONE)", "apply(@, x1)", "repeat(@, ONE)"], Unsure.BOOLEANS),
    ],
)
def test_what_is_unsure_of_an_output(lines, unsure):
    assert plan(*lines).unsure is unsure


def test_values_stay_unbuilt_where_all_users_take_them_so():
    lines = ["rbind(shoot, UP)", "ofcolor(I, ONE)", "mapply(x1, x2)", "fill(I, TWO, x3)", "underfill(@, ONE, x3)"]
    assert [step.callee in UNBUILT_SLOTS.values() for step in plan(*lines).steps] == [False, False, True, False, False]
    for other_use in ("intersection(x3, x2)", "fill(I, x3, x2)", "fork(size, x3, x1)", "x3(I)"):
        steps = plan(*lines, other_use, "identity(I)").steps
        assert not any(step.callee in UNBUILT_SLOTS.values() for step in steps)
    assert plan(*lines[:3]).steps[-1].callee not in UNBUILT_SLOTS.values()


def compared(*lines):
    return [step.recurs for step in plan(*lines).steps]


def test_closures_are_compared_where_two_lines_may_make_the_same():
    assert compared("compose(size, first)", "compose(last, first)", "lbind(add, ONE)", "lbind(add, @)") == [
        *(False, False, True, True)
    ]
    assert compared("branch(T, compose, chain)", "x1(size, first)", "compose(size, first)") == [False, True, True]
    assert compared("compose(size, first)", "matcher(@, ONE)", "sfilter(I, @)", "hmirror(@)") == [False] * 4
    assert compared("lbind(shift, UP)", "lbind(shift, DOWN)", "hmirror(I)") == [False] * 3
    assert compared("lbind(add, ONE)", "lbind(add, T)", "hmirror(I)") == [True, True, False]
    assert compared("lbind(add, ONE)", "lbind(add, TWO)", "compose(x1, size)", "compose(x2, size)") == [False] * 4
    assert compared("apply(size, I)", "apply(width, I)", "lbind(equality, x1)", "lbind(equality, x2)") == [
        *(False, False, True, True)
    ]


def test_comparing_towers_of_closures_ends():
    towers = [f"fork(add, {name}, {name})" for k in range(1, 30) for name in (f"x{2 * k - 1}", f"x{2 * k}")]
    assert compared("lbind(add, ONE)", "lbind(add, TWO)", *towers, "hmirror(I)") == [False] * 61


KEEPING = [
    *("rot90(@)", "dmirror(@)", "cmirror(@)", "tophalf(@)", "lefthalf(@)", "trim(@)", "compress(@)", "upscale(@, TWO)"),
    *("upscale(@, NEG_ONE)", "downscale(@, TWO)", "crop(@, DOWN, UNITY)", "crop(@, NEG_UNITY, TWO_BY_TWO)"),
    *("hconcat(@, I)", "cover(@, x1)", "fill(@, THREE, x1)", "underfill(@, ONE, x1)", "replace(@, ZERO, NINE)"),
    *("switch(@, ZERO, ONE)", "cellwise(@, @, FOUR)", "subgrid(x1, @)", "canvas(SIX, TWO_BY_TWO)", "branch(T, @, I)"),
]


@pytest.mark.parametrize("first", KEEPING)
def test_an_output_that_is_checked_less_is_what_a_full_check_gives(first):
    programs = [
        parse(program_text("asindices(I)", "ofcolor(I, ZERO)", "identity(I)", first, second)) for second in KEEPING
    ]
    programs += [parse(program_text("asindices(I)", "hupscale(I, TEN)", first, second)) for second in KEEPING]
    full = run_batch(programs, GRIDS, Limits())
    sizes_only = [program for program in programs if program.plan.unsure is Unsure.SIZE]
    assert len(sizes_only) > len(programs) // 2
    for program, outcomes in zip(programs, full, strict=True):
        assert [run(program, grid) for grid in GRIDS] == outcomes


def test_an_input_with_other_colors_is_checked_in_full():
    program = parse("O = vmirror(I)")
    assert program.plan.unsure is Unsure.SIZE
    assert run(program, ((1, 12),)).status is Status.INVALID
