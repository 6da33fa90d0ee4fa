"""Typed mutation and random sampling of programs."""

from codeit_jax.mutation.generate import Method, Mutant, MutantSet, generate_mutants
from codeit_jax.mutation.mutate import RECIPES, Recipe, TypedProgram, mutate
from codeit_jax.mutation.random_programs import random_program

__all__ = [
    "RECIPES",
    "Method",
    "Mutant",
    "MutantSet",
    "Recipe",
    "TypedProgram",
    "generate_mutants",
    "mutate",
    "random_program",
]
