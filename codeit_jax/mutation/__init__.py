"""Typed mutation and random sampling of programs."""

from codeit_jax.mutation.generate import (
    ATTEMPTS_PER_PROGRAM,
    Accepted,
    Method,
    Mutant,
    MutantGenerator,
    MutantSet,
    generate_mutants,
)
from codeit_jax.mutation.mutate_program import RECIPES, Recipe, TypedProgram, mutate
from codeit_jax.mutation.random_programs import random_program

__all__ = [
    "ATTEMPTS_PER_PROGRAM",
    "RECIPES",
    "Accepted",
    "Method",
    "Mutant",
    "MutantGenerator",
    "MutantSet",
    "Recipe",
    "TypedProgram",
    "generate_mutants",
    "mutate",
    "random_program",
]
