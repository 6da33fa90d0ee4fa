"""Running one program on one grid, by itself.

Within a program, a call that is repeated with equal arguments denotes the same value: closures compare by identity,
and this makes them equal whether or not calls are shared between programs.
"""

from functools import lru_cache
from typing import Any

from interpreter.growth import NODES_A_UNIT, SLACK, weigh
from interpreter.limits import Limits
from interpreter.machine import DEFAULT_LIMITS, PROGRAM_WORK_EXCEEDED, UNDEFINED, Failure, Machine, Result, failure_of
from interpreter.outcome import Grid, Outcome
from interpreter.output import Unsure, finish
from interpreter.primitives.raster import raster_of
from interpreter.program import Program
from interpreter.slots import FIRST_LINE_SLOT, INPUT_SLOT, MAX_LINES
from interpreter.work import METER

_BLANK = [UNDEFINED] * (1 + MAX_LINES)

_Made = list[tuple[Any, list[Any], Result | Failure]]  # calls with functions: callee, arguments, what came of it


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
    unsure = program.plan.unsure
    if unsure is Unsure.SIZE and not _has_colors_only(grid):
        unsure = Unsure.BOOLEANS
    return finish(values[-1], work, limits.mode, unsure)


def execute(program: Program, grid: Grid, machine: Machine) -> tuple[list[Any], Failure | None, int]:
    """Run the lines of a program in order until one fails.

    Returns:
        The values of the completed lines, of which some may be unbuilt, the failure of the next one if any, and the
        work of the completed lines.
    """
    slots, num_slots = machine.slots, 1 + len(program.lines)
    with machine.metered():
        try:
            return _execute(program, grid, machine)
        finally:
            slots[INPUT_SLOT : INPUT_SLOT + num_slots] = _BLANK[:num_slots]


def _execute(program: Program, grid: Grid, machine: Machine) -> tuple[list[Any], Failure | None, int]:
    slots, weights, factors = machine.slots, machine.slot_weights, machine.simple_factors
    slots[INPUT_SLOT], weights[INPUT_SLOT] = grid, 1 + len(grid) * (1 + len(grid[0])) if grid else 1
    limits, budget = machine.limits, machine.limits.work_per_line
    made: _Made = []
    work, target = 0, INPUT_SLOT
    try:
        for known_by, callee, arity, first, last, arguments in program.plan.steps:
            target += 1
            factor = factors[known_by]
            # What `Machine.call` does, here at once: it would take as long as many a primitive.
            if factor:
                METER.left = budget
                if arity == 1:
                    value, weight = slots[callee](slots[first]), weights[first]
                elif arity == 2:
                    value, weight = slots[callee](slots[first], slots[last]), weights[first] + weights[last]
                else:
                    value = slots[callee](*[slots[k] for k in arguments])
                    weight = sum([weights[k] for k in arguments])
                taken: int = 1 + budget - METER.left
                kind = type(value)
                if kind is tuple or kind is frozenset:
                    weight = factor * (1 + weight) + NODES_A_UNIT * taken + SLACK
                    if weight > limits.max_items:
                        weight = weigh(value, limits.max_items)
                else:
                    weight = 1
            else:
                result = _call_once(machine, made, callee, arguments)
                if isinstance(result, Failure):
                    return slots[FIRST_LINE_SLOT:target], result, work
                value, taken, weight = result
            slots[target], weights[target] = value, weight
            if work + taken > limits.work_per_program:
                return slots[FIRST_LINE_SLOT:target], PROGRAM_WORK_EXCEEDED, work
            work += taken
    except Exception as error:
        return slots[FIRST_LINE_SLOT:target], failure_of(error), work
    return slots[FIRST_LINE_SLOT : target + 1], None, work


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


@lru_cache(maxsize=16)
def _machine(limits: Limits) -> Machine:
    return Machine(limits)


def _has_colors_only(grid: Grid) -> bool:
    raster = raster_of(grid)
    return raster is not None and raster.counts is not None
