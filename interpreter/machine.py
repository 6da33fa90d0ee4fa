"""Running one program on one grid.

Every call is made by `Machine.call`, which the shared table of `interpreter.batch` uses too: the line's work budget is
set, the primitive charges it (see `interpreter.work`), the result is weighed (see `interpreter.growth`). So a call's
result, its work or its failure depend on its callee and arguments only, and not on what ran before.

Within a program, a call that is repeated with equal arguments denotes the same value: closures compare by identity,
and this makes them equal whether or not calls are shared between programs.

The work meter is one object per process: running programs in several threads at once is not supported.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

from interpreter.constants import CONSTANTS
from interpreter.dialect import primitives_for
from interpreter.growth import GROWTH, Growth, weigh
from interpreter.limits import CODEIT_LENGTH_LIMIT, Limits, Mode
from interpreter.outcome import Grid, Outcome, Status
from interpreter.program import Program
from interpreter.work import METER, LimitExceeded, WorkExceeded

DEFAULT_LIMITS = Limits()

_RECURSION_LIMIT = 10_000
_COLOURS = bytes(range(10))
_CELL_TYPES = frozenset({int, bool})


class _Undefined:
    """The value of a variable whose result was dropped (mode "codeit")."""


UNDEFINED = _Undefined()


class Result(NamedTuple):
    """What a call gave: a value, the work it took, and an upper bound on the value's weight (`interpreter.growth`)."""

    value: Any
    work: int
    weight: int


class Failure(NamedTuple):
    """Why a call gave nothing."""

    status: Status
    reason: str

    def outcome(self, line: int, work: int) -> Outcome:
        """Return the outcome of a program that fails in `line` (from 1) after `work` units."""
        return Outcome(self.status, None, f"{self.reason} at line {line}", work)


PROGRAM_WORK_EXCEEDED = Failure(Status.WORK, "work limit of the program")
_LINE_WORK_EXCEEDED = Failure(Status.WORK, "work limit of a line")
_UNDEFINED_VARIABLE = Failure(Status.ERROR, "NameError")
_OUT_OF_MEMORY = Failure(Status.DIED, "out of memory")


class Machine:
    """Makes calls under given limits.

    Attributes:
        limits: the limits in force.
        environment: values of the slots before the input grid: primitives and constants.
        weights: of these values.
        growth: how the results of some primitives grow.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.environment, self.weights, self.growth = _environment(limits.mode)
        self._drops_long_values = limits.mode == "codeit"

    @contextmanager
    def metered(self) -> Iterator[None]:
        """Put the size limits in force; afterwards primitives are unlimited plain functions again."""
        before = METER.left, METER.max_items, METER.max_integer
        METER.max_items, METER.max_integer = self.limits.max_items, self.limits.max_integer
        frames = sys.getrecursionlimit()
        # The meter bounds the frames of closures; how deep the caller's own stack is must not decide a verdict.
        sys.setrecursionlimit(max(frames, _RECURSION_LIMIT))
        try:
            yield
        finally:
            METER.left, METER.max_items, METER.max_integer = before
            sys.setrecursionlimit(frames)

    def call(self, function: Any, arguments: list[Any], weights: list[int]) -> Result | Failure:
        """Call a function within the budget of one line.

        Args:
            function: the callee, which need not be callable.
            arguments: its arguments.
            weights: upper bounds on the weights of the arguments.
        """
        if self._drops_long_values and (function is UNDEFINED or any(argument is UNDEFINED for argument in arguments)):
            return _UNDEFINED_VARIABLE
        budget = METER.left = self.limits.work_per_line
        try:
            value = function(*arguments)
            work = 1 + budget - int(METER.left)
            weight = self._weigh(function, value, weights)
        except WorkExceeded:
            return _LINE_WORK_EXCEEDED
        except LimitExceeded as error:
            return Failure(Status.SIZE, str(error) or "size limit")
        except MemoryError:
            return _OUT_OF_MEMORY
        except Exception as error:
            return Failure(Status.ERROR, type(error).__name__)
        if self._drops_long_values and type(value) in (tuple, frozenset) and len(value) >= CODEIT_LENGTH_LIMIT:
            return Result(UNDEFINED, work, 1)
        return Result(value, work, weight)

    def _weigh(self, function: Any, value: Any, weights: list[int]) -> int:
        if type(value) is int or type(value) is bool:
            return 1
        growth = self.growth.get(function)
        weight = None if growth is None else growth.bound(weights)
        if weight is None or weight > self.limits.max_items:
            return weigh(value, self.limits.max_items)
        return weight


def run(program: Program, grid: Grid, limits: Limits = DEFAULT_LIMITS) -> Outcome:
    """Run a program on an input grid.

    Args:
        program: from `interpreter.parse`.
        grid: the value of `I`, a tuple of equally long tuples of integers.
        limits: the budgets, and the dialect.
    """
    machine = Machine(limits)
    values, failure, work = execute(program, grid, machine)
    if failure is not None:
        return failure.outcome(len(values) + 1, work)
    return finish(values[-1], work, limits.mode)


def execute(program: Program, grid: Grid, machine: Machine) -> tuple[list[Any], Failure | None, int]:
    """Run the lines of a program in order until one fails.

    Returns:
        The values of the completed lines, the failure of the next one if any, and the work of the completed lines.
    """
    first = len(machine.environment) + 1
    undefined = [UNDEFINED] * len(program.lines)
    slots = [*machine.environment, grid, *undefined]
    weights = [*machine.weights, weigh(grid, sys.maxsize), *[1] * len(undefined)]
    work = 0
    makers: list[tuple[Any, list[Any], Result]] = []
    with machine.metered():
        for target, callee, operands in program.lines:
            function = slots[callee]
            arguments = [slots[operand] for operand in operands]
            answer = _made_before(makers, function, arguments)
            if answer is None:
                result = machine.call(function, arguments, [weights[operand] for operand in operands])
                if isinstance(result, Failure):
                    return slots[first:target], result, work
                answer = result
                if function not in machine.growth and type(answer.value) is not int:
                    makers.append((function, arguments, answer))
            if work + answer.work > machine.limits.work_per_program:
                return slots[first:target], PROGRAM_WORK_EXCEEDED, work
            work += answer.work
            slots[target], weights[target] = answer.value, answer.weight
    return slots[first:], None, work


def _made_before(makers: list[tuple[Any, list[Any], Result]], function: Any, arguments: list[Any]) -> Result | None:
    for known_function, known_arguments, result in makers:
        if known_function is function and known_arguments == arguments:
            return result
    return None


def finish(value: Any, work: int, mode: Mode) -> Outcome:
    """Return the outcome of a program whose last line gave `value`."""
    grid = as_grid(value, mode)
    if grid is None:
        return Outcome(Status.INVALID, None, "the result is no valid grid", work)
    return Outcome(Status.OK, grid, "", work)


def as_grid(value: Any, mode: Mode) -> Grid | None:
    """Return `value` with plain integer cells if it is a valid output grid, else None.

    A valid grid is a tuple of equally long tuples of integers 0-9, in mode "native" of 1 to 30 rows and columns. `()`
    is valid in mode "codeit" only.
    """
    if type(value) is not tuple or set(map(type, value)) - {tuple}:
        return None
    widths = set(map(len, value))
    if mode == "native":
        if not (len(widths) == 1 and 1 <= len(value) <= 30 and 1 <= min(widths) <= 30):
            return None
    elif len(widths) > 1:
        return None
    kinds = set(map(type, chain.from_iterable(value)))
    if not kinds <= _CELL_TYPES:
        return None
    try:
        cells = bytes(chain.from_iterable(value))
    except ValueError:
        return None
    if cells.translate(None, _COLOURS):
        return None
    return tuple([tuple(map(int, row)) for row in value]) if bool in kinds else value


@cache
def _environment(mode: Mode) -> tuple[tuple[Any, ...], tuple[int, ...], dict[Callable[..., Any], Growth]]:
    primitives = primitives_for(mode)
    values = (*primitives.values(), *CONSTANTS.values())
    weights = tuple(weigh(value, sys.maxsize) for value in values)
    return values, weights, {primitives[name]: growth for name, growth in GROWTH.items()}
