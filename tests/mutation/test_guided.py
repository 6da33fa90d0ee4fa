"""Contract, property and statistical tests of guided mutation: what it draws from, and what may not matter."""

from collections import Counter

import numpy as np
import pytest

import interpreter
from codeit_jax.arc import Example, Task
from codeit_jax.hindsight import solved_demonstrations
from codeit_jax.mutation import parents
from codeit_jax.mutation.guided import guided_pass
from codeit_jax.mutation.parents import Parents
from codeit_jax.programs import canonical_text

LIMITS = interpreter.Limits()
GRIDS = [((1, 2), (3, 4)), ((5, 0, 6), (0, 7, 7)), ((8, 1), (9, 3))]
SEEDS = [
    "O = hmirror(I)",
    "x1 = vmirror(I)\nO = hconcat(I, x1)",
    "x1 = ofcolor(I, ONE)\nO = fill(I, TWO, x1)",
    "x1 = rot90(I)\nO = upscale(x1, TWO)",
]


def made(task_id, transform, tests=None):
    first, second, test = (Example(grid, transform(grid)) for grid in GRIDS)
    return Task(task_id, (first, second), tests or (test,))


TASKS = [
    made("turn", lambda grid: tuple(row[::-1] for row in grid[::-1])),
    made("double", lambda grid: tuple(row + row for row in grid)),
    made("stack", lambda grid: grid + grid),
]


@pytest.fixture(scope="module")
def pool():
    with interpreter.InterpreterPool(1, LIMITS) as pool:
        yield pool


def population(task, pool):
    found = Parents(task, LIMITS)
    [rows] = pool.run([interpreter.Job(SEEDS, task.demonstration_inputs)])
    found.observe(SEEDS, [[outcome.grid for outcome in row] for row in rows])
    return found


def passed(tasks, pool, *counts, seed=3):
    """Return executions by task, and the populations, after passes of so many programs."""
    populations = [population(task, pool) for task in tasks]
    executions = {task.id: [] for task in tasks}
    for number, count in enumerate(counts):
        for one, found in guided_pass(populations, count, seed=(seed, number), pool=pool):
            executions[one.task.id] += found
    return executions, [one.to_row() for one in populations]


@pytest.fixture(scope="module")
def whole(pool):
    return passed(TASKS, pool, 200, 150)


def test_children_are_new_programs_and_their_outcomes_are_true(whole, pool):
    executions, _ = whole
    for task in TASKS:
        texts = [execution.program for execution in executions[task.id]]
        assert 250 < len(texts) == len(set(texts)) <= 350
        assert set(texts).isdisjoint(SEEDS)
        assert texts == [canonical_text(text) for text in texts]
        [rows] = pool.run([interpreter.Job(texts, task.demonstration_inputs)])
        assert [[o.grid for o in execution.outcomes] for execution in executions[task.id]] == [
            [outcome.grid for outcome in row] for row in rows
        ]


def test_it_finds_what_lies_near(whole):
    executions, rows = whole
    for task, row in zip(TASKS, rows, strict=True):
        solving = [e.program for e in executions[task.id] if all(solved_demonstrations(e, task))]
        assert solving, task.id
        _, best, closeness = row["parents"][0]
        assert closeness == 1.0
        assert best in solving
        # Of one behavior the shortest is kept.
        assert len(best) == min(map(len, solving))
        assert len({behavior for behavior, _, _ in row["parents"]}) == len(row["parents"])


def test_neither_workers_nor_other_tasks_matter(whole, pool):
    with interpreter.InterpreterPool(2, LIMITS) as two:
        assert passed(TASKS, two, 200, 150) == whole
    executions, rows = passed(TASKS[1:2], pool, 200, 150)
    assert (executions["double"], rows) == (whole[0]["double"], whole[1][1:2])


def test_another_seed_draws_other_children(whole, pool):
    assert passed(TASKS[:1], pool, 20, seed=4)[0]["turn"][:20] != whole[0]["turn"][:20]


def test_outputs_of_tests_do_not_matter(whole, pool):
    junk = [Task(task.id, task.demonstrations, (Example(task.tests[0].input, ((9,),)),)) for task in TASKS]
    assert passed(junk, pool, 200, 150) == whole


def test_a_population_that_was_written_down_goes_on_as_it_would_have(whole, pool):
    task = TASKS[0]
    first = population(task, pool)
    rows = [first.to_row()]
    known = first.num_tried
    for _ in guided_pass([first], 200, seed=(3, 0), pool=pool):
        rows.append(first.to_row(known))
    second = Parents.from_rows(task, LIMITS, rows)
    assert (second.best, second.num_tried, second.to_row()) == (first.best, first.num_tried, first.to_row())
    [(_, executions)] = guided_pass([second], 150, seed=(3, 1), pool=pool)
    assert executions == whole[0]["turn"][-len(executions) :]


def test_parents_are_drawn_by_the_square_of_their_closeness(monkeypatch, pool):
    found = population(TASKS[0], pool)
    drawn = Counter()

    def noted(parent, rng):
        drawn[str(parent.program)] += 1

    monkeypatch.setattr(parents, "edit", noted)
    assert found.propose(400, np.random.default_rng(0)) == []
    weights = {parent.program: parent.closeness**2 for parent in found.best}
    for program, weight in weights.items():
        # 4,000 draws: the deviation is 32 at most, so 128 is four of them.
        assert abs(drawn[program] - 4000 * weight / sum(weights.values())) < 128
    assert len(drawn) > 1


def test_only_so_many_parents_stay_and_programs_without_a_grid_are_none(pool):
    found = Parents(TASKS[0], LIMITS)
    failing = "x1 = first(I)\nO = first(x1)"
    found.observe([failing], [[None, None]])
    assert (len(found), found.num_tried) == (0, 1)
    assert found.propose(5, np.random.default_rng(0)) == []
    grids = [((color % 10, color // 10), (0, 0)) for color in range(60)]
    found.observe([f"text {number}" for number in range(60)], [[grid, grid] for grid in grids])
    assert len(found) == parents.MAX_PARENTS
    ranks = [parent.rank for parent in found.best]
    assert ranks == sorted(ranks)
