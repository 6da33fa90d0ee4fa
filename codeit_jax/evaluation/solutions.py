"""The programs that solve something, kept for scoring."""

from collections.abc import Iterable, Iterator

from codeit_jax.arc import TaskSet
from codeit_jax.evaluation.candidates import Candidate
from codeit_jax.evaluation.selection_rule import solve_report
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
        """Add candidates.

        Args:
            candidates: of any origin.

        Returns:
            Those that weren't there; of equal ones the first.
        """
        new = []
        for candidate in candidates:
            # By origin too: what mutation found first the policy can still find, and is credited with.
            key = (candidate.origin, candidate.task_id, candidate.program)
            if key not in self._candidates:
                self._candidates[key] = candidate
                new.append(candidate)
        return new

    def candidates(self, *origins: Origin) -> list[Candidate]:
        """Return the candidates of some origins, in the order of finding; of all without an argument."""
        return [c for c in self._candidates.values() if not origins or c.origin in origins]

    def is_known(self, task_id: str, program: str) -> bool:
        """Return whether the policy found a program for a task before."""
        # A mutant's finding doesn't count: the same program of the policy is a candidate of its own.
        return ("policy", task_id, program) in self._candidates

    def report(self, tasks: TaskSet) -> dict[str, dict[str, int]]:
        """Count solved tasks for `policy`, `mutants` (with the seed programs) and `cumulative` (all)."""
        return {
            "policy": solve_report(self.candidates("policy"), tasks),
            "mutants": solve_report(self.candidates("seed", "mutant"), tasks),
            "cumulative": solve_report(self.candidates(), tasks),
        }
