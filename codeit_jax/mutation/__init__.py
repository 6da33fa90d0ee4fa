"""Typed mutation and random sampling of programs."""

from codeit_jax.mutation.drawing import random_program
from codeit_jax.mutation.generate import (
    ATTEMPTS_PER_PROGRAM,
    Accepted,
    Method,
    Mutant,
    MutantGenerator,
    MutantSet,
    generate_mutants,
)
from codeit_jax.mutation.mutate_program import BRANCH_PROBABILITIES, BranchProbabilities, TypedProgram, mutate

__all__ = [
    "ATTEMPTS_PER_PROGRAM",
    "BRANCH_PROBABILITIES",
    "Accepted",
    "BranchProbabilities",
    "Method",
    "Mutant",
    "MutantGenerator",
    "MutantSet",
    "TypedProgram",
    "generate_mutants",
    "mutate",
    "random_program",
]
