"""Many programs on the same grids: every distinct call is made once.

A grid has a table of calls, keyed by the ids of the callee and of the arguments; equal values have one id, so calls
meet however their arguments came about. A failed call is kept like any other. Each program gets the outcome and the
work that it has alone, whatever else is in the batch: a call gives the same under the same line budget
(`interpreter.machine`), and iteration orders are properties of the values.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from interpreter.limits import Limits
from interpreter.machine import DEFAULT_LIMITS, PROGRAM_WORK_EXCEEDED, UNDEFINED, Failure, Machine, finish
from interpreter.outcome import SKIPPED, Grid, Outcome, Status
from interpreter.program import FIRST_LINE_SLOT, INPUT_SLOT, MAX_LINES, Instruction, Program

TABLE_NODES = 8_000_000
"""About how many nodes of values the tables of a batch keep before they are emptied (about 30 bytes a node)."""

_ENTRY_NODES = 8
_Key = Callable[[list[int]], tuple[int, ...]]


def run_batch(
    programs: Sequence[Program],
    grids: Sequence[Grid],
    limits: Limits = DEFAULT_LIMITS,
    *,
    expected: Sequence[Grid] | None = None,
    stop_at_first_miss: bool = False,
) -> list[list[Outcome]]:
    """Run every program on every grid, sharing equal calls.

    Args:
        programs: from `interpreter.parse`.
        grids: the input grids.
        limits: as for `interpreter.run`; they hold for each program by itself.
        expected: the wanted output of each grid; needed and used only to stop at a miss.
        stop_at_first_miss: skip a program's remaining grids after the first whose output isn't the expected one
            (`Status.SKIPPED`).

    Returns:
        For each program a list of an outcome for each grid, as `interpreter.run` gives them.
    """
    distinct = {program.lines: program for program in programs}
    if stop_at_first_miss:
        batch = Batch(grids, limits, expected=expected, stop_at_first_miss=True)
        rows = {lines: batch.run(program) for lines, program in distinct.items()}
    else:
        # One grid after the other, so that its tables may fill the memory.
        rows = {lines: [] for lines in distinct}
        for grid in grids:
            batch = Batch([grid], limits)
            for lines, program in distinct.items():
                rows[lines] += batch.run(program)
    return [list(rows[program.lines]) for program in programs]


class Batch:
    """A growing batch on fixed grids; programs may be run one at a time. Arguments as for `run_batch`."""

    def __init__(
        self,
        grids: Sequence[Grid],
        limits: Limits = DEFAULT_LIMITS,
        *,
        expected: Sequence[Grid] | None = None,
        stop_at_first_miss: bool = False,
    ) -> None:
        if stop_at_first_miss and (expected is None or len(expected) != len(grids)):
            raise ValueError("stop_at_first_miss needs one expected grid for each grid")
        self._machine = Machine(limits)
        self._goals = expected if stop_at_first_miss else None
        self._tables = [CallTable(grid, self._machine, TABLE_NODES // len(grids)) for grid in grids]
        self._keys: dict[Instruction, _Key] = {}

    def run(self, program: Program) -> list[Outcome]:
        """Run one program on all grids."""
        keys = [self._keys.get(line) or self._key(line) for line in program.lines]
        outcomes: list[Outcome] = []
        with self._machine.metered():
            for number, table in enumerate(self._tables):
                outcome = table.run(keys)
                outcomes.append(outcome)
                if self._goals is not None and outcome.grid != self._goals[number]:
                    outcomes.extend([SKIPPED] * (len(self._tables) - number - 1))
                    break
        return outcomes

    def _key(self, line: Instruction) -> _Key:
        self._keys[line] = key = itemgetter(line.callee, *line.arguments)
        return key


class CallTable:
    """The calls made on one grid and their values."""

    def __init__(self, grid: Grid, machine: Machine, max_nodes: int) -> None:
        self._grid = grid
        self._grid_weight = 1 + len(grid) + sum(map(len, grid))
        self._machine = machine
        self._max_nodes = max_nodes
        self._clear()

    def _clear(self) -> None:
        self._nodes = 0
        self._calls: dict[tuple[int, ...], tuple[int, int] | Failure] = {}
        self._ids: dict[Any, int] = {}
        self._values: list[Any] = []
        self._weights: list[int] = []
        self._outcomes: dict[int, Outcome] = {}
        values = [*self._machine.environment, self._grid, *[UNDEFINED] * MAX_LINES]
        weights = [*self._machine.weights, self._grid_weight, *[1] * MAX_LINES]
        self._initial_ids = [self._intern(value, weight) for value, weight in zip(values, weights, strict=True)]

    def _intern(self, value: Any, weight: int) -> int:
        # True equals 1 and gets its id: let 1 stand for both, since the primitives' fast paths are for plain integers.
        if type(value) is bool:
            value = int(value)
        number = self._ids.setdefault(value, len(self._values))
        if number == len(self._values):
            self._values.append(value)
            self._weights.append(weight)
        return number

    @property
    def nodes(self) -> int:
        """About how many nodes of values the table keeps."""
        return self._nodes

    def fixed_ids(self) -> list[int]:
        """Return the ids of what needs no call: primitives, constants and the grid, by slot."""
        return self._initial_ids[:FIRST_LINE_SLOT]

    def add_grid(self, grid: Grid) -> int:
        """Return the id of another grid, which calls may then take too."""
        return self._intern(grid, 1 + len(grid) + sum(map(len, grid)))

    def value(self, number: int) -> Any:
        """Return the value that an id stands for."""
        return self._values[number]

    def call(self, key: tuple[int, ...]) -> int | None:
        """Make a call given as the ids of the callee and of the arguments, within `Machine.metered`.

        Returns:
            The id of the result; None if the call fails.

        Raises:
            MemoryError: memory ran out; the table is empty now and all ids are void.
        """
        entry = self._calls.get(key) or self._make(key)
        if not isinstance(entry, Failure):
            return entry[0]
        if entry.status is Status.DIED:
            raise MemoryError(entry.reason)
        return None

    def run(self, keys: list[_Key]) -> Outcome:
        """Run a program given as one key getter a line, within `Machine.metered`."""
        if self._nodes > self._max_nodes:
            self._clear()
        ids = self._initial_ids.copy()
        work = 0
        for slot, key_of in enumerate(keys, FIRST_LINE_SLOT):
            key = key_of(ids)
            entry = self._calls.get(key) or self._make(key)
            if isinstance(entry, Failure):
                return entry.outcome(slot - INPUT_SLOT, work)
            if work + entry[1] > self._machine.limits.work_per_program:
                return PROGRAM_WORK_EXCEEDED.outcome(slot - INPUT_SLOT, work)
            ids[slot] = entry[0]
            work += entry[1]
        return self._outcome(ids[INPUT_SLOT + len(keys)], work)

    def _make(self, key: tuple[int, ...]) -> tuple[int, int] | Failure:
        callee, *arguments = key
        values, weights = self._values, self._weights
        result = self._machine.call(values[callee], [values[k] for k in arguments], [weights[k] for k in arguments])
        if isinstance(result, Failure):
            if result.status is Status.DIED:  # out of memory: no property of the call
                self._clear()
            else:
                self._calls[key] = result
                self._nodes += _ENTRY_NODES
            return result
        entry = self._intern(result.value, result.weight), result.work
        self._calls[key] = entry
        # Both are upper bounds on what the call has allocated.
        self._nodes += min(result.weight, result.work) + _ENTRY_NODES
        return entry

    def _outcome(self, value: int, work: int) -> Outcome:
        outcome = self._outcomes.get(value)
        if outcome is None:
            outcome = self._outcomes[value] = finish(self._values[value], 0, self._machine.limits.mode)
        return outcome._replace(work=work)
