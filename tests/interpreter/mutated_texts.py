"""Program texts: mutants of the seed programs."""

import itertools

import numpy as np

from codeit_jax.arc import load_tasks
from codeit_jax.mutation import BRANCH_PROBABILITIES, TypedProgram, mutate
from codeit_jax.programs import load_programs
from interpreter import infer_types


def mutants(number):
    tasks = load_tasks("arc1/training")
    parents = [
        TypedProgram(seed.program, infer_types(seed.program, tasks[seed.task_id].demonstration_inputs))
        for seed in load_programs("builtin")[:100]
    ]
    proposals = (
        mutate(parents[k % 100], BRANCH_PROBABILITIES["paper"], np.random.default_rng([0, k]))
        for k in itertools.count()
    )
    return [str(program) for program in itertools.islice(filter(None, proposals), number)]
