"""Contract and property tests of mutant generation: validity, determinism, duplicates, depth, resuming."""

import os
import subprocess
import sys

import numpy as np
import pytest

import interpreter
from codeit_jax.arc import Example, Task, TaskSet
from codeit_jax.config.errors import UserError
from codeit_jax.mutation import MutantGenerator, generate, generate_mutants, random_program
from codeit_jax.mutation.drawing import STOP_PROBABILITY
from codeit_jax.programs import SeedProgram
from interpreter.language.slots import FIXED_NAMES

GRIDS = [((1, 2), (3, 3)), ((0, 0, 5), (0, 5, 0), (0, 5, 5)), ((4, 4, 4, 0), (4, 0, 4, 0))]
SEED_TEXTS = {
    "a": "x1 = hmirror(I)\nO = vconcat(I, x1)",
    "b": "x1 = objects(I, T, F, F)\nx2 = argmax(x1, size)\nx3 = subgrid(x2, I)\nO = upscale(x3, TWO)",
    "c": "x1 = ofcolor(I, FIVE)\nx2 = fill(I, TWO, x1)\nO = vmirror(x2)",
}
SEEDS = [SeedProgram(task_id, interpreter.parse(text)) for task_id, text in SEED_TEXTS.items()]
TASKS = TaskSet(
    [
        Task(task_id, (Example(GRIDS[2], GRIDS[0]), Example(GRIDS[0], GRIDS[1])), (Example(GRIDS[1], GRIDS[0]),))
        for task_id in "abc"
    ],
    source="made",
    snapshot="by hand",
)


@pytest.fixture(scope="module")
def pool():
    with interpreter.InterpreterPool(1, interpreter.Limits()) as pool:
        yield pool


def make(pool, **options):
    return generate_mutants(SEEDS, TASKS, **{"num_programs": 120, "seed": 3, "pool": pool, **options})


@pytest.mark.parametrize("method", ["d1", "dinf", "random"])
@pytest.mark.parametrize("recipe", ["paper", "released"])
def test_accepted_mutants_keep_the_promises(pool, method, recipe):
    found = make(pool, method=method, recipe=recipe)
    assert len(found.mutants) == 120
    keys = {(mutant.task_id, str(mutant.program)) for mutant in found.mutants}
    assert len(keys) == 120
    assert keys.isdisjoint((seed.task_id, str(seed.program)) for seed in SEEDS)
    attempts = [mutant.attempt for mutant in found.mutants]
    assert attempts == sorted(set(attempts))
    assert found.attempts == attempts[-1] + 1
    for mutant, outputs in found.accepted:
        task = TASKS[mutant.task_id]
        assert interpreter.parse(str(mutant.program)) == mutant.program
        outcomes = [interpreter.run(mutant.program, grid) for grid in task.inputs]
        assert [outcome.status for outcome in outcomes] == ["ok"] * 3
        assert outputs == tuple(outcome.grid for outcome in outcomes[:2])
        assert [outcome.grid for outcome in outcomes] != list(task.inputs)


def test_parents_are_seeds_with_d1_and_mutants_too_with_dinf(pool, monkeypatch):
    assert {mutant.depth for mutant in make(pool, method="d1").mutants} == {1}
    assert {mutant.depth for mutant in make(pool, method="random").mutants} == {0}
    monkeypatch.setattr(generate, "GENERATION_ATTEMPTS", 64)
    mutants = make(pool, method="dinf", num_programs=200).mutants
    assert {mutant.depth for mutant in mutants if mutant.attempt < 64} == {1}
    assert max(mutant.depth for mutant in mutants) >= 3
    # A mutant of depth d needs a parent of depth d - 1 from an earlier generation.
    for mutant in mutants:
        if mutant.depth > 1:
            start = mutant.attempt // 64 * 64
            assert any(
                p.depth == mutant.depth - 1 and p.task_id == mutant.task_id for p in mutants if p.attempt < start
            )


@pytest.mark.parametrize("method", ["d1", "dinf", "random"])
def test_neither_workers_nor_batch_sizes_matter(pool, method, monkeypatch):
    expected = make(pool, method=method)
    with interpreter.InterpreterPool(2, interpreter.Limits()) as two:
        assert make(two, method=method) == expected
    monkeypatch.setattr(generate, "MAX_BATCH", 37)
    assert make(pool, method=method) == expected


@pytest.mark.parametrize("method", ["d1", "dinf"])
def test_a_set_that_is_continued_equals_one_made_at_once(pool, method, monkeypatch):
    monkeypatch.setattr(generate, "GENERATION_ATTEMPTS", 50)
    whole = make(pool, method=method)
    part = make(pool, method=method, num_programs=33)
    assert part.accepted == whole.accepted[:33]
    generator = MutantGenerator(SEEDS, TASKS, seed=3, pool=pool, method=method, known=part.mutants)
    assert generator.attempts == part.attempts
    rest = [accepted for batch in generator.batches(120 - 33, whole.attempts) for accepted in batch]
    assert part.accepted + tuple(rest) == whole.accepted
    assert generator.attempts == whole.attempts


def test_a_mutant_that_only_renames_variables_is_a_duplicate(pool):
    lines = "{a} = rot90(I)\n{b} = rot90({a})\nO = rot90({b})"
    plain, renamed = (lines.format(a=a, b=b) for a, b in [("x1", "x2"), ("x7", "x3")])

    first, second = (
        generate_mutants([SeedProgram("a", interpreter.parse(text))], TASKS, num_programs=80, seed=0, pool=pool)
        for text in (plain, renamed)
    )
    assert first == second
    assert plain not in {str(mutant.program) for mutant in second.mutants}


def test_other_seeds_give_other_mutants(pool):
    assert make(pool, seed=4).mutants != make(pool, seed=3).mutants


def test_attempts_are_bounded(pool):
    found = make(pool, num_programs=10_000, max_attempts=100)
    assert found.attempts == 100
    assert 0 < len(found.mutants) < 100
    assert make(pool, num_programs=0) == generate.MutantSet((), 0)


def test_a_seed_without_its_task_is_a_user_error(pool):
    stranger = SeedProgram("stranger", SEEDS[0].program)
    with pytest.raises(UserError, match="stranger: expected a task of made"):
        generate_mutants([*SEEDS, stranger], TASKS, num_programs=1, seed=0, pool=pool)
    with pytest.raises(UserError, match="at least one"):
        generate_mutants([], TASKS, num_programs=1, seed=0, pool=pool)


PROPOSE = """
import numpy as np
import interpreter
from codeit_jax.mutation import BRANCH_PROBABILITIES, TypedProgram, mutate, random_program
program = interpreter.parse("x1 = objects(I, T, F, F)\\nx2 = argmax(x1, size)\\nO = subgrid(x2, I)")
parent = TypedProgram(program, tuple(interpreter.infer_types(program, [((1, 2), (3, 3))])))
for seed in range(60):
    print(random_program(np.random.default_rng(seed)))
    print(mutate(parent, BRANCH_PROBABILITIES["released"], np.random.default_rng(seed)))
"""


def test_proposals_do_not_depend_on_the_hash_seed():
    def output(hash_seed: str) -> str:
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        return subprocess.run(
            [sys.executable, "-c", PROPOSE], env=environment, capture_output=True, text=True, check=True
        ).stdout

    text = output("1")
    assert text == output("2")
    assert text.count("O = ") > 80


def test_random_programs_stop_at_a_grid_with_the_stated_probability():
    """A line whose primitive is annotated to give a grid is the last one with probability 0.8 (|z| < 4)."""
    grids = stops = 0
    for seed in range(1_000):
        program = random_program(np.random.default_rng(seed))
        if program is not None:
            assert interpreter.parse(str(program)) == program
            results = [interpreter.SIGNATURES[FIXED_NAMES[line.callee]].result for line in program.lines]
            grids += results.count("Grid")
            stops += results[-1] == "Grid"
    z = (stops - STOP_PROBABILITY * grids) / (grids * STOP_PROBABILITY * (1 - STOP_PROBABILITY)) ** 0.5
    assert grids > 500
    assert abs(z) < 4
