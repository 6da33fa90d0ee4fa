"""A program found for a task, and what it reproduces."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program found for a task, and what it reproduces.

    Attributes:
        task_id: the task.
        program: the canonical text.
        demonstrations: per demonstration of the task, is the wanted output reproduced?
        tests: the same for the tests; read to score, never to select.
    """

    task_id: str
    program: str
    demonstrations: tuple[bool, ...]
    tests: tuple[bool, ...]

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Candidate":
        """Read a JSON object that has the attributes, and perhaps more."""
        return cls(
            task_id=row["task_id"],
            program=row["program"],
            demonstrations=tuple(row["demonstrations"]),
            tests=tuple(row["tests"]),
        )

    @property
    def solves_demonstrations(self) -> bool:
        """True when every demonstration is reproduced."""
        return all(self.demonstrations)

    @property
    def solves_tests(self) -> bool:
        """True when every test is reproduced."""
        return all(self.tests)
