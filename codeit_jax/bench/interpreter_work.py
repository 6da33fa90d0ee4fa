"""The programs and grids that the interpreter is timed on: fixed by seeds, the same in every run."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice

import numpy as np

import interpreter
from codeit_jax.arc import Grid, TaskSet, load_tasks
from codeit_jax.config import InterpreterConfig
from codeit_jax.mutation import RECIPES, TypedProgram, generate_mutants, mutate, random_program
from codeit_jax.programs import load_programs
from interpreter import Limits, Program, Status, infer_types

LIMITS = Limits(work_per_line=InterpreterConfig().work_per_line, work_per_program=InterpreterConfig().work_per_program)
"""Those that a run has by default."""

NUM_MUTANTS = 2000
NUM_INPUTS = 10
SAMPLES_A_TASK = 24
NUM_SAMPLED_TASKS = 50

_STOPPED = (Status.WORK, Status.SIZE)


@dataclass(frozen=True)
class Workload:
    """Programs, and the grids that each of them is to be run on."""

    programs: list[Program]
    grids: list[Grid]

    @property
    def num_executions(self) -> int:
        """Programs times grids."""
        return len(self.programs) * len(self.grids)


def seed_workloads() -> list[Workload]:
    """Return each seed program with all inputs of its task."""
    tasks = load_tasks("arc1/training")
    return [
        Workload([seed.program], [*tasks[seed.task_id].demonstration_inputs, *tasks[seed.task_id].test_inputs])
        for seed in load_programs("builtin")
    ]


def mutants(number: int) -> list[Program]:
    """Return mutants of the seed programs, at depth 1, that run on their own tasks."""
    with interpreter.InterpreterPool(0, LIMITS) as pool:
        made = generate_mutants(
            load_programs("builtin"), load_tasks("arc1/training"), num_programs=number, seed=0, pool=pool, method="d1"
        )
    return [mutant.program for mutant in made.mutants]


def evaluation_inputs(number: int) -> list[Grid]:
    """Return inputs of demonstrations of different evaluation tasks."""
    tasks, rng = load_tasks("arc1/evaluation"), np.random.default_rng(0)
    chosen = [tasks[int(k)] for k in rng.choice(len(tasks), number, replace=False)]
    return [task.demonstrations[int(rng.integers(len(task.demonstrations)))].input for task in chosen]


def mutant_workload() -> Workload:
    """Return mutants and foreign inputs of which no pair is stopped by a budget: the plain peer has none."""
    grids = evaluation_inputs(NUM_INPUTS)
    programs = mutants(NUM_MUTANTS + NUM_MUTANTS // 10)
    rows = interpreter.run_batch(programs, grids, LIMITS)
    within = [p for p, row in zip(programs, rows, strict=True) if all(o.status not in _STOPPED for o in row)]
    return Workload(within[:NUM_MUTANTS], grids)


def sample_workloads(kind: str) -> list[Workload]:
    """Return what stands for a policy's samples on some tasks: mutants of the task's program, or random programs."""
    tasks = load_tasks("arc1/training")
    seeds = load_programs("builtin")
    workloads = []
    for number in np.random.default_rng(0).choice(len(seeds), NUM_SAMPLED_TASKS, replace=False):
        seed = seeds[int(number)]
        grids = list(tasks[seed.task_id].demonstration_inputs)
        drawn = _mutants_of(seed.program, tasks, seed.task_id) if kind == "mutants" else _random_programs(int(number))
        workloads.append(Workload(list(islice(drawn, SAMPLES_A_TASK)), grids))
    return workloads


def _mutants_of(program: Program, tasks: TaskSet, task_id: str) -> Iterator[Program]:
    parent = TypedProgram(program, infer_types(program, tasks[task_id].demonstration_inputs, LIMITS))
    for k in count():
        mutant = mutate(parent, RECIPES["paper"], np.random.default_rng([0, k]))
        if mutant is not None:
            yield mutant


def _random_programs(seed: int) -> Iterator[Program]:
    rng = np.random.default_rng(seed)
    for _ in count():
        program = random_program(rng)
        if program is not None:
            yield program
