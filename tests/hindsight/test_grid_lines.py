"""Exact and property tests of experiences from grid-valued lines: each part is an example of what it really does."""

import pytest

import interpreter
from codeit_jax.arc import Example, Task, TaskSet
from codeit_jax.config.schema import HindsightConfig
from codeit_jax.hindsight import execute
from codeit_jax.hindsight.grid_lines import line_experiences
from codeit_jax.programs import load_programs

INPUTS = [((1, 2), (3, 4)), ((5, 0, 6), (0, 7, 7)), ((8, 1), (9, 3))]
WANTED = [grid[::-1] for grid in INPUTS]
TASK = Task("t", tuple(map(Example, INPUTS[:2], WANTED[:2])), (Example(INPUTS[2], WANTED[2]),))
TASKS = TaskSet([TASK, Task("u", TASK.demonstrations[::-1], TASK.tests)], source="made", snapshot="by hand")


@pytest.fixture(scope="module")
def pool():
    with interpreter.InterpreterPool(1) as pool:
        yield pool


def found(pool, *programs, tasks=TASKS, **settings):
    executions = execute({tasks[0].id: list(programs)}, tasks, pool)
    config = HindsightConfig(**settings)
    return line_experiences(executions, tasks, config, pool=pool, origin="policy", iteration=2)


def texts(experiences):
    return [experience.program for experience in experiences]


def test_a_chain_of_grids_is_cut_at_each(pool):
    lines = found(pool, "x1 = hmirror(I)\nx2 = rot90(x1)\nO = upscale(x2, TWO)")
    assert texts(lines.prefixes) == ["O = hmirror(I)", "x1 = hmirror(I)\nO = rot90(x1)"]
    assert texts(lines.suffixes) == ["x1 = rot90(I)\nO = upscale(x1, TWO)", "O = upscale(I, TWO)"]
    first, second = lines.prefixes
    # The first line solves the task, and has the priority of a program that does.
    assert first.examples == TASK.demonstrations
    assert (first.demonstration_performance, second.demonstration_performance) == (1.0, 0.0)
    assert (first.task_id, first.origin, first.iteration) == ("t", "policy", 2)
    assert [example.input for example in lines.suffixes[0].examples] == [grid[::-1] for grid in INPUTS[:2]]
    assert all(suffix.task_id.startswith("t:") for suffix in lines.suffixes)


def test_what_needs_more_than_the_grid_has_no_suffix(pool):
    assert texts(found(pool, "x1 = rot90(I)\nx2 = rot90(x1)\nO = vconcat(x2, I)").suffixes) == []
    assert texts(found(pool, "x1 = rot90(I)\nx2 = palette(x1)\nx3 = rot90(x1)\nO = rot90(x3)").suffixes) == [
        "x1 = rot90(I)\nO = rot90(x1)",  # a line that nothing needs is left out
        "O = rot90(I)",
    ]
    partly = "x1 = objects(I, T, F, F)\nx2 = rot90(I)\nx3 = first(x1)\nO = paint(x2, x3)"
    assert (texts(found(pool, partly).prefixes), texts(found(pool, partly).suffixes)) == (["O = rot90(I)"], [])


def test_a_program_that_fails_has_prefixes_and_no_suffixes(pool):
    lines = found(pool, "x1 = rot90(I)\nx2 = first(ZERO)\nO = fill(x1, x2, x2)")
    assert (texts(lines.prefixes), lines.suffixes) == (["O = rot90(I)"], [])


def test_each_part_comes_once_and_what_is_known_or_the_identity_not_at_all(pool):
    lines = found(
        pool,
        "x1 = rot90(I)\nO = hmirror(x1)",
        "x1 = rot90(I)\nO = upscale(x1, TWO)",
        "O = rot90(I)",
        "x1 = identity(I)\nO = rot180(x1)",
        "not a program",
    )
    assert lines.prefixes == []
    assert texts(lines.suffixes) == ["O = hmirror(I)", "O = upscale(I, TWO)", "O = rot180(I)"]
    assert len(found(pool, "x1 = rot90(I)\nO = hmirror(x1)", "x1 = rot90(I)\nO = vmirror(x1)").prefixes) == 1


def test_settings_of_relabeling_hold_for_parts(pool):
    chain = "x1 = hmirror(I)\nx2 = rot90(x1)\nO = rot270(x2)"
    assert texts(found(pool, chain, relabel=False).prefixes) == ["O = hmirror(I)"]
    # The whole solves the task. What follows `x1` gives back its input.
    assert texts(found(pool, chain, relabel=False).suffixes) == ["O = rot270(I)"]
    assert [len(e.examples) for e in found(pool, chain, num_demonstrations=1).suffixes] == [1]
    partly = "x1 = ofcolor(I, FIVE)\nx2 = subgrid(x1, I)\nO = upscale(x2, TWO)"  # there are fives in one input only
    assert [len(e.examples) for e in found(pool, partly).prefixes] == [1]
    assert found(pool, partly, keep="all").prefixes == []


def test_parts_of_real_programs_do_what_their_examples_say(pool):
    seeds = load_programs("builtin")[:100]
    programs = [str(seed.program) for seed in seeds]
    lines = found(pool, *programs)
    assert len(lines.prefixes) > 20
    assert len(lines.suffixes) > 8
    for experience in [*lines.prefixes, *lines.suffixes]:
        program = interpreter.parse(experience.program)
        assert [interpreter.run(program, e.input).grid for e in experience.examples] == [
            e.output for e in experience.examples
        ]
