"""The programs that mutation starts from, with the types of their lines."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

import interpreter
from codeit_jax.arc import TaskSet
from codeit_jax.config.errors import UserError
from codeit_jax.mutation.drawing import pick
from codeit_jax.mutation.mutate_program import TypedProgram
from codeit_jax.programs import SeedProgram


class Individual(NamedTuple):
    """A program that can be a parent.

    Attributes:
        task_id: the task that it is for.
        program: the program.
        depth: mutations between it and a seed program.
    """

    task_id: str
    program: interpreter.Program
    depth: int = 0


class Population:
    """Seed programs and, with `add`, mutants of them.

    Types come from running a program on its task's demonstrations when it is first drawn as a parent: a few
    milliseconds a program, instead of minutes for all of them at the start.
    """

    def __init__(self, seeds: Sequence[SeedProgram], tasks: TaskSet, limits: interpreter.Limits) -> None:
        """Start from seed programs.

        Raises:
            UserError: no seeds, or a seed whose task isn't in `tasks`.
        """
        if not seeds:
            raise UserError("found no seed programs, expected at least one")
        # The usual cause is a file of seeds for one collection and --training-tasks of another.
        missing = [seed.task_id for seed in seeds if seed.task_id not in tasks]
        if missing:
            raise UserError(f"seed program for the task {missing[0]}: expected a task of {tasks.source}")
        self._tasks = tasks
        self._limits = limits
        self._members: list[Individual] = []
        self._typed: dict[Individual, TypedProgram] = {}
        for seed in seeds:
            self.add(Individual(seed.task_id, seed.program))

    def add(self, individual: Individual) -> None:
        """Add a program, which may be drawn from now on."""
        self._members.append(individual)

    def draw(self, rng: np.random.Generator) -> Individual:
        """Draw one of the programs uniformly: with mutants among them, a task with many comes more often."""
        return pick(self._members, rng)

    def typed(self, individual: Individual) -> TypedProgram:
        """Return a member's program with the types of its lines."""
        if individual not in self._typed:
            # Demonstrations only: what tests hold must not decide which mutants there are.
            grids = self._tasks[individual.task_id].demonstration_inputs
            types = interpreter.infer_types(individual.program, grids, self._limits)
            self._typed[individual] = TypedProgram(individual.program, tuple(types))
        return self._typed[individual]
