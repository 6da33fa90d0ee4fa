"""Generating mutants: proposals that are a pure function of seed and attempt, kept when they run on their task.

The attempt's number is the whole state: whatever the number of workers and the size of batches, attempt k of a seed
proposes the same program, proposals are accepted in the order of attempts, and a set continues after its last mutant.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

import interpreter
from codeit_jax.arc import Grid, TaskSet
from codeit_jax.mutation.drawing import random_program
from codeit_jax.mutation.mutate_program import BRANCH_PROBABILITIES, BranchProbabilities, mutate
from codeit_jax.mutation.population import Individual, Population
from codeit_jax.mutation.validity import valid_outputs
from codeit_jax.programs import SeedProgram, canonical_program

Method = Literal["d1", "dinf", "random"]
"""How programs are proposed; `MutantGenerator` explains the names."""

ATTEMPTS_PER_PROGRAM = 20
"""Attempts for each program requested, after which generation gives up."""

# Fixed, and not the size of a batch: which mutants can be parents must not depend on how attempts are batched.
GENERATION_ATTEMPTS = 1024
"""With method dinf, mutants become parents when the next multiple of this many attempts is reached."""

# Enough programs for all workers and for sharing calls within a task; little enough for progress and for memory.
MIN_BATCH, MAX_BATCH = 256, 4096
"""Attempts in a batch."""


class Mutant(NamedTuple):
    """An accepted program.

    Attributes:
        task_id: the parent's task, on whose inputs it runs.
        program: canonical, variables x1, x2, ...
        depth: number of mutations since a seed program, 0 for random programs.
        attempt: the attempt that proposed it.
    """

    task_id: str
    program: interpreter.Program
    depth: int
    attempt: int


class Accepted(NamedTuple):
    """A mutant and its outputs on its task's demonstration inputs: valid grids, whatever the task expects.

    Attributes:
        mutant: the mutant.
        outputs: its output on each demonstration input.
    """

    mutant: Mutant
    outputs: tuple[Grid, ...]


@dataclass(frozen=True, slots=True)
class MutantSet:
    """Accepted mutants.

    Attributes:
        accepted: mutants with their outputs, in the order of their attempts.
        attempts: attempts made for them.
    """

    accepted: tuple[Accepted, ...]
    attempts: int

    @property
    def mutants(self) -> tuple[Mutant, ...]:
        """The mutants alone."""
        return tuple(mutant for mutant, _ in self.accepted)


class _Proposer:
    """Proposes programs; the only state is the population, which grows with method dinf at generation boundaries."""

    def __init__(self, population: Population, method: Method, probabilities: BranchProbabilities, seed: int) -> None:
        self._population = population
        self._method = method
        self._probabilities = probabilities
        self._seed = seed
        self._waiting: list[Mutant] = []

    def accept(self, mutant: Mutant) -> None:
        """Make a mutant a parent from the next generation on, if the method has such parents."""
        if self._method == "dinf":
            self._waiting.append(mutant)

    def advance(self, attempt: int) -> int:
        """Admit the parents of `attempt`'s generation; return where the population may change next."""
        if self._method != "dinf":
            return attempt + MAX_BATCH
        generation = attempt // GENERATION_ATTEMPTS
        start = generation * GENERATION_ATTEMPTS
        # By the attempt's number, not by when its batch ended: a continued set admits the same parents.
        for mutant in self._waiting:
            if mutant.attempt < start:
                self._population.add(Individual(mutant.task_id, mutant.program, mutant.depth))
        self._waiting = [mutant for mutant in self._waiting if mutant.attempt >= start]
        return start + GENERATION_ATTEMPTS

    def propose(self, attempt: int, retry: int = 0) -> Mutant | None:
        """Return the proposal of an attempt, None when its draw allows no program; retries keep the parent."""
        # A generator for each attempt: no attempt depends on how many numbers the ones before it drew.
        rng = np.random.default_rng([self._seed, attempt])
        parent = self._population.draw(rng)
        if retry:
            rng = np.random.default_rng([self._seed, attempt, retry])
        # A random program takes a parent's task only: it has to run on some task's inputs.
        if self._method == "random":
            program, depth = random_program(rng), 0
        else:
            program, depth = mutate(self._population.typed(parent), self._probabilities, rng), parent.depth + 1
        return None if program is None else Mutant(parent.task_id, program, depth, attempt)


class MutantGenerator:
    """Generates distinct programs that run on all inputs of their parent's task (paper, appendix A.2).

    A proposal is accepted if every input of the task gives a valid grid, not all equal to their input, and its text is
    new for the task. Methods: `d1` mutates seed programs once; with `dinf` mutants can be parents, too; `random` builds
    programs from scratch.

    Args:
        seeds: the seed programs; with method `random` only their tasks count.
        tasks: the tasks of the seeds. Their outputs are not read.
        seed: decides everything, with the other arguments; not negative.
        pool: runs the proposals; the result doesn't depend on its number of workers.
        method: d1, dinf or random.
        recipe: whose branch probabilities, the paper's or the released code's.
        limits: for running the parents to infer types; the defaults if None.
        retries: further proposals of an attempt, with the same parent, while none is valid. A valid one that is known
            ends an attempt.
        known: the mutants of an earlier generator with the same arguments, to continue exactly as it would have.

    Attributes:
        attempts: attempts made.

    Raises:
        UserError: a seed program whose task isn't in `tasks`.
    """

    def __init__(
        self,
        seeds: Sequence[SeedProgram],
        tasks: TaskSet,
        *,
        seed: int,
        pool: interpreter.InterpreterPool,
        method: Method = "d1",
        recipe: Literal["paper", "released"] = "paper",
        limits: interpreter.Limits | None = None,
        retries: int = 0,
        known: Iterable[Mutant] = (),
    ) -> None:
        self._tasks = tasks
        self._pool = pool
        self._retries = retries
        # The parents run in this process, one at a time and when first drawn; the pool is for the proposals.
        population = Population(seeds, tasks, limits or interpreter.Limits())
        self._proposer = _Proposer(population, method, BRANCH_PROBABILITIES[recipe], seed)
        # A mutant equal to a seed is no find.
        self._seen = {_key(item.task_id, item.program) for item in seeds}
        self.attempts = 0
        # Known mutants are taken as new ones are, so that population and attempts become what they were.
        for mutant in known:
            self._take(mutant)

    def batches(self, num_programs: int, last_attempt: int) -> Iterator[list[Accepted]]:
        """Yield mutants, a batch at a time, until there are `num_programs` more or `last_attempt` is reached."""
        while num_programs > 0 and self.attempts < last_attempt:
            # A third to a half of the first attempts is accepted, and fewer later, when most mutants are known.
            size = min(max(2 * num_programs, MIN_BATCH), MAX_BATCH)
            end = min(self._proposer.advance(self.attempts), self.attempts + size, last_attempt)
            # A batch may accept more than were asked for. Those are dropped, and their attempts made again by whoever
            # continues, so that a set's length doesn't decide what comes after it.
            accepted = self._accept(range(self.attempts, end))[:num_programs]
            for mutant, _ in accepted:
                self._take(mutant)
            num_programs -= len(accepted)
            # Otherwise `_take` has left `attempts` right behind the last mutant.
            if num_programs:
                self.attempts = end
            yield accepted

    def _take(self, mutant: Mutant) -> None:
        self._seen.add(_key(mutant.task_id, mutant.program))
        self._proposer.accept(mutant)
        self.attempts = mutant.attempt + 1

    def _accept(self, attempts: range) -> list[Accepted]:
        """Return what the attempts give, in their order, without repetitions and those seen before."""
        found: dict[int, tuple[bytes, Accepted]] = {}  # by attempt
        waiting = list(attempts)
        for retry in range(1 + self._retries):
            proposals = {attempt: self._proposer.propose(attempt, retry) for attempt in waiting}
            keys = {attempt: _key(p.task_id, p.program) for attempt, p in proposals.items() if p is not None}
            fresh: dict[bytes, Mutant] = {}
            for attempt, proposal in proposals.items():
                if proposal is not None and keys[attempt] not in self._seen:
                    fresh.setdefault(keys[attempt], proposal)
            valid = {_key(a.mutant.task_id, a.mutant.program): a for a in self._run(list(fresh.values()))}
            for attempt, key in keys.items():
                if key in valid:
                    # Its own number, if another attempt of this batch proposed the same.
                    found[attempt] = key, valid[key]._replace(mutant=valid[key].mutant._replace(attempt=attempt))
            waiting = [a for a in waiting if a not in found and keys.get(a) not in self._seen]
        # The first of equal proposals stays: its attempt's number goes with the mutant.
        distinct: dict[bytes, Accepted] = {}
        for _, (key, accepted) in sorted(found.items()):
            distinct.setdefault(key, accepted)
        return list(distinct.values())

    def _run(self, proposals: Sequence[Mutant]) -> list[Accepted]:
        """Run the proposals; return those that run everywhere and aren't the identity."""
        rows = valid_outputs([(p.task_id, p.program) for p in proposals], self._tasks, self._pool)
        accepted = []
        for proposal, outputs in zip(proposals, rows, strict=True):
            task = self._tasks[proposal.task_id]
            # A program that returns its input teaches nothing, however it is written.
            if outputs is not None and outputs != task.inputs:
                accepted.append(Accepted(proposal, outputs[: len(task.demonstrations)]))
        return accepted


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
    retries: int = 0,
    max_attempts: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> MutantSet:
    """Generate mutants with a `MutantGenerator` and return them all.

    Args:
        seeds, tasks, seed, pool, method, recipe, limits, retries: as for `MutantGenerator`.
        num_programs: how many to accept.
        max_attempts: when to give up; ATTEMPTS_PER_PROGRAM for each program if None. The paper has 19,200 mutants, the
            released code makes 19,200 attempts.
        on_progress: called with the mutants accepted and requested.

    Raises:
        UserError: a seed program whose task isn't in `tasks`.
    """
    generator = MutantGenerator(
        seeds, tasks, seed=seed, pool=pool, method=method, recipe=recipe, limits=limits, retries=retries
    )
    accepted: list[Accepted] = []
    last_attempt = ATTEMPTS_PER_PROGRAM * num_programs if max_attempts is None else max_attempts
    for batch in generator.batches(num_programs, last_attempt):
        accepted.extend(batch)
        if on_progress is not None:
            on_progress(len(accepted), num_programs)
    return MutantSet(tuple(accepted), generator.attempts)


def _key(task_id: str, program: interpreter.Program) -> bytes:
    """Return 16 bytes that identify a task and a program, whatever its variables are called."""
    text = f"{task_id}\n{canonical_program(program.lines)}"
    # A digest, not the text: the baseline keeps a million keys. Not `hash`, which differs from process to process.
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
