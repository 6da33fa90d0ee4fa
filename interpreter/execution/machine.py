"""Making calls under limits.

A call is made by `Machine.call`: the line's work budget is set, the primitive charges it (see `values.meter`), the
result is weighed (see `execution.size_bounds`). So a call's result, its work or its failure depend on its callee and
arguments only, and not on what ran before.

The work meter is one object per process: running programs in several threads at once is not supported.
"""

import gc
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import FunctionType
from typing import Any, NamedTuple

from interpreter.execution.dialect import primitives_for
from interpreter.execution.size_bounds import (
    BUILDERS,
    CLOSURE_MAKERS,
    FACTORS,
    LIGHT,
    NO_BOUND,
    NODES_A_UNIT,
    SLACK,
    bound,
    charged_weight,
    tree_size,
)
from interpreter.language.constants import CONSTANTS
from interpreter.language.limits import CODEIT_LENGTH_LIMIT, Limits, Mode
from interpreter.language.outcome import Outcome, Status
from interpreter.language.slots import FIXED_NAMES, MAX_LINES, NUM_PRIMITIVES
from interpreter.primitives import LAZY_VARIANTS, TAKE_LAZY
from interpreter.primitives.lazy_cells import LazyCells
from interpreter.values.meter import METER, LimitExceeded, SizeExceeded, WorkExceeded

DEFAULT_LIMITS = Limits()

# The meter bounds the frames of closures by 600; the rest is for the caller, however deep it is.
_RECURSION_LIMIT = 10_000
_FIXED_WEIGHTS = [*[1] * NUM_PRIMITIVES, *map(tree_size, CONSTANTS.values())]
_SLOT_FACTORS = [0 if name in CLOSURE_MAKERS else FACTORS.get(name, 0) for name in FIXED_NAMES] + [0] * MAX_LINES


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
    """What makes calls under given limits.

    Attributes:
        limits: the limits in force.
        metered: the context in which they are in force; afterwards primitives are unlimited plain functions again.
        values: of all slots: primitives, constants, and what the running program adds.
        weights: upper bounds on the weights of the values.
        factors: by slot, how the results of calls grow (`execution.size_bounds`); 0 where calls are for `Machine.call`
            alone: of what may make or call closures, and all in mode "codeit", which has values to drop.
        usual_factors: the same by primitive, of all.
        lazy_variants: by primitive, what gives the same value lazy if it can (`primitives.lazy_cells`).
        takes_lazy: by primitive, which argument may be lazy.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.metered = Metered(limits)
        primitives = primitives_for(limits.mode)
        # Every dialect's table is in the order of `SIGNATURES`, and so of the slots.
        self.values = [*primitives.values(), *CONSTANTS.values(), *[UNDEFINED] * (1 + MAX_LINES)]
        self.weights = [*_FIXED_WEIGHTS, *[1] * (1 + MAX_LINES)]
        self.lazy_variants = {primitives[name]: variant for name, variant in LAZY_VARIANTS.items()}
        self.takes_lazy = {primitives[name]: argument for name, argument in TAKE_LAZY.items()}
        self.factors = _SLOT_FACTORS if limits.mode == "native" else [0] * len(_SLOT_FACTORS)
        self.usual_factors = _factors(limits.mode)
        self._builders = frozenset(primitives[name] for name in BUILDERS)
        self._work_per_line, self._max_items = limits.work_per_line, limits.max_items
        self._light = min(LIGHT, limits.max_items)
        self._drops_long_values = limits.mode == "codeit"

    def call(self, function: Any, arguments: Sequence[Any], weights: Sequence[int]) -> Result | Failure:
        """Call a function within the budget of one line.

        Args:
            function: the callee, which need not be callable.
            arguments: its arguments.
            weights: upper bounds on the weights of the callee and of the arguments.
        """
        if self._drops_long_values and (function is UNDEFINED or any(value is UNDEFINED for value in arguments)):
            return _UNDEFINED_VARIABLE
        # Each call starts with the whole budget of a line, whoever asks for it: only so may calls be shared.
        budget = METER.left = self._work_per_line
        try:
            value = function(*arguments)
            # A line costs one unit beyond what it charges, so that programs of free calls end too.
            work: int = 1 + budget - METER.left
            kind = type(value)
            if kind is int or kind is bool:
                return value, work, 1
            if kind is tuple or kind is frozenset:
                # Inside `try`, since a value that is too large is a failure of this call.
                weight = self._weight_of(value, function, arguments, weights, work)
            elif kind is FunctionType:
                # Another function gives a closure out of one that it was given, or calls builders itself.
                return value, work, sum(weights) if function in self._builders else NO_BOUND
            elif kind is LazyCells:
                weight = value.weight
                if weight > self._max_items:
                    raise SizeExceeded(f"value of more than {self._max_items} nodes")
                charged_weight(weight)
            else:
                return value, work, 1
        # Whatever a primitive raises is the program's failure. Interrupts of the process are no `Exception`.
        except Exception as error:
            return failure_of(error)
        if self._drops_long_values and len(value) >= CODEIT_LENGTH_LIMIT:
            return UNDEFINED, 1 + budget - METER.left, 1
        return value, 1 + budget - METER.left, weight

    def _weight_of(self, value: Any, function: Any, arguments: Sequence[Any], weights: Sequence[int], work: int) -> int:
        """Return an upper bound on the weight of a container that a call gave.

        Raises:
            SizeExceeded: it has more nodes than allowed.
        """
        factor = self.usual_factors.get(function)
        if factor is None:
            weight = bound(function, arguments, weights, work)
        else:
            weight = factor * sum(weights) + NODES_A_UNIT * work + SLACK
        return weight if weight <= self._light else charged_weight(tree_size(value, self._max_items))


def failure_of(error: Exception) -> Failure:
    """Return what an exception of a call means for the program."""
    if isinstance(error, WorkExceeded):
        return _LINE_WORK_EXCEEDED
    if isinstance(error, LimitExceeded):
        return Failure(Status.SIZE, str(error) or "size limit")
    # Depends on the machine, unlike all others: it is never kept as what a call gives.
    if isinstance(error, MemoryError):
        return OUT_OF_MEMORY
    # In a set of unfit values Python's order decides which is met first, and how it fails.
    if isinstance(error, TypeError | ValueError | LookupError):
        return Failure(Status.ERROR, TypeError.__name__)
    # The type alone: messages of Python's exceptions differ between its versions, and may name addresses.
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
def _factors(mode: Mode) -> Mapping[Callable[..., Any], int]:
    """Return how the results of primitives grow."""
    primitives = primitives_for(mode)
    return {primitives[name]: factor for name, factor in FACTORS.items()}
