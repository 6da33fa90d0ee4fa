"""The parents of guided mutation for one task: the programs that come closest to it, one of each behavior."""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

import interpreter
from codeit_jax.arc import Grid, Task
from codeit_jax.mutation.closeness import Closeness
from codeit_jax.mutation.guided_edits import edit
from codeit_jax.mutation.mutate_program import TypedProgram
from codeit_jax.programs.rewrites import tidy

MAX_PARENTS = 40
"""Parents of a task."""

_ATTEMPTS_PER_CHILD = 10  # of a small program nearly all children may have been tried
_DIGEST_BYTES = 8


class Parent(NamedTuple):
    """A program that was run on the task.

    Attributes:
        program: canonical text.
        closeness: mean over the demonstrations, 0 to 1.
    """

    program: str
    closeness: float

    @property
    def rank(self) -> tuple[float, int, str]:
        """What parents are ordered by, the best first."""
        # The text last, so that the order never depends on that of finding.
        return -self.closeness, len(self.program), self.program


class Parents:
    """The population of one task; all that is known of it comes from its demonstrations.

    Args:
        task: the tests are never read.
        limits: for running parents to infer the types of their lines.

    Attributes:
        task: the task.
    """

    def __init__(self, task: Task, limits: interpreter.Limits) -> None:
        self.task = task
        self._limits = limits
        self._closeness = [Closeness(example) for example in task.demonstrations]
        self._members: dict[str, Parent] = {}  # by behavior
        # In the order of trying. Digests, because a search tries thousands of programs for each of hundreds of tasks.
        self._tried: dict[bytes, None] = {}
        self._typed: dict[str, TypedProgram] = {}

    def __len__(self) -> int:
        return len(self._members)

    @property
    def num_tried(self) -> int:
        """Distinct programs that have been run on the task."""
        return len(self._tried)

    @property
    def best(self) -> list[Parent]:
        """The parents, the closest first."""
        return list(self._members.values())

    def observe(self, programs: Iterable[str], outputs: Iterable[Sequence[Grid | None]]) -> None:
        """Note what programs gave; those that are closer than parents take their places.

        Args:
            programs: canonical texts.
            outputs: for each program its grid for each demonstration, None where it gave none.
        """
        for program, grids in zip(programs, outputs, strict=True):
            self._tried[_digest(program)] = None
            # A program that fails everywhere is no start.
            if any(grid is not None for grid in grids):
                self._admit(program, grids)
        ranked = sorted(self._members.items(), key=lambda item: item[1].rank)
        self._members = dict(ranked[:MAX_PARENTS])
        kept = {parent.program for parent in self._members.values()}
        self._typed = {program: typed for program, typed in self._typed.items() if program in kept}

    def propose(self, count: int, rng: np.random.Generator) -> list[str]:
        """Draw children of the parents, which are drawn by the square of their closeness.

        Args:
            count: how many; fewer come if most have been tried.
            rng: consumed.

        Returns:
            Canonical texts that haven't been tried on the task, each once, without unused lines.
        """
        parents = self.best
        if not parents:
            return []
        weights = np.array([parent.closeness for parent in parents]) ** 2
        # All zero where every program is as far away as can be.
        shares = weights / weights.sum() if weights.any() else None
        # Texts from here on: programs are written as text to be compared, run and kept, and writing takes longest.
        children: dict[str, None] = {}
        for place in rng.choice(len(parents), size=_ATTEMPTS_PER_CHILD * count, p=shares):
            child = edit(self._types(parents[place].program), rng)
            if child is None:
                continue
            # What isn't used changes nothing: of the paper's mutants a third only differ in a line that nothing needs.
            text = str(tidy(child))
            if _digest(text) not in self._tried:
                children[text] = None
            if len(children) == count:
                break
        return list(children)

    def to_row(self, start: int = 0) -> dict[str, Any]:
        """Return the population as JSON values, for `from_rows`.

        Args:
            start: leave out the first so many of the programs tried, which an earlier row has.
        """
        return {
            "parents": [[behavior, *parent] for behavior, parent in self._members.items()],
            "tried": base64.b64encode(b"".join(list(self._tried)[start:])).decode(),
        }

    @classmethod
    def from_rows(cls, task: Task, limits: interpreter.Limits, rows: Sequence[Mapping[str, Any]]) -> "Parents":
        """Return the population of one or more rows that `to_row` made, the last one's parents with all that was tried.

        Raises:
            KeyError, TypeError, ValueError: they are none.
        """
        parents = cls(task, limits)
        for row in rows:
            tried = base64.b64decode(row["tried"], validate=True)
            parents._tried |= dict.fromkeys(
                tried[place : place + _DIGEST_BYTES] for place in range(0, len(tried), _DIGEST_BYTES)
            )
        parents._members = {
            behavior: Parent(program, closeness) for row in rows[-1:] for behavior, program, closeness in row["parents"]
        }
        return parents

    def _admit(self, program: str, grids: Sequence[Grid | None]) -> None:
        behavior = _digest(repr(tuple(grids))).hex()
        known = self._members.get(behavior)
        if known is None:
            values = [closeness(grid) for closeness, grid in zip(self._closeness, grids, strict=True)]
            self._members[behavior] = Parent(program, sum(values) / len(values))
        else:
            # Of one behavior the shortest stays: its changes have the largest effects.
            self._members[behavior] = min(known, Parent(program, known.closeness), key=lambda parent: parent.rank)

    def _types(self, text: str) -> TypedProgram:
        if text not in self._typed:
            program = interpreter.parse(text)
            types = interpreter.infer_types(program, self.task.demonstration_inputs, self._limits)
            self._typed[text] = TypedProgram(program, tuple(types))
        return self._typed[text]


def _digest(text: str) -> bytes:
    # Not `hash`, which differs from process to process.
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest()
