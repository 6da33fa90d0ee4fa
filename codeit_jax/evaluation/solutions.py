"""The programs that solve something, kept for scoring."""

from collections.abc import Iterable, Iterator

from codeit_jax.arc import TaskSet
from codeit_jax.evaluation.candidates import Candidate
from codeit_jax.evaluation.selection import solve_report
from codeit_jax.hindsight import Origin


class SolutionTable:
    """All programs found that reproduce at least one demonstration, by origin, task and text."""

    def __init__(self, candidates: Iterable[Candidate] = ()) -> None:
        self._candidates: dict[tuple[Origin, str, str], Candidate] = {}
        self.add(candidates)

    def __len__(self) -> int:
        return len(self._candidates)

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self._candidates.values())

    def add(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Keep candidates; return those that weren't there."""
        new = []
        for candidate in candidates:
            key = (candidate.origin, candidate.task_id, candidate.program)
            if key not in self._candidates:
                self._candidates[key] = candidate
                new.append(candidate)
        return new

    def candidates(self, *origins: Origin) -> list[Candidate]:
        """Return the candidates of some origins; of all without an argument."""
        return [c for c in self._candidates.values() if not origins or c.origin in origins]

    def known_tests(self, task_id: str, program: str) -> tuple[bool, ...] | None:
        """Return what a program did on the tests, if the policy found it before."""
        known = self._candidates.get(("policy", task_id, program))
        return known.tests if known else None

    def report(self, tasks: TaskSet) -> dict[str, dict[str, int]]:
        """Count solved tasks for `policy`, `mutants` (with the seed programs) and `cumulative` (all)."""
        return {
            "policy": solve_report(self.candidates("policy"), tasks),
            "mutants": solve_report(self.candidates("seed", "mutant"), tasks),
            "cumulative": solve_report(self.candidates(), tasks),
        }
