"""What guided mutation does to a parent: one or two typed mutations; or a line more, a part less, a program behind."""

import numpy as np

import interpreter
from codeit_jax.mutation.mutate_program import BranchProbabilities, TypedProgram, mutate_typed

PROBABILITIES = BranchProbabilities(definition=0.25, argument=0.35, insertion=0.15, function=0.25)
"""Of the branches of a mutation."""

TWO_EDITS = 0.3
"""Share of the children that are mutated twice: programs two mutations away may have nothing better in between."""


def edit(parent: TypedProgram, rng: np.random.Generator) -> interpreter.Program | None:
    """Draw a child of a parent.

    Returns:
        The child, whose variables are x1, x2, ...; None when what was drawn allows no change.
    """
    child = mutate_typed(parent, PROBABILITIES, rng)
    if child is not None and rng.random() < TWO_EDITS:
        child = mutate_typed(child, PROBABILITIES, rng) or child
    return None if child is None else child.program
