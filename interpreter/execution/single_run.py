"""Running one program on one grid, by itself.

Within a program, a call that is repeated with equal arguments denotes the same value: closures compare by identity,
and this makes them equal whether or not calls are shared between programs.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from interpreter.execution.machine import (
    DEFAULT_LIMITS,
    PROGRAM_WORK_EXCEEDED,
    UNDEFINED,
    Failure,
    Machine,
    Result,
    failure_of,
)
from interpreter.execution.output import Unsure, finish
from interpreter.execution.plan import Step
from interpreter.execution.size_bounds import NODES_A_UNIT, SLACK, bound, weigh
from interpreter.language.limits import Limits
from interpreter.language.outcome import Grid, Outcome
from interpreter.language.program import Program
from interpreter.language.slots import FIRST_LINE_SLOT, INPUT_SLOT, MAX_LINES
from interpreter.primitives.raster import raster_of
from interpreter.values.meter import METER

_SIZE = Unsure.SIZE  # looking it up in the class would take as long as a line
_BLANK = [UNDEFINED] * (1 + MAX_LINES)

_Made = list[tuple[Any, list[Any], Result | Failure]]  # calls with functions: callee, arguments, what came of it


def run(program: Program, grid: Grid, limits: Limits = DEFAULT_LIMITS) -> Outcome:
    """Run a program on an input grid.

    Args:
        program: from `interpreter.parse`.
        grid: the value of `I`, a tuple of equally long tuples of integers.
        limits: the budgets, and the dialect.
    """
    machine, plan = _machine_for(limits), program.plan
    slots, end = machine.slots, INPUT_SLOT + 1 + len(plan.steps)
    with machine.metered:
        try:
            last, failure, work = _execute(plan.steps, grid, machine)
            value = slots[last]
        finally:
            slots[INPUT_SLOT:end] = _BLANK[: end - INPUT_SLOT]
    if failure is not None:
        return failure.outcome(last - INPUT_SLOT + 1, work)
    unsure = plan.unsure
    if unsure is _SIZE and not _has_colors_only(grid):
        unsure = Unsure.BOOLEANS
    return finish(value, work, limits.mode, unsure)


def execute(program: Program, grid: Grid, machine: Machine) -> tuple[list[Any], Failure | None, int]:
    """Run the lines of a program in order until one fails.

    Returns:
        The values of the completed lines, of which some may be unbuilt, the failure of the next one if any, and the
        work of the completed lines.
    """
    slots, end = machine.slots, FIRST_LINE_SLOT + len(program.lines)
    with machine.metered:
        try:
            last, failure, work = _execute(program.plan.steps, grid, machine)
            return slots[FIRST_LINE_SLOT : last + 1], failure, work
        finally:
            slots[INPUT_SLOT:end] = _BLANK[: end - INPUT_SLOT]


def _execute(steps: Sequence[Step], grid: Grid, machine: Machine) -> tuple[int, Failure | None, int]:
    """Run lines until one fails; return the slot of the last completed one, the failure, and the work."""
    slots, weights, factors = machine.slots, machine.slot_weights, machine.slot_factors
    slots[INPUT_SLOT], weights[INPUT_SLOT] = grid, 1 + len(grid) * (1 + len(grid[0])) if grid else 1
    budget, max_work, max_items = machine.work_per_line, machine.work_per_program, machine.max_items
    looks_at_all = machine.drops_long_values
    made: _Made = []
    work, target = 0, INPUT_SLOT
    try:
        for recurs, callee, arity, first, last, arguments in steps:
            if recurs or looks_at_all:
                result = _call_once(machine, made, callee, arguments)
                if isinstance(result, Failure):
                    return target, result, work
                value, taken, weight = result
            else:  # what `Machine.call` does, here at once: it would take as long as many a primitive
                METER.left = budget
                if arity == 1:
                    value, weight = slots[callee](slots[first]), weights[first]
                elif arity == 2:
                    value, weight = slots[callee](slots[first], slots[last]), weights[first] + weights[last]
                else:
                    value = slots[callee](*[slots[k] for k in arguments])
                    weight = sum([weights[k] for k in arguments])
                taken = 1 + budget - METER.left
                kind = type(value)
                if kind is tuple or kind is frozenset:
                    factor = factors[callee]
                    if factor:
                        weight = factor * (1 + weight) + NODES_A_UNIT * taken + SLACK
                    else:
                        called = callee, *arguments
                        given = [slots[k] for k in arguments]
                        weight = bound(slots[callee], given, [weights[k] for k in called], taken)
                    if weight > max_items:
                        weight = weigh(value, max_items)
                elif kind is int or kind is bool:
                    weight = 1
                else:
                    weight = machine.weight_of_one(value, slots[callee], weights[callee] + weight)
            work += taken
            if work > max_work:
                return target, PROGRAM_WORK_EXCEEDED, work - taken
            target += 1
            slots[target], weights[target] = value, weight
    except Exception as error:
        return target, failure_of(error), work
    return target, None, work


def _call_once(machine: Machine, made: _Made, callee: int, arguments: tuple[int, ...]) -> Result | Failure:
    """Call the value in one slot with those in others, unless the program made the same call before."""
    function, values = machine.slots[callee], [machine.slots[k] for k in arguments]
    for known_function, known_values, result in made:
        if known_function is function and known_values == values:
            return result
    weights = machine.slot_weights
    result = machine.call(function, values, [weights[callee], *[weights[k] for k in arguments]])
    made.append((function, values, result))
    return result


class _Latest:
    machine = Machine(DEFAULT_LIMITS)


def _machine_for(limits: Limits) -> Machine:
    machine = _Latest.machine
    if machine.limits is not limits:  # hashing them would take as long as a line
        machine = _Latest.machine = _machine(limits)
    return machine


@lru_cache(maxsize=16)
def _machine(limits: Limits) -> Machine:
    return Machine(limits)


def _has_colors_only(grid: Grid) -> bool:
    raster = raster_of(grid)
    return raster is not None and raster.counts is not None
