"""Generating mutants: proposals that are a pure function of seed and attempt, kept when they run on their task.

The attempt's number is the whole state: whatever the number of workers and the size of batches, attempt k of a seed
proposes the same program, proposals are accepted in the order of attempts, and a finished set goes on where it ended.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

import interpreter
from codeit_jax.arc import Grid, TaskSet
from codeit_jax.mutation.mutate import RECIPES, Recipe, mutate
from codeit_jax.mutation.population import Individual, Population
from codeit_jax.mutation.random_programs import random_program
from codeit_jax.mutation.validity import valid_outputs
from codeit_jax.programs import SeedProgram
from interpreter.program import Instruction

Method = Literal["d1", "dinf", "random"]

GENERATION_ATTEMPTS = 1024  # with dinf, mutants become parents when the next multiple of this is reached
_MAX_BATCH = 4096
_Key = tuple[str, tuple[Instruction, ...]]  # a task id, and a program whatever its variables are called
_ATTEMPTS_PER_PROGRAM = 20


@dataclass(frozen=True, slots=True)
class Mutant:
    """An accepted program.

    Attributes:
        task_id: the parent's task, whose demonstrations it runs on.
        program: canonical, variables x1, x2, ...
        inputs: the inputs of the task's demonstrations.
        outputs: what the program makes of them; valid grids, not the wanted outputs.
        depth: number of mutations since a seed program, 0 for random programs.
        attempt: the attempt that proposed it.
    """

    task_id: str
    program: interpreter.Program
    inputs: tuple[Grid, ...]
    outputs: tuple[Grid, ...]
    depth: int
    attempt: int


@dataclass(frozen=True, slots=True)
class MutantSet:
    """Accepted mutants in the order of their attempts, and the number of attempts used up for them."""

    mutants: tuple[Mutant, ...]
    attempts: int


class _Proposal(NamedTuple):
    attempt: int
    individual: Individual


class _Proposer:
    """Proposes programs; the only state is the population, which grows with method dinf at generation boundaries."""

    def __init__(self, population: Population, method: Method, recipe: Recipe, seed: int) -> None:
        self._population = population
        self._method = method
        self._recipe = recipe
        self._seed = seed
        self._num_members = 0

    def admit(self, mutants: Sequence[Mutant], attempt: int) -> int:
        """Let mutants of earlier generations than `attempt`'s be parents; return where the population changes next."""
        if self._method != "dinf":
            return attempt + _MAX_BATCH
        generation = attempt // GENERATION_ATTEMPTS
        while (
            self._num_members < len(mutants) and mutants[self._num_members].attempt < generation * GENERATION_ATTEMPTS
        ):
            mutant = mutants[self._num_members]
            self._population.add(Individual(mutant.task_id, mutant.program, mutant.depth))
            self._num_members += 1
        return (generation + 1) * GENERATION_ATTEMPTS

    def propose(self, attempt: int) -> _Proposal | None:
        """Return the proposal of an attempt, None when its draw allows no program."""
        rng = np.random.default_rng([self._seed, attempt])
        parent = self._population.draw(rng)
        if self._method == "random":
            program, depth = random_program(rng), 0
        else:
            program, depth = mutate(self._population.typed(parent), self._recipe, rng), parent.depth + 1
        return None if program is None else _Proposal(attempt, Individual(parent.task_id, program, depth))


def generate_mutants(
    seeds: Sequence[SeedProgram],
    tasks: TaskSet,
    *,
    num_programs: int,
    seed: int,
    pool: interpreter.InterpreterPool,
    method: Method = "d1",
    recipe: Literal["paper", "released"] = "paper",
    limits: interpreter.Limits | None = None,
    max_attempts: int | None = None,
    resume_from: MutantSet | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> MutantSet:
    """Generate distinct programs that run on the demonstrations and tests of their parent's task (paper, appendix A.2).

    A proposal is accepted when every input of the task gives a valid grid, not all equal to their input, and its text
    is new for the task. Methods: `d1` mutates seed programs once; `dinf` lets mutants be parents too; `random` builds
    programs from nothing.

    Args:
        seeds: the seed programs; with method `random` only their tasks count.
        tasks: the tasks of the seeds. No output of theirs is read.
        num_programs: how many to accept, those of `resume_from` included.
        seed: decides everything, with the other arguments; not negative.
        pool: runs the proposals; the result doesn't depend on its number of workers.
        method: d1, dinf or random.
        recipe: branch probabilities of the paper or of the released code.
        limits: for running the parents to infer types; the defaults if None.
        max_attempts: where to give up; 20 per program if None. The paper has 19,200 mutants, the released code makes
            19,200 attempts.
        resume_from: an earlier result with the same arguments; it is continued exactly as if it hadn't ended.
        on_progress: called with mutants accepted and wanted.

    Raises:
        UserError: a seed program whose task isn't in `tasks`.
    """
    population = Population(seeds, tasks, limits or interpreter.Limits())
    proposer = _Proposer(population, method, RECIPES[recipe], seed)
    last_attempt = _ATTEMPTS_PER_PROGRAM * num_programs if max_attempts is None else max_attempts
    mutants = list(resume_from.mutants) if resume_from else []
    attempt = resume_from.attempts if resume_from else 0
    seen = {(seed_program.task_id, seed_program.program.lines) for seed_program in seeds}
    seen.update((mutant.task_id, mutant.program.lines) for mutant in mutants)
    while len(mutants) < num_programs and attempt < last_attempt:
        wanted = num_programs - len(mutants)
        # A third to a half of the attempts is accepted: twice what is missing wastes little and needs few rounds.
        end = min(proposer.admit(mutants, attempt), attempt + min(2 * wanted + 16, _MAX_BATCH), last_attempt)
        proposals = _distinct(proposer, range(attempt, end), seen)
        accepted = list(_accepted(proposals, tasks, pool))[:wanted]
        mutants.extend(accepted)
        seen.update((mutant.task_id, mutant.program.lines) for mutant in accepted)
        attempt = accepted[-1].attempt + 1 if len(accepted) == wanted else end
        if on_progress is not None:
            on_progress(len(mutants), num_programs)
    return MutantSet(tuple(mutants), attempt)


def _distinct(proposer: _Proposer, attempts: range, seen: set[_Key]) -> list[_Proposal]:
    """Return the attempts' proposals, without those seen before and the repeated."""
    distinct: dict[_Key, _Proposal] = {}
    for attempt in attempts:
        proposal = proposer.propose(attempt)
        if proposal is not None:
            key = (proposal.individual.task_id, proposal.individual.program.lines)
            if key not in seen:
                distinct.setdefault(key, proposal)
    return list(distinct.values())


def _accepted(proposals: Sequence[_Proposal], tasks: TaskSet, pool: interpreter.InterpreterPool) -> Iterator[Mutant]:
    """Run the proposals; yield those that run everywhere and aren't the identity."""
    outputs = valid_outputs([(p.individual.task_id, p.individual.program) for p in proposals], tasks, pool)
    for (attempt, (task_id, program, depth)), grids in zip(proposals, outputs, strict=True):
        task = tasks[task_id]
        if grids is not None and grids != task.demonstration_inputs + task.test_inputs:
            yield Mutant(task_id, program, task.demonstration_inputs, grids[: len(task.demonstrations)], depth, attempt)
