"""The programs that solve something: kept for scoring, one line each in solutions.jsonl."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from codeit_jax.arc import TaskSet
from codeit_jax.evaluation import Candidate, solve_report
from codeit_jax.hindsight import Origin


@dataclass(frozen=True, kw_only=True, slots=True)
class Solution:
    """A candidate with who found it and when.

    Attributes:
        candidate: the program and what it reproduces.
        origin: who wrote it.
        iteration: meta-iteration of its first finding; -1 before the first.
    """

    candidate: Candidate
    origin: Origin
    iteration: int

    def to_row(self) -> dict[str, Any]:
        """Return the line for solutions.jsonl."""
        return {
            "task_id": self.candidate.task_id,
            "program": self.candidate.program,
            "iteration": self.iteration,
            "origin": self.origin,
            "demonstrations": list(self.candidate.demonstrations),
            "tests": list(self.candidate.tests),
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Solution":
        """Read a line of solutions.jsonl."""
        return cls(candidate=Candidate.from_row(row), origin=row["origin"], iteration=row["iteration"])


class SolutionTable:
    """All programs found that reproduce at least one demonstration, by origin, task and text."""

    def __init__(self, solutions: Iterable[Solution] = ()) -> None:
        self._solutions: dict[tuple[Origin, str, str], Solution] = {}
        self.add(solutions)

    def __len__(self) -> int:
        return len(self._solutions)

    def __iter__(self) -> Iterator[Solution]:
        return iter(self._solutions.values())

    def add(self, solutions: Iterable[Solution]) -> list[Solution]:
        """Keep solutions; return those that weren't there."""
        new = []
        for solution in solutions:
            key = (solution.origin, solution.candidate.task_id, solution.candidate.program)
            if key not in self._solutions:
                self._solutions[key] = solution
                new.append(solution)
        return new

    def candidates(self, *origins: Origin) -> list[Candidate]:
        """Return the candidates of some origins; of all without an argument."""
        return [s.candidate for s in self._solutions.values() if not origins or s.origin in origins]

    def known_tests(self, task_id: str, program: str) -> tuple[bool, ...] | None:
        """Return what a program did on the tests, if the policy found it before."""
        known = self._solutions.get(("policy", task_id, program))
        return known.candidate.tests if known else None

    def report(self, tasks: TaskSet) -> dict[str, dict[str, int]]:
        """Count solved tasks for `policy`, `mutants` (with the seed programs) and `cumulative` (all)."""
        return {
            "policy": solve_report(self.candidates("policy"), tasks),
            "mutants": solve_report(self.candidates("seed", "mutant"), tasks),
            "cumulative": solve_report(self.candidates(), tasks),
        }
