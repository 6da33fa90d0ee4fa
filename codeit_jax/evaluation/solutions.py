"""The programs that solve something, kept for scoring."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from codeit_jax.arc import TaskSet
from codeit_jax.evaluation.candidates import Candidate
from codeit_jax.evaluation.rows import solved_rows
from codeit_jax.hindsight import Origin


class SolutionTable:
    """All programs found that reproduce at least one demonstration, by origin, task and text.

    A candidate's place, from 0, is that of its line in solutions.jsonl.
    """

    def __init__(self, candidates: Iterable[Candidate] = ()) -> None:
        self._candidates: list[Candidate] = []
        self._places: dict[tuple[Origin, str, str], int] = {}
        self.add(candidates)

    def __len__(self) -> int:
        return len(self._candidates)

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self._candidates)

    def __getitem__(self, place: int) -> Candidate:
        return self._candidates[place]

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
            if key not in self._places:
                self._places[key] = len(self._candidates)
                self._candidates.append(candidate)
                new.append(candidate)
        return new

    def place(self, origin: Origin, task_id: str, program: str) -> int | None:
        """Return where a program is, if that origin found it for that task."""
        return self._places.get((origin, task_id, program))

    def with_guided_copies(self, candidate: Candidate) -> Candidate:
        """Return a candidate of the policy, marked as a copy if guided mutation had found it for its task."""
        is_copy = self.place("guided", candidate.task_id, candidate.program) is not None
        return replace(candidate, copy_of=candidate.copy_of or "guided") if is_copy else candidate

    def report(self, tasks: TaskSet) -> dict[str, dict[str, int]]:
        """Count solved tasks by who found the programs: see `solved_rows`."""
        return solved_rows(self._candidates, tasks)
