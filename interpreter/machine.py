"""Running one program on one grid.

A call is made by `Machine.call`, which the shared table of `interpreter.batch` uses too: the line's work budget is
set, the primitive charges it (see `interpreter.work`), the result is weighed (see `interpreter.growth`). So a call's
result, its work or its failure depend on its callee and arguments only, and not on what ran before. The loop over a
program's lines does the same by itself for most primitives.

Within a program, a call that is repeated with equal arguments denotes the same value: closures compare by identity,
and this makes them equal whether or not calls are shared between programs.

The work meter is one object per process: running programs in several threads at once is not supported.
"""

import gc
import marshal
import sys
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from interpreter.constants import CONSTANTS
from interpreter.dialect import primitives_for
from interpreter.growth import FACTORS, NODES_A_UNIT, SLACK, bound, weigh
from interpreter.limits import CODEIT_LENGTH_LIMIT, Limits, Mode
from interpreter.outcome import Grid, Outcome, Status
from interpreter.primitives import UNBUILT_VARIANTS
from interpreter.primitives.mapping import TAKE_UNBUILT
from interpreter.primitives.unbuilt import Unbuilt
from interpreter.program import (
    FIRST_LINE_SLOT,
    INPUT_SLOT,
    MAX_LINES,
    Program,
)
from interpreter.work import METER, LimitExceeded, WorkExceeded

DEFAULT_LIMITS = Limits()

_Function = Callable[..., Any]

_RECURSION_LIMIT = 10_000
_COLOURS = bytes(range(10))
_TUPLE = frozenset({tuple})


class _Undefined:
    """The value of a variable whose result was dropped (mode "codeit")."""


UNDEFINED = _Undefined()
_BLANK = [UNDEFINED] * (1 + MAX_LINES)


Result = tuple[Any, int, int]
"""What a call gave: a value, the work it took, and an upper bound on the value's weight (`interpreter.growth`)."""


class Failure(NamedTuple):
    """Why a call gave nothing."""

    status: Status
    reason: str

    def outcome(self, line: int, work: int) -> Outcome:
        """Return the outcome of a program that fails in `line` (from 1) after `work` units."""
        return Outcome(self.status, None, f"{self.reason} at line {line}", work)


_Made = list[tuple[Any, list[Any], Result | Failure]]  # calls with functions: callee, arguments, what came of it

PROGRAM_WORK_EXCEEDED = Failure(Status.WORK, "work limit of the program")
_LINE_WORK_EXCEEDED = Failure(Status.WORK, "work limit of a line")
_UNDEFINED_VARIABLE = Failure(Status.ERROR, "NameError")
OUT_OF_MEMORY = Failure(Status.DIED, "out of memory")


class Machine:
    """Makes calls under given limits.

    Attributes:
        limits: the limits in force.
        environment: values of the slots before the input grid: primitives and constants.
        weights: of these values.
        slots: the row that programs run on, one at a time: the environment, the input grid, results of lines, and the
            variants of primitives that may leave their values unbuilt.
        slot_weights: upper bounds on the weights of `slots`.
        simple_factors: for these, how the result of a call grows (`interpreter.growth`), if that is all there is to say
            about the callee; else 0.
        factors: by primitive, how its results grow.
        unbuilt_variants: by primitive, what gives the same value unbuilt if it can (`interpreter.primitives.unbuilt`).
        takes_unbuilt: by primitive, which argument may be unbuilt.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.environment, self.weights, self.factors, simple_factors = _environment(limits.mode)
        primitives = primitives_for(limits.mode)
        # The older language drops long values, so all must be built.
        variants = (
            UNBUILT_VARIANTS if limits.mode == "native" else {name: primitives[name] for name in UNBUILT_VARIANTS}
        )
        self.unbuilt_variants = {primitives[name]: variant for name, variant in variants.items()}
        self.takes_unbuilt = {primitives[name]: argument for name, argument in TAKE_UNBUILT.items()}
        self.slots = [*self.environment, *_BLANK, *variants.values()]
        self.slot_weights = [*self.weights, *[1] * (len(_BLANK) + len(variants))]
        self.simple_factors = [*simple_factors, *[0] * (len(_BLANK) + len(variants))]
        self._budget, self._max_items = limits.work_per_line, limits.max_items
        self._drops_long_values = limits.mode == "codeit"

    def metered(self) -> "_Metered":
        """Put the size limits in force; afterwards primitives are unlimited plain functions again."""
        return _Metered(self.limits)

    def call(self, function: Any, arguments: Sequence[Any], weights: Sequence[int]) -> Result | Failure:
        """Call a function within the budget of one line.

        Args:
            function: the callee, which need not be callable.
            arguments: its arguments.
            weights: upper bounds on the weights of the callee and of the arguments.
        """
        if self._drops_long_values and (function is UNDEFINED or any(argument is UNDEFINED for argument in arguments)):
            return _UNDEFINED_VARIABLE
        budget = METER.left = self._budget
        try:
            value = function(*arguments)
            work: int = 1 + budget - METER.left
            kind = type(value)
            if kind is not tuple and kind is not frozenset:
                return value, work, self._weight_of_unbuilt(value) if issubclass(kind, Unbuilt) else 1
            factor = self.factors.get(function)
            if factor is None:
                weight = bound(function, arguments, weights, work)
            else:
                weight = factor * sum(weights) + NODES_A_UNIT * work + SLACK
            if weight > self._max_items:
                weight = weigh(value, self._max_items)
        except Exception as error:
            return _failure_of(error)
        if self._drops_long_values and len(value) >= CODEIT_LENGTH_LIMIT:
            return UNDEFINED, work, 1
        return value, work, weight

    def _weight_of_unbuilt(self, value: Unbuilt) -> int:
        weight = value.weight
        return weight if weight <= self._max_items else weigh(value.built(), self._max_items)


def _failure_of(error: Exception) -> Failure:
    if isinstance(error, WorkExceeded):
        return _LINE_WORK_EXCEEDED
    if isinstance(error, LimitExceeded):
        return Failure(Status.SIZE, str(error) or "size limit")
    if isinstance(error, MemoryError):
        return OUT_OF_MEMORY
    return Failure(Status.ERROR, type(error).__name__)


class _Metered:
    """The context in which calls are made."""

    __slots__ = ("_before", "_collects", "_frames", "_limits")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def __enter__(self) -> None:
        self._before = METER.left, METER.max_items, METER.max_integer
        METER.max_items, METER.max_integer = self._limits.max_items, self._limits.max_integer
        # The meter bounds the frames of closures; how deep the caller's own stack is must not decide a verdict.
        self._frames = sys.getrecursionlimit()
        sys.setrecursionlimit(max(self._frames, _RECURSION_LIMIT))
        # Values hold no cycles, so the collector would only walk them in vain, once for every 700 cells made.
        self._collects = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        METER.left, METER.max_items, METER.max_integer = self._before
        sys.setrecursionlimit(self._frames)
        if self._collects:
            gc.enable()


def run(program: Program, grid: Grid, limits: Limits = DEFAULT_LIMITS) -> Outcome:
    """Run a program on an input grid.

    Args:
        program: from `interpreter.parse`.
        grid: the value of `I`, a tuple of equally long tuples of integers.
        limits: the budgets, and the dialect.
    """
    values, failure, work = execute(program, grid, _machine(limits))
    if failure is not None:
        return failure.outcome(len(values) + 1, work)
    return finish(values[-1], work, limits.mode, plain=not program.mentions_booleans)


def execute(program: Program, grid: Grid, machine: Machine) -> tuple[list[Any], Failure | None, int]:
    """Run the lines of a program in order until one fails.

    Returns:
        The values of the completed lines, of which some may be unbuilt, the failure of the next one if any, and the
        work of the completed lines.
    """
    with machine.metered():
        try:
            return _execute(program, grid, machine)
        finally:
            machine.slots[INPUT_SLOT : FIRST_LINE_SLOT + MAX_LINES] = _BLANK


def _execute(program: Program, grid: Grid, machine: Machine) -> tuple[list[Any], Failure | None, int]:
    slots, weights, factors = machine.slots, machine.slot_weights, machine.simple_factors
    slots[INPUT_SLOT], weights[INPUT_SLOT] = grid, 1 + len(grid) * (1 + len(grid[0])) if grid else 1
    limits, budget = machine.limits, machine.limits.work_per_line
    made: _Made = []
    work, target = 0, INPUT_SLOT
    try:
        for callee, fetch in program.steps:
            target += 1
            factor = factors[callee]
            if factor:  # what `Machine.call` does, but for the call, which would take as long as many a primitive
                function, *arguments = fetch(slots)
                METER.left = budget
                value = function(*arguments)
                taken: int = 1 + budget - METER.left
                kind = type(value)
                weight = 1
                if kind is tuple or kind is frozenset:
                    weight = factor * sum(fetch(weights)) + NODES_A_UNIT * taken + SLACK
                    if weight > limits.max_items:
                        weight = weigh(value, limits.max_items)
            else:
                result = _call_once(machine, made, fetch(slots), fetch(weights))
                if isinstance(result, Failure):
                    return slots[FIRST_LINE_SLOT:target], result, work
                value, taken, weight = result
            slots[target], weights[target] = value, weight
            if work + taken > limits.work_per_program:
                return slots[FIRST_LINE_SLOT:target], PROGRAM_WORK_EXCEEDED, work
            work += taken
    except Exception as error:
        return slots[FIRST_LINE_SLOT:target], _failure_of(error), work
    return slots[FIRST_LINE_SLOT : target + 1], None, work


def _call_once(machine: Machine, made: _Made, called: tuple[Any, ...], weights: tuple[int, ...]) -> Result | Failure:
    """Call the first of some values with the others, unless the program made the same call before."""
    function, *arguments = called
    for known_function, known_arguments, result in made:
        if known_function is function and known_arguments == arguments:
            return result
    result = machine.call(function, arguments, weights)
    made.append((function, arguments, result))
    return result


@lru_cache(maxsize=16)
def _machine(limits: Limits) -> Machine:
    return Machine(limits)


def finish(value: Any, work: int, mode: Mode, *, plain: bool = False) -> Outcome:
    """Return the outcome of a program whose last line gave `value`, which is known to hold no booleans if `plain`."""
    grid = as_grid(value, mode, plain=plain)
    if grid is None:
        return Outcome(Status.INVALID, None, "the result is no valid grid", work)
    return Outcome(Status.OK, grid, "", work)


def as_grid(value: Any, mode: Mode, *, plain: bool = False) -> Grid | None:
    """Return `value` with plain integer cells if it is a valid output grid, else None.

    A valid grid is a tuple of equally long tuples of integers 0-9, in mode "native" of 1 to 30 rows and columns. `()`
    is valid in mode "codeit" only.
    """
    if type(value) is not tuple or not _TUPLE.issuperset(map(type, value)):
        return None
    widths = set(map(len, value))
    if mode == "native":
        if not (len(widths) == 1 and 1 <= len(value) <= 30 and 1 <= min(widths) <= 30):
            return None
    elif len(widths) > 1:
        return None
    try:
        cells = b"".join(map(bytes, value))
    except (TypeError, ValueError):
        return None
    if cells.translate(None, _COLOURS):
        return None
    if plain:
        return value
    # The cells are integers or booleans. In marshal's format T and F stand for booleans (or are part of a large size),
    # and asking it takes half the time of looking at every cell's type.
    data = marshal.dumps(value, 2)
    return tuple([tuple(map(int, row)) for row in value]) if b"T" in data or b"F" in data else value


@cache
def _environment(
    mode: Mode,
) -> tuple[tuple[Any, ...], tuple[int, ...], dict[_Function, int], tuple[int, ...]]:
    primitives = primitives_for(mode)
    values = (*primitives.values(), *CONSTANTS.values())
    factors = {primitives[name]: factor for name, factor in FACTORS.items()}
    # In mode "codeit" every result has to be looked at.
    simple_factors = [FACTORS.get(name, 0) if mode == "native" else 0 for name in primitives]
    return values, tuple(map(weigh, values)), factors, (*simple_factors, *[0] * len(CONSTANTS))
