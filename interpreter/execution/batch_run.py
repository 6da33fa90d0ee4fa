"""Many programs on the same grids: every distinct call is made once.

Two things are shared. Lines that are the same expression of the input, in whatever programs, have one number and are
looked up by it; only expressions that are new on a grid go to its table of calls (`execution.call_table`), where they
meet others with equal arguments. Each program gets the outcome and the work that it has alone, whatever else is in the
batch: a call gives the same under the same line budget (`execution.machine`), and iteration orders are properties of
the values.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import itemgetter

from interpreter.execution.call_table import UNDEFINED_ID, CallTable
from interpreter.execution.frame_room import call_with_room
from interpreter.execution.machine import DEFAULT_LIMITS, PROGRAM_WORK_EXCEEDED, Failure, Machine, Metered
from interpreter.language.grids import plain_grid
from interpreter.language.limits import Limits
from interpreter.language.outcome import SKIPPED, Grid, Outcome, Status
from interpreter.language.program import Program
from interpreter.language.slots import FIRST_LINE_SLOT

TABLE_NODES = 8_000_000
"""About how many nodes of values the tables of a batch keep before they are emptied (about 30 bytes a node)."""

_UNDEFINED = FIRST_LINE_SLOT
_FAILED = -1

_Operands = Callable[[Mapping[int, int]], tuple[int, ...]]

Expressions = list[int]
"""The numbers of a program's lines."""


class Numbering:
    """Numbers for expressions of the input, the same for equal ones; primitives, constants and `I` have their slots."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, ...], int] = {}
        self._operands: list[_Operands] = []

    def __len__(self) -> int:
        return len(self._operands)

    def of(self, program: Program) -> Expressions:
        """Return the numbers of a program's lines."""
        numbers = [*range(FIRST_LINE_SLOT), *[_UNDEFINED] * len(program.lines)]
        for slot, (_, callee, arguments) in enumerate(program.lines, FIRST_LINE_SLOT):
            key = itemgetter(callee, *arguments)(numbers)  # a tuple, since every call has an argument
            number = self._numbers.get(key)
            if number is None:
                number = self._numbers[key] = _UNDEFINED + 1 + len(self._operands)
                self._operands.append(itemgetter(*key))
            numbers[slot] = number
        return numbers[FIRST_LINE_SLOT:]

    def operands(self, number: int) -> _Operands:
        """Return what takes the values of an expression's callee and arguments, given those of all by number."""
        return self._operands[number - _UNDEFINED - 1]


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
        grids: the input grids, see `plain_grid`.
        limits: as for `interpreter.run`; they hold for each program by itself.
        expected: the wanted output of each grid; needed and used only to stop at a miss.
        stop_at_first_miss: skip a program's remaining grids after the first whose output isn't the expected one
            (`Status.SKIPPED`).

    Returns:
        For each program a list of an outcome for each grid, as `interpreter.run` gives them.

    Raises:
        ValueError: one is no grid, or grids are expected for some only.
    """
    grids = [plain_grid(grid) for grid in grids]
    expected = None if expected is None else [plain_grid(grid) for grid in expected]
    # By lines, not by program: programs that differ in their variables' names only are run once.
    numbering = Numbering()
    expressions = {program.lines: numbering.of(program) for program in programs}
    rows: dict[object, list[Outcome]] = {lines: [] for lines in expressions}

    def run_on(group: Sequence[Grid]) -> None:
        """Run all programs on some of the grids."""
        with Metered(limits):
            batch = Batch(group, limits, numbering, expected=expected, stop_at_first_miss=stop_at_first_miss)
            for lines, numbers in expressions.items():
                rows[lines] += batch.run(numbers)
            del batch  # before the garbage collector is back, which would walk through all the values

    # Unless a miss decides what is run, one grid after the other, so that its table may fill the memory.
    for group in [grids] if stop_at_first_miss else [[grid] for grid in grids]:
        call_with_room(partial(run_on, group))
    return [list(rows[program.lines]) for program in programs]


class Batch:
    """A growing batch on fixed grids; programs may be run one at a time.

    Args:
        grids: the input grids.
        limits: as for `run_batch`.
        numbering: what numbers the expressions of the programs.
        expected, stop_at_first_miss: as for `run_batch`.

    Attributes:
        machine: what makes the calls.
    """

    def __init__(
        self,
        grids: Sequence[Grid],
        limits: Limits,
        numbering: Numbering,
        *,
        expected: Sequence[Grid] | None = None,
        stop_at_first_miss: bool = False,
    ) -> None:
        if stop_at_first_miss and (expected is None or len(expected) != len(grids)):
            raise ValueError("stop_at_first_miss needs one expected grid for each grid")
        self.machine = Machine(limits)
        self._goals = expected if stop_at_first_miss else None
        self._inputs = [_Input(grid, self.machine, numbering, TABLE_NODES // len(grids)) for grid in grids]

    def run(self, expressions: Expressions) -> list[Outcome]:
        """Run a program, given as its expressions, on all grids, within `Metered`."""
        if self._goals is None:
            return [single.run(expressions) for single in self._inputs]
        outcomes = [SKIPPED] * len(self._inputs)
        for number, (single, goal) in enumerate(zip(self._inputs, self._goals, strict=True)):
            outcomes[number] = single.run(expressions)
            if outcomes[number].grid != goal:
                break
        return outcomes


class _Input:
    """What is known of expressions on one grid."""

    def __init__(self, grid: Grid, machine: Machine, numbering: Numbering, max_nodes: int) -> None:
        self._table = CallTable(grid, machine, max_nodes)
        self._numbering = numbering
        self._work_per_program = machine.limits.work_per_program
        self._forget()

    def _forget(self) -> None:
        # By number of the expression: the id of its value; its work, or `_FAILED`; why it failed.
        self._ids = dict(enumerate([*self._table.fixed_ids(), UNDEFINED_ID]))
        self._works: dict[int, int] = {}
        self._failures: dict[int, Failure] = {}

    def run(self, expressions: Expressions) -> Outcome:
        """Run a program."""
        # Only between programs: within one its lines still need their ids.
        if self._table.full:
            self._table.clear()
            self._forget()
        ids, works, most_work = self._ids, self._works, self._work_per_program
        work = 0
        for line, number in enumerate(expressions, 1):
            # No work is zero, so that "or" tells what is new.
            taken = works.get(number) or self._evaluate(number)
            if taken == _FAILED:
                return self._failures[number].outcome(line, work)
            if work + taken > most_work:
                return PROGRAM_WORK_EXCEEDED.outcome(line, work)
            work += taken
        return self._table.outcome(ids[expressions[-1]], work)

    def _evaluate(self, number: int) -> int:
        """Find out the value and the work of an expression whose operands are known; return the work, or `_FAILED`."""
        entry = self._table.look_up(self._numbering.operands(number)(self._ids))
        if isinstance(entry, Failure):
            if entry.status is Status.DIED:  # the table was emptied
                self._forget()
            else:
                self._works[number] = _FAILED
            self._failures[number] = entry
            return _FAILED
        self._ids[number], self._works[number] = entry
        return self._works[number]
