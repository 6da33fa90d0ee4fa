"""Twin test of screening: which programs solve which tasks, against running everything on everything."""

import numpy as np
import pytest

import interpreter
from codeit_jax.arc import Example, Task, TaskSet, area
from codeit_jax.evaluation.screening import screen_tasks
from codeit_jax.mutation import random_program

SMALL, LARGE, TEST = ((1, 2),), ((0, 3, 0), (4, 4, 0)), ((5, 0), (0, 5), (5, 5))


def mirror(grid):
    return grid[::-1]


def rotate(grid):
    return mirror(tuple(row[::-1] for row in grid))


TASKS = TaskSet(
    [
        # The smallest demonstration isn't the first, and more than one program solves it.
        Task("flip", (Example(LARGE, mirror(LARGE)), Example(SMALL, mirror(SMALL))), (Example(TEST, mirror(TEST)),)),
        Task("turn", (Example(SMALL, rotate(SMALL)), Example(LARGE, rotate(LARGE))), (Example(TEST, TEST),)),
        Task("none", (Example(SMALL, ((9,),)),), (Example(TEST, TEST),)),
    ],
    source="made",
    snapshot="by hand",
)
# The last one solves the larger demonstration of `flip` only.
LARGER_ONLY = "x1 = hmirror(I)\nx2 = colorcount(I, THREE)\nO = upscale(x1, x2)"
TEXTS = [
    "O = hmirror(I)",
    "O = rot180(I)",
    "O = identity(I)",
    "O = size(I)",
    "x1 = vmirror(I)\nO = hmirror(x1)",
    LARGER_ONLY,
]


@pytest.fixture(scope="module")
def pool():
    with interpreter.InterpreterPool(2) as pool:
        yield pool


def slowly_screened(programs, screen):
    for task in TASKS:
        smallest = min(task.demonstrations, key=lambda example: area(example.input))
        for position, program in enumerate(programs):

            def solves(example, program=program):
                return interpreter.run(program, example.input).grid == example.output

            if solves(smallest) or (screen == "all" and any(map(solves, task.demonstrations))):
                flags = tuple(map(solves, task.demonstrations)), tuple(map(solves, task.tests))
                yield position, (task.id, str(program), *flags)


@pytest.mark.parametrize("screen", ["all", "smallest_demonstration"])
def test_screening_equals_running_everything(pool, screen):
    random = [random_program(np.random.default_rng(seed)) for seed in range(300)]
    programs = [*map(interpreter.parse, TEXTS), *filter(None, random)]
    origins = ["seed"] * len(TEXTS) + ["mutant"] * (len(programs) - len(TEXTS))
    screened = screen_tasks(programs, TASKS, origins, pool=pool, screen=screen)
    placed = [(position, c) for _, candidates in screened for position, c in candidates.items()]
    found = [(position, (c.task_id, c.program, c.demonstrations, c.tests)) for position, c in placed]
    assert found == list(slowly_screened(programs, screen))
    assert {task_id for _, (task_id, *_) in found} == {"flip", "turn"}
    larger_only = TEXTS.index(LARGER_ONLY)
    assert (larger_only in [position for position, _ in found]) == (screen == "all")
    assert all((c.origin, c.work) == (origins[position], position + 1) for position, c in placed)


def test_no_program_finds_nothing(pool):
    assert [(task.id, found) for task, found in screen_tasks([], TASKS, [], pool=pool)] == [
        (task.id, {}) for task in TASKS
    ]
