"""Checking programs against their tasks: which demonstrations and tests does each reproduce?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import interpreter
from codeit_jax.arc import Example, Task, TaskSet, reproduced
from codeit_jax.programs.solver_file import SeedProgram


@dataclass(frozen=True, slots=True)
class ProgramCheck:
    """What one program does on its task.

    Attributes:
        task_id: the task that the program is for.
        demonstrations: whether each demonstration's output is reproduced; empty if the task isn't in the set.
        tests: the same for the tests.
        reason: one line about the first thing that is wrong, None if nothing is.
    """

    task_id: str
    demonstrations: tuple[bool, ...]
    tests: tuple[bool, ...]
    reason: str | None

    @property
    def correct(self) -> bool:
        """Whether every demonstration and every test is reproduced."""
        return self.reason is None


@dataclass(frozen=True, slots=True)
class ProgramsReport:
    """The checks of a programs file.

    Attributes:
        checks: one per program, in the file's order.
        tasks: the task source, e.g. `arc1/training`.
        snapshot: name and digest of the task data.
    """

    checks: tuple[ProgramCheck, ...]
    tasks: str
    snapshot: str

    @property
    def programs(self) -> int:
        """Number of programs checked."""
        return len(self.checks)

    @property
    def correct(self) -> int:
        """Number of programs that reproduce every demonstration and every test of their task."""
        return sum(check.correct for check in self.checks)

    @property
    def wrong(self) -> dict[str, str]:
        """Reason by task id, for the programs that aren't correct."""
        return {check.task_id: check.reason for check in self.checks if check.reason is not None}

    def to_json(self) -> dict[str, object]:
        """Return the report as JSON values."""
        # The keys are public: scripts read them.
        rows = [
            {"task_id": check.task_id, "demonstrations": list(check.demonstrations), "tests": list(check.tests)}
            for check in self.checks
        ]
        return {
            "programs": self.programs,
            "correct": self.correct,
            "wrong": self.wrong,
            "tasks": self.tasks,
            "snapshot": self.snapshot,
            "rows": rows,
        }

    def to_text(self) -> str:
        """Return the report as text: one line, then one for each wrong program."""
        head = (
            f"{self.correct} of {self.programs} programs reproduce every demonstration and test "
            f"of {self.tasks} ({self.snapshot})"
        )
        return "\n".join([head, *(f"  {task_id}  {reason}" for task_id, reason in self.wrong.items())])


def check_programs(
    seeds: Sequence[SeedProgram],
    tasks: TaskSet,
    *,
    pool: interpreter.InterpreterPool,
    faults: Mapping[str, str] = MappingProxyType({}),
) -> ProgramsReport:
    """Run each program on the demonstrations and tests of its task.

    A program for a task that isn't in the set is wrong; tasks without a program are ignored.

    Args:
        seeds: the programs.
        tasks: the tasks to check against.
        pool: runs the programs, under its own limits.
        faults: by task id why a program could not be read; it counts as wrong.
    """
    known = [seed for seed in seeds if seed.task_id in tasks]
    # All jobs at once, so that the workers are never idle between two programs.
    jobs = [interpreter.Job([seed.program], tasks[seed.task_id].inputs) for seed in known]
    outcomes = {seed.task_id: result[0] for seed, result in zip(known, pool.run(jobs), strict=True)}
    # Also for seeds without a task: a file that is checked against the wrong set must not look right.
    checks = tuple(
        _check(tasks[seed.task_id], outcomes[seed.task_id])
        if seed.task_id in outcomes
        else ProgramCheck(seed.task_id, (), (), f"no such task in {tasks.source}")
        for seed in seeds
    ) + tuple(ProgramCheck(task_id, (), (), reason) for task_id, reason in faults.items())
    return ProgramsReport(checks, tasks=tasks.source, snapshot=f"{tasks.snapshot}, digest {tasks.digest}")


def _check(task: Task, outcomes: Sequence[interpreter.Outcome]) -> ProgramCheck:
    """Compare the outcomes, first the demonstrations' and then the tests', with the expected outputs."""
    num_demonstrations = len(task.demonstrations)
    demonstrations, first_reason = _compare("demonstration", task.demonstrations, outcomes[:num_demonstrations])
    tests, second_reason = _compare("test", task.tests, outcomes[num_demonstrations:])
    return ProgramCheck(task.id, demonstrations, tests, first_reason or second_reason)


def _compare(
    kind: str, examples: Sequence[Example], outcomes: Sequence[interpreter.Outcome]
) -> tuple[tuple[bool, ...], str | None]:
    """Return whether each example is reproduced, and the reason for the first that isn't."""
    same = reproduced((outcome.grid for outcome in outcomes), examples)
    if all(same):
        return same, None
    first = same.index(False)
    outcome, place = outcomes[first], f"{kind} {first + 1} of {len(examples)}"
    differs = outcome.status is interpreter.Status.OK
    # Without the grids: two of 30 x 30 would be no line any more.
    return same, f"{place} differs" if differs else f"{place}: {outcome.message}"
