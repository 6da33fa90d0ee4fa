"""The programs and grids that the interpreter is timed on: fixed by seeds and a file, the same in every run."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import numpy as np

import interpreter
from codeit_jax.arc import Grid, TaskSet, load_tasks
from codeit_jax.config.schema import InterpreterConfig
from codeit_jax.mutation import BRANCH_PROBABILITIES, TypedProgram, generate_mutants, mutate
from codeit_jax.programs import load_programs
from interpreter import Limits, Program, ProgramError, Status, infer_types, parse

LIMITS = Limits(work_per_line=InterpreterConfig().work_per_line, work_per_program=InterpreterConfig().work_per_program)
"""Those that a run has by default."""

NUM_MUTANTS = 2000
NUM_INPUTS = 10
SAMPLES_A_TASK = 24
NUM_SAMPLED_TASKS = 50

SAMPLES_FILE = Path(__file__).parent / "data" / "policy_samples.json"
"""What a trained policy sampled for some tasks, by task in the order of drawing; tests/bench/make_policy_samples.py."""

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


def num_executions(workloads: Iterable[Workload]) -> int:
    """Programs times grids, of all workloads together."""
    return sum(workload.num_executions for workload in workloads)


def seed_workloads() -> list[Workload]:
    """Return each seed program with all inputs of its task."""
    tasks = load_tasks("arc1/training")
    return [
        Workload([seed.program], [*tasks[seed.task_id].demonstration_inputs, *tasks[seed.task_id].test_inputs])
        for seed in load_programs("builtin")
    ]


def mutants(number: int) -> list[Program]:
    """Return mutants of the seed programs, at depth 1, that run on their own tasks."""
    with interpreter.InterpreterPool(0, LIMITS) as pool:  # on all CPUs, for what is made doesn't depend on how many
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
    programs = mutants(NUM_MUTANTS + NUM_MUTANTS // 10)  # a tenth more, since those that are stopped are left out
    rows = interpreter.run_batch(programs, grids, LIMITS)
    within = [p for p, row in zip(programs, rows, strict=True) if all(o.status not in _STOPPED for o in row)]
    return Workload(within[:NUM_MUTANTS], grids)


def sample_workloads() -> list[Workload]:
    """Return a trained policy's samples, each task's on its demonstrations; a text that was cut is no program."""
    content = json.loads(SAMPLES_FILE.read_text(encoding="utf-8"))
    tasks = load_tasks(content["tasks"])
    return [
        Workload(list(_programs_among(texts)), list(tasks[task_id].demonstration_inputs))
        for task_id, texts in content["programs"].items()
    ]


def _programs_among(texts: list[str]) -> Iterator[Program]:
    for text in texts:
        try:
            yield parse(text)
        except ProgramError:
            continue


def task_mutant_workloads() -> list[Workload]:
    """Return as many mutants of a task's seed program, for as many tasks: programs that are near relatives."""
    tasks = load_tasks("arc1/training")
    seeds = load_programs("builtin")
    workloads = []
    for number in np.random.default_rng(0).choice(len(seeds), NUM_SAMPLED_TASKS, replace=False):
        seed = seeds[int(number)]
        drawn = islice(_mutants_of(seed.program, tasks, seed.task_id), SAMPLES_A_TASK)
        workloads.append(Workload(list(drawn), list(tasks[seed.task_id].demonstration_inputs)))
    return workloads


def _mutants_of(program: Program, tasks: TaskSet, task_id: str) -> Iterator[Program]:
    parent = TypedProgram(program, tuple(infer_types(program, tasks[task_id].demonstration_inputs, LIMITS)))
    for k in count():
        # A generator each: how much chance one mutant takes must not move the next.
        mutant = mutate(parent, BRANCH_PROBABILITIES["paper"], np.random.default_rng([0, k]))
        if mutant is not None:
            yield mutant
