"""Exact tests of what is kept about a grid: asked again it is the same, at the same charge, and memory is bounded."""

import random

import pytest

from interpreter.primitives import PRIMITIVES, raster
from interpreter.values.meter import WorkExceeded
from tests.interpreter.metered_calls import outcome

FLAGS = [(univalued, diagonal, without) for univalued in (0, 1) for diagonal in (0, 1) for without in (0, 1)]
QUESTIONS = [
    *[("objects", flags) for flags in FLAGS],
    *[("objects", tuple("yes" if flag else () for flag in flags)) for flags in FLAGS],
    *[("ofcolor", (color,)) for color in range(-1, 12)],
    *[(name, ()) for name in ("partition", "fgpartition", "asobject", "asindices")],
]


def random_grid(rng, height, width, colors):
    return tuple(tuple(rng.choice(colors) for _ in range(width)) for _ in range(height))


def answer(question, grid):
    name, arguments = question
    return outcome(lambda: PRIMITIVES[name](grid, *arguments), 100_000, 10_000)


@pytest.mark.parametrize("colors", [(0, 1), (0, 3, 3, 7), (5, 10), (True, 0), (4,)])
def test_the_second_answer_is_the_first(colors):
    rng = random.Random(0)
    grid = random_grid(rng, 6, 7, colors)
    asked = QUESTIONS * 3
    rng.shuffle(asked)
    answers = [answer(question, grid) for question in asked]
    assert answers == [answer(question, (*grid,)) for question in asked]


def test_answers_are_kept():
    grid = random_grid(random.Random(0), 6, 7, (0, 1))
    for name, arguments in QUESTIONS:
        if (name, arguments) not in [("ofcolor", (-1,)), ("ofcolor", (10,)), ("ofcolor", (11,))]:
            assert PRIMITIVES[name](grid, *arguments) is PRIMITIVES[name](grid, *arguments)


def test_an_answer_that_costs_too_much_costs_so_again():
    grid = random_grid(random.Random(0), 6, 7, (0, 1))
    for name, arguments in QUESTIONS:
        answer((name, arguments), grid)
        assert outcome(lambda: PRIMITIVES[name](grid, *arguments), 10, 10_000)[0] is WorkExceeded  # noqa: B023


def test_what_is_kept_is_bounded():
    rng = random.Random(0)
    for _ in range(40):
        grid = random_grid(rng, 60, 60, (0, 1, 2))
        for question in QUESTIONS:
            answer(question, grid)
        kept = sum(len(known.cells) * len(known.kept) for known in raster.recent.values())
        assert len(raster.recent) <= raster.MAX_RECENT
        assert kept <= raster.MAX_KEPT_CELLS
