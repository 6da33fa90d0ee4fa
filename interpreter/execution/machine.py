"""Making calls under limits.

A call is made by `Machine.call`: the line's work budget is set, the primitive charges it (see `values.meter`), the
result is weighed (see `execution.size_bounds`). So a call's result, its work or its failure depend on its callee and
arguments only, and not on what ran before.

The work meter is one object per process: running programs in several threads at once is not supported.
"""

import gc
import sys
from collections.abc import Callable, Sequence
from functools import cache
from types import FunctionType
from typing import Any, NamedTuple

from interpreter.execution.dialect import primitives_for
from interpreter.execution.size_bounds import BUILDERS, FACTORS, NO_BOUND, NODES_A_UNIT, SLACK, bound, weigh
from interpreter.language.constants import CONSTANTS
from interpreter.language.limits import CODEIT_LENGTH_LIMIT, Limits, Mode
from interpreter.language.outcome import Outcome, Status
from interpreter.language.slots import MAX_LINES
from interpreter.primitives import TAKE_UNBUILT, UNBUILT_VARIANTS
from interpreter.primitives.unbuilt import Unbuilt
from interpreter.values.meter import METER, LimitExceeded, WorkExceeded

DEFAULT_LIMITS = Limits()

_Function = Callable[..., Any]

_RECURSION_LIMIT = 10_000


class _Undefined:
    """The value of a variable whose result was dropped (mode "codeit")."""


UNDEFINED = _Undefined()


Result = tuple[Any, int, int]
"""What a call gave: a value, the work it took, and an upper bound on the value's weight (`execution.size_bounds`)."""


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
OUT_OF_MEMORY = Failure(Status.DIED, "out of memory")


class Machine:
    """Makes calls under given limits.

    Attributes:
        limits: the limits in force.
        work_per_line, work_per_program, max_items: of these.
        metered: the context in which they are in force; afterwards primitives are unlimited plain functions again.
        environment: values of the slots before the input grid: primitives and constants.
        weights: of these values.
        slots: the row that programs run on, one at a time: the environment, the input grid, results of lines, and the
            variants of primitives that may leave their values unbuilt.
        slot_weights: upper bounds on the weights of `slots`.
        slot_factors: for these, how the result of a call grows (`execution.size_bounds`); 0 if that depends on more
            than the callee.
        factors: by primitive, how its results grow.
        unbuilt_variants: by primitive, what gives the same value unbuilt if it can (`primitives.unbuilt`).
        takes_unbuilt: by primitive, which argument may be unbuilt.
        drops_long_values: whether values that are long are undefined (mode "codeit").
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.work_per_line, self.work_per_program = limits.work_per_line, limits.work_per_program
        self.max_items = limits.max_items
        self.metered = Metered(limits)
        self.environment, self.weights, self.factors, slot_factors = _environment(limits.mode)
        primitives = primitives_for(limits.mode)
        # The older language drops long values, so all must be built.
        variants = (
            UNBUILT_VARIANTS if limits.mode == "native" else {name: primitives[name] for name in UNBUILT_VARIANTS}
        )
        self.unbuilt_variants = {primitives[name]: variant for name, variant in variants.items()}
        self.takes_unbuilt = {primitives[name]: argument for name, argument in TAKE_UNBUILT.items()}
        self._builders = frozenset(primitives[name] for name in BUILDERS)
        num_others = 1 + MAX_LINES + len(variants)
        self.slots = [*self.environment, *[UNDEFINED] * (1 + MAX_LINES), *variants.values()]
        self.slot_weights = [*self.weights, *[1] * num_others]
        self.slot_factors = [*slot_factors, *[0] * num_others]
        self.drops_long_values = limits.mode == "codeit"

    def call(self, function: Any, arguments: Sequence[Any], weights: Sequence[int]) -> Result | Failure:
        """Call a function within the budget of one line.

        Args:
            function: the callee, which need not be callable.
            arguments: its arguments.
            weights: upper bounds on the weights of the callee and of the arguments.
        """
        if self.drops_long_values and (function is UNDEFINED or any(argument is UNDEFINED for argument in arguments)):
            return _UNDEFINED_VARIABLE
        budget = METER.left = self.work_per_line
        try:
            value = function(*arguments)
            work: int = 1 + budget - METER.left
            kind = type(value)
            if kind is not tuple and kind is not frozenset:
                return value, work, self.weight_of_one(value, function, sum(weights))
            factor = self.factors.get(function)
            if factor is None:
                weight = bound(function, arguments, weights, work)
            else:
                weight = factor * sum(weights) + NODES_A_UNIT * work + SLACK
            if weight > self.max_items:
                weight = weigh(value, self.max_items)
        except Exception as error:
            return failure_of(error)
        if self.drops_long_values and len(value) >= CODEIT_LENGTH_LIMIT:
            return UNDEFINED, work, 1
        return value, work, weight

    def weight_of_one(self, value: Any, function: Any, given: int) -> int:
        """Return an upper bound on the weight of a call's result that is no container.

        Args:
            value: the result.
            function: what was called.
            given: the weight of what it was called with.
        """
        kind = type(value)
        if kind is FunctionType:
            # Another function gives a closure out of one that it was given, or calls builders itself.
            return given if function in self._builders else NO_BOUND
        if not issubclass(kind, Unbuilt):
            return 1
        weight: int = value.weight
        return weight if weight <= self.max_items else weigh(value.built(), self.max_items)


def failure_of(error: Exception) -> Failure:
    """Return what an exception of a call means for the program."""
    if isinstance(error, WorkExceeded):
        return _LINE_WORK_EXCEEDED
    if isinstance(error, LimitExceeded):
        return Failure(Status.SIZE, str(error) or "size limit")
    if isinstance(error, MemoryError):
        return OUT_OF_MEMORY
    return Failure(Status.ERROR, type(error).__name__)


class Metered:
    """The context in which calls are made under size limits; it may be entered again and again, also while inside."""

    __slots__ = ("_before", "_limits")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._before: list[tuple[float, int, int, int, bool]] = []

    def __enter__(self) -> None:
        frames = sys.getrecursionlimit()
        self._before.append((METER.left, METER.max_items, METER.max_integer, frames, gc.isenabled()))
        METER.max_items, METER.max_integer = self._limits.max_items, self._limits.max_integer
        # The meter bounds the frames of closures; how deep the caller's own stack is must not decide a verdict.
        if frames < _RECURSION_LIMIT:
            sys.setrecursionlimit(_RECURSION_LIMIT)
        # Values hold no cycles, so the collector would only walk them in vain, once for every 700 cells made.
        gc.disable()

    def __exit__(self, *_: object) -> None:
        METER.left, METER.max_items, METER.max_integer, frames, collects = self._before.pop()
        sys.setrecursionlimit(frames)
        if collects:
            gc.enable()


@cache
def _environment(
    mode: Mode,
) -> tuple[tuple[Any, ...], tuple[int, ...], dict[_Function, int], tuple[int, ...]]:
    primitives = primitives_for(mode)
    values = (*primitives.values(), *CONSTANTS.values())
    factors = {primitives[name]: factor for name, factor in FACTORS.items()}
    slot_factors = [FACTORS.get(name, 0) for name in primitives]
    return values, tuple(map(weigh, values)), factors, (*slot_factors, *[0] * len(CONSTANTS))
