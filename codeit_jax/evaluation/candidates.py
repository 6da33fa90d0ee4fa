"""A program found for a task, and what it reproduces."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codeit_jax.arc import Grid, Task, reproduced
from codeit_jax.hindsight import BEFORE_TRAINING, Origin
from interpreter import Outcome


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program found for a task, what it reproduces, who found it and when: a line of solutions.jsonl.

    Attributes:
        task_id: the task.
        program: the canonical text.
        demonstrations: per demonstration of the task, is the wanted output reproduced?
        tests: the same for the tests; read to score, never to select.
        origin: who wrote it.
        iteration: meta-iteration of its first finding; `BEFORE_TRAINING` before the first.
        guess: digest of the grids that it gives for the tests' inputs, so that equal predictions can be counted; None
            where it gives none for some test. The wanted outputs are no part of it.
        work: programs that had been tried for the task by then, itself and those of its batch included; None if that
            isn't known.
        copy_of: of a program of the policy: `seed` or `mutant` if it is a copy of one, whatever its variables' names;
            `guided` if guided mutation had found it for the task.
        constant: the output is the same for all of the task's inputs.
    """

    task_id: str
    program: str
    demonstrations: tuple[bool, ...]
    tests: tuple[bool, ...]
    origin: Origin
    iteration: int = BEFORE_TRAINING
    guess: str | None = None
    work: int | None = None
    copy_of: Origin | None = None
    constant: bool = False

    @classmethod
    def from_outcomes(
        cls,
        task: Task,
        program: str,
        outcomes: Sequence[Outcome],
        *,
        origin: Origin,
        iteration: int = BEFORE_TRAINING,
        work: int | None = None,
        copy_of: Origin | None = None,
    ) -> "Candidate":
        """Compare a program's outcomes with the wanted outputs.

        Args:
            task: whose outputs; those of its tests are read here, to score only.
            program: the canonical text.
            outcomes: on `task.inputs`, the demonstrations' first.
            origin: who wrote the program.
            iteration: meta-iteration of its finding.
            work, copy_of: see the attributes.
        """
        grids = [outcome.grid for outcome in outcomes]
        solved = reproduced(grids, (*task.demonstrations, *task.tests))
        shown = len(task.demonstrations)
        return cls(
            task.id,
            program,
            demonstrations=solved[:shown],
            tests=solved[shown:],
            origin=origin,
            iteration=iteration,
            guess=_digest(grids[shown:]),
            work=work,
            copy_of=copy_of,
            constant=_is_constant(task, outcomes),
        )

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Candidate":
        """Read a JSON object that has the attributes, and perhaps more.

        Args:
            row: as `to_row` returned it.

        Raises:
            KeyError, TypeError: it isn't one.
        """
        _check_types(row)
        return cls(
            task_id=row["task_id"],
            program=row["program"],
            demonstrations=tuple(row["demonstrations"]),
            tests=tuple(row["tests"]),
            origin=row["origin"],
            iteration=row["iteration"],
            # Lines of earlier versions lack these.
            work=row.get("work"),
            copy_of=row.get("copy_of"),
            constant=row.get("constant", False),
            guess=row.get("guess"),
        )

    def to_row(self) -> dict[str, Any]:
        """Return the line for solutions.jsonl."""
        # Not `asdict`: the file has an order of its own, in which resumed and uninterrupted runs agree byte by byte.
        return {
            "task_id": self.task_id,
            "program": self.program,
            "iteration": self.iteration,
            "origin": self.origin,
            "demonstrations": list(self.demonstrations),
            "tests": list(self.tests),
            "guess": self.guess,
            "work": self.work,
            "copy_of": self.copy_of,
            "constant": self.constant,
        }

    @property
    def solves_demonstrations(self) -> bool:
        """Return whether every demonstration is reproduced."""
        return all(self.demonstrations)

    @property
    def solves_tests(self) -> bool:
        """Return whether every test is reproduced."""
        return all(self.tests)


def _check_types(row: Mapping[str, Any]) -> None:
    """Raise TypeError for a row with a value of another type: a file that was edited, or is another program's."""
    truths = [row["demonstrations"], row["tests"]]
    words = [row["task_id"], row["program"], row["origin"], row.get("guess"), row.get("copy_of")]
    numbers = [row["iteration"], row.get("work")]
    if not (
        all(isinstance(truth, list | tuple) and all(type(value) is bool for value in truth) for truth in truths)
        and all(isinstance(word, str) for word in words[:3])
        and all(word is None or isinstance(word, str) for word in words[3:])
        and type(numbers[0]) is int
        and (numbers[1] is None or type(numbers[1]) is int)
        and type(row.get("constant", False)) is bool
    ):
        raise TypeError("not the fields of a found program")


def _is_constant(task: Task, outcomes: Sequence[Outcome]) -> bool:
    """Return whether a program gives one grid for all inputs; with a single input, nothing can be said."""
    outputs = {outcome.grid for outcome in outcomes}
    return len(outputs) == 1 and None not in outputs and len(set(task.inputs)) > 1


def _digest(predictions: Sequence[Grid | None]) -> str | None:
    """Return 64 bits, in hex, that tell the predictions for a task's tests apart; None if one is missing."""
    if None in predictions:
        return None
    return hashlib.blake2b(repr(predictions).encode(), digest_size=8).hexdigest()
