"""Exact, twin and statistical tests of augmentation: labels, fixed colors, who depends on what (z below 4)."""

import dataclasses
import itertools
import math
from collections import Counter
from types import SimpleNamespace

import pytest

import interpreter
from codeit_jax.arc import Example, load_tasks
from codeit_jax.config.schema import Config, DataConfig, MutationConfig
from codeit_jax.hindsight import Experience
from codeit_jax.hindsight.augmentation import SYMMETRIES, Transformation, augment, draw_transformations, fixed_colors
from codeit_jax.programs import load_programs
from codeit_jax.run.first_stage import mutant_generator
from codeit_jax.run.initial_data import initial_experiences, seed_experiences

GRIDS = (((1, 2, 0), (3, 3, 8)), ((0, 0, 5, 4), (0, 5, 0, 1)), ((7,), (9,)))
TEXTS = [
    "x1 = ofcolor(I, EIGHT)\nO = fill(I, THREE, x1)",
    "x1 = hmirror(I)\nO = vconcat(I, x1)",
    "x1 = leastcolor(I)\nO = replace(I, x1, ZERO)",
    "x1 = objects(I, T, F, T)\nx2 = argmax(x1, size)\nO = subgrid(x2, I)",
]


def experience(text, task_id="a"):
    examples = tuple(Example(grid, interpreter.run(interpreter.parse(text), grid).grid) for grid in GRIDS[:2])
    return Experience(
        task_id=task_id, program=text, examples=examples, demonstration_performance=0.5, origin="mutant", iteration=-1
    )


EXPERIENCES = [experience(text, task_id) for task_id in "ab" for text in TEXTS]


@pytest.fixture(scope="module")
def pool():
    with interpreter.InterpreterPool(1) as pool:
        yield pool


def test_the_symmetries_are_the_eight_of_the_square():
    turned = {name: Transformation(name, tuple(range(10))).apply(GRIDS[1]) for name in SYMMETRIES}
    assert turned["identity"] == GRIDS[1]
    # What rotations and one reflection generate.
    quarter = turned["identity"]
    expected = set()
    for _ in range(4):
        quarter = tuple(zip(*quarter[::-1], strict=True))
        expected |= {quarter, quarter[::-1]}
    assert set(turned.values()) == expected
    assert len(expected) == 8


def test_colors_are_replaced_cell_by_cell():
    assert Transformation("vmirror", (0, 2, 1, 3, 4, 5, 6, 7, 9, 8)).apply(GRIDS[0]) == ((0, 1, 2), (9, 3, 3))


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("x1 = ofcolor(I, EIGHT)\nO = fill(I, THREE, x1)", {0, 3, 8}),
        ("x1 = objects(I, T, F, T)\nx2 = first(x1)\nO = subgrid(x2, I)", {0}),
        ("x1 = upscale(I, TWO)\nx2 = add(NEG_ONE, TEN)\nO = shift(x1, UNITY)", {0, 2}),
        ("x1 = rbind(ofcolor, FIVE)\nx2 = x1(I)\nO = fill(I, ZERO, x2)", {0, 5}),
    ],
)
def test_the_background_and_the_colors_that_a_program_names_stay(text, fixed):
    assert fixed_colors(interpreter.parse(text)) == fixed
    for move in draw_transformations(experience(TEXTS[1]), 50, 0):
        assert move.colors[0] == 0
    named = dataclasses.replace(experience(TEXTS[1]), program=text)
    for move in draw_transformations(named, 50, 0):
        assert all(move.colors[color] == color for color in fixed)
        assert sorted(move.colors) == list(range(10))


def test_every_label_is_what_the_program_makes_of_the_transformed_input(pool):
    augmented = augment(EXPERIENCES, 5, seed=0, pool=pool)
    assert len(augmented) > 3 * len(EXPERIENCES)
    originals = {(e.task_id, e.program): e for e in EXPERIENCES}
    for new in augmented:
        task_id, symmetry, colors = new.task_id.split(":")
        original = originals[task_id, new.program]
        move = Transformation(symmetry, tuple(map(int, colors)))
        assert [example.input for example in new.examples] == [move.apply(e.input) for e in original.examples]
        for example in new.examples:
            assert interpreter.run(interpreter.parse(new.program), example.input).grid == example.output
        assert [e.input for e in new.examples] != [e.input for e in original.examples]
        assert any(example.input != example.output for example in new.examples)
        assert (new.demonstration_performance, new.origin, new.iteration) == (0.5, "mutant", -1)


def test_a_copy_on_which_the_program_fails_is_left_out(pool):
    example = Example(((5, 1), (2, 5)), ((5, 1), (2, 5)))
    failing = dataclasses.replace(EXPERIENCES[0], program="x1 = ofcolor(I, SIX)\nx2 = first(x1)\nO = shift(I, x2)")
    assert augment([dataclasses.replace(failing, examples=(example,))], 20, seed=0, pool=pool) == []


def test_each_experience_is_augmented_by_itself_whatever_the_workers(pool):
    whole = augment(EXPERIENCES, 3, seed=7, pool=pool)
    parts = [augment([experience], 3, seed=7, pool=pool) for experience in EXPERIENCES[::-1]]
    assert whole == list(itertools.chain(*parts[::-1]))
    with interpreter.InterpreterPool(3) as three:
        assert augment(EXPERIENCES, 3, seed=7, pool=three) == whole
    assert augment(EXPERIENCES, 3, seed=8, pool=pool) != whole
    # More copies go on from fewer.
    assert [e for e in augment(EXPERIENCES, 2, seed=7, pool=pool) if e not in whole] == []


def test_symmetries_colors_and_fractions_are_drawn_uniformly():
    draws = [
        move
        for number in range(2000)
        for move in draw_transformations(dataclasses.replace(EXPERIENCES[1], task_id=str(number)), 2.25, seed=0)
    ]
    n = len(draws)
    assert abs(n - 4500) < 4 * math.sqrt(2000 * 0.25 * 0.75)
    for symmetry, count in Counter(move.symmetry for move in draws).items():
        assert abs(count - n / 8) < 4 * math.sqrt(n / 8 * 7 / 8), symmetry
    images = Counter((color, move.colors[color]) for move in draws for color in range(1, 10))
    assert len(images) == 81
    for pair, count in images.items():
        assert abs(count - n / 9) < 4 * math.sqrt(n / 9 * 8 / 9), pair
    both = Counter((move.symmetry, move.colors[1]) for move in draws)
    assert all(abs(count - n / 72) < 4 * math.sqrt(n / 72 * 71 / 72) for count in both.values())


def test_nothing_else_in_a_run_s_data_changes_and_off_is_the_default(pool):
    tasks, seeds = load_tasks("arc1/training"), load_programs("builtin")[:6]

    def data(**settings):
        config = Config(
            data=DataConfig(**settings),
            mutation=MutationConfig(num_programs=10, score_tasks=False),
            num_meta_iterations=0,
        )
        bench = SimpleNamespace(config=config, seeds=seeds, training_tasks=tasks, search_tasks=tasks[:20], pool=pool)
        [mutants] = mutant_generator(bench).batches(10, 200)
        return initial_experiences(bench, seed_experiences(bench), mutants)

    plain, programs = data(fresh_inputs=1.0)
    both, same_programs = data(fresh_inputs=1.0, augment=2.0)
    assert same_programs == programs
    added = [e for e in both if ":" in e.task_id]
    assert 15 <= len(added) <= 32
    assert [e for e in both if ":" not in e.task_id] == plain == data(fresh_inputs=1.0, augment=0.0)[0]
    assert [e for e in data(augment=2.0)[0] if ":" in e.task_id] == added
