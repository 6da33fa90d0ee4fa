"""Exact tests of tidying and of single rewrites; property tests: shortened mutants behave as before, also elsewhere."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interpreter
from codeit_jax.arc import load_tasks
from codeit_jax.mutation import random_program
from codeit_jax.programs import SeedProgram, load_programs, shorten_programs
from codeit_jax.programs.rewrites import merges, substitutions, tidy

TASKS = load_tasks("arc1/training")[:40]
GRIDS = [task.demonstrations[0].input for task in TASKS]


@pytest.fixture(scope="module")
def pool():
    with interpreter.InterpreterPool(1) as pool:
        yield pool


def outputs(program, grids):
    return [outcome.grid for [outcome] in zip(*interpreter.run_batch([program], grids), strict=True)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("O = hmirror(I)", "O = hmirror(I)"),
        ("x1 = vmirror(I)\nO = hmirror(I)", "O = hmirror(I)"),
        ("x7 = vmirror(I)\nx3 = hmirror(x7)\nO = trim(x3)", "x1 = vmirror(I)\nx2 = hmirror(x1)\nO = trim(x2)"),
        ("x1 = vmirror(I)\nx2 = vmirror(I)\nO = hconcat(x1, x2)", "x1 = vmirror(I)\nO = hconcat(x1, x1)"),
        ("x1 = trim(I)\nx2 = trim(x1)\nx3 = trim(I)\nO = trim(x3)", "x1 = trim(I)\nO = trim(x1)"),
        ("x1 = lbind(fill, I)\nx2 = lbind(fill, I)\nO = x2(ONE, ORIGIN)", "x1 = lbind(fill, I)\nO = x1(ONE, ORIGIN)"),
    ],
)
def test_tidying_drops_dead_lines_merges_equal_calls_and_renumbers(before, after):
    assert str(tidy(interpreter.parse(before))) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x1 = hmirror(I)\nO = vmirror(x1)", "O = rot180(I)"),
        ("x1 = partition(I)\nx2 = sfilter(x1, square)\nO = merge(x2)", "x1 = partition(I)\nO = mfilter(x1, square)"),
        ("x1 = compose(first, merge)\nx2 = compose(size, x1)\nO = x2(I)", "x1 = chain(size, first, merge)\nO = x1(I)"),
        ("x1 = hupscale(I, TWO)\nx2 = vupscale(x1, TWO)\nO = trim(x2)", "x1 = upscale(I, TWO)\nO = trim(x1)"),
    ],
)
def test_a_call_of_calls_becomes_one_call(before, after):
    assert after in [str(program) for program in merges(interpreter.parse(before))]


def test_a_merge_needs_equal_letters_to_be_equal():
    program = interpreter.parse("x1 = hupscale(I, TWO)\nO = vupscale(x1, THREE)")
    assert list(merges(program)) == []


def test_a_line_that_is_used_again_stays():
    program = interpreter.parse("x1 = hmirror(I)\nx2 = vmirror(x1)\nO = hconcat(x1, x2)")
    assert [str(new) for new in merges(program)] == ["x1 = hmirror(I)\nx2 = rot180(I)\nO = hconcat(x1, x2)"]


def test_substitutions_are_every_stand_in_for_every_variable():
    program = interpreter.parse("x1 = hmirror(I)\nx2 = size(x1)\nO = upscale(x1, x2)")
    texts = [str(new) for new in substitutions(program)]
    names = ["I", *interpreter.CONSTANTS]
    assert set(texts) == {
        *(f"x1 = size({name})\nO = upscale({name}, x1)" for name in names),
        *(f"x1 = hmirror(I)\nO = upscale(x1, {name})" for name in [*names, "x1"]),
        "O = hmirror(I)",
        "x1 = hmirror(I)\nO = size(x1)",
    }
    for new in map(interpreter.parse, texts):
        assert len(new) < len(program)


def test_only_what_differs_nowhere_is_kept(pool):
    [task_id] = [task.id for task in TASKS if task.id == "007bbfb7"]
    texts = ["x1 = hmirror(I)\nx2 = vmirror(x1)\nx3 = size(I)\nO = upscale(x2, x3)", "x1 = trim(I)\nO = hmirror(x1)"]
    seeds = [SeedProgram(task_id, interpreter.parse(text)) for text in texts]
    # The inputs have three rows each; the height is no constant all the same.
    assert [str(seed.program) for seed in shorten_programs(seeds, TASKS, pool=pool)] == [
        "x1 = rot180(I)\nx2 = size(I)\nO = upscale(x1, x2)",
        texts[1],
    ]


def test_a_program_whose_task_is_unknown_stays_as_it_is(pool):
    seeds = [SeedProgram("nowhere", interpreter.parse("x1 = trim(I)\nO = hmirror(I)"))]
    assert shorten_programs(seeds, TASKS, pool=pool) == seeds


def test_a_dead_line_that_decides_over_failure_stays(pool):
    # Index 1 of the first row exists only where there are two columns.
    text = "x1 = first(I)\nx2 = remove(ZERO, x1)\nx3 = first(x2)\nO = hmirror(I)"
    task = TASKS[0]
    [seed] = shorten_programs([SeedProgram(task.id, interpreter.parse(text))], TASKS, pool=pool)
    fails = [grid is None for grid in outputs(interpreter.parse(text), list(task.demonstration_inputs))]
    assert any(fails)
    assert str(seed.program) == text


SEEDS = [seed for seed in load_programs("builtin") if seed.task_id in TASKS and len(seed.program) <= 8]


@settings(deadline=None, max_examples=12)
@given(st.lists(st.integers(0, 1 << 20), min_size=1, max_size=5))
def test_shortening_never_lengthens_and_keeps_every_output(pool, numbers):
    drawn = [random_program(np.random.default_rng(number)) for number in numbers]
    tasks = itertools.cycle(TASKS)
    seeds = [SeedProgram(next(tasks).id, program) for program in drawn if program is not None]
    seeds.append(SEEDS[numbers[0] % len(SEEDS)])
    for before, after in zip(seeds, shorten_programs(seeds, TASKS, pool=pool), strict=True):
        assert len(after.program) <= len(before.program)
        task = TASKS[before.task_id]
        grids = [*task.demonstration_inputs, *task.test_inputs, *GRIDS]
        assert outputs(after.program, grids) == outputs(before.program, grids)
        assert str(tidy(after.program)) == str(after.program) or after == before
