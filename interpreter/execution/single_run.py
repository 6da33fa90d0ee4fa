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
from interpreter.execution.output import finish
from interpreter.execution.size_bounds import LIGHT, NO_BOUND, NODES_A_UNIT, SLACK, charged_weight, tree_size
from interpreter.language.grids import plain_grid
from interpreter.language.limits import Limits
from interpreter.language.outcome import Grid, Outcome
from interpreter.language.program import Program
from interpreter.language.slots import FIRST_LINE_SLOT, FIXED_SLOTS, INPUT_SLOT, MAX_LINES, Instruction
from interpreter.primitives import LAZY_VARIANTS, TAKE_LAZY
from interpreter.values.meter import METER

_MAY_STAY_LAZY = frozenset(FIXED_SLOTS[name] for name in LAZY_VARIANTS)
_TAKE_LAZY = {FIXED_SLOTS[name]: argument for name, argument in TAKE_LAZY.items()}

_UNDEFINED_VALUES = [UNDEFINED] * (1 + MAX_LINES)

_Calls = list[tuple[Any, list[Any], Result | Failure]]  # callee, arguments, what came of it


def run(program: Program, grid: Grid, limits: Limits = DEFAULT_LIMITS) -> Outcome:
    """Run a program on an input grid.

    Args:
        program: from `interpreter.parse`.
        grid: the value of `I`, see `plain_grid`.
        limits: the budgets, and the dialect.

    Raises:
        ValueError: it is no grid.
    """
    grid = plain_grid(grid)
    machine = _latest_machine(limits)
    values = machine.values
    try:
        slot, failure, work = _run_lines(program.lines, grid, machine)
        if failure is not None:
            return failure.outcome(slot - FIRST_LINE_SLOT + 1, work)
        return finish(values[slot], work, limits.mode)
    finally:
        values[INPUT_SLOT:] = _UNDEFINED_VALUES  # frees them, and a line that names itself must find nothing


def execute(program: Program, grid: Grid, machine: Machine) -> tuple[list[Any], Failure | None, int]:
    """Run the lines of a program in order until one fails.

    Returns:
        The values of the completed lines, of which some may be lazy, the failure of the next one if any, and the work
        of the completed lines.
    """
    values = machine.values
    try:
        slot, failure, work = _run_lines(program.lines, grid, machine)
        return values[FIRST_LINE_SLOT : slot + (failure is None)], failure, work
    finally:
        values[INPUT_SLOT:] = _UNDEFINED_VALUES


def _run_lines(lines: Sequence[Instruction], grid: Grid, machine: Machine) -> tuple[int, Failure | None, int]:
    """Run lines on the machine's own row of values: to copy it would touch each of its 200 objects.

    Returns:
        The slot of the last line, or of the one that fails; why it fails; the work of the completed lines.
    """
    values, weights, factors, limits = machine.values, machine.weights, machine.factors, machine.limits
    values[INPUT_SLOT], weights[INPUT_SLOT] = grid, 1 + len(grid) * (1 + len(grid[0])) if grid else 1
    budget, max_work, max_items = limits.work_per_line, limits.work_per_program, limits.max_items
    light = min(LIGHT, max_items)
    # Linear search suffices: a program makes few closures, and most comparisons end at the callee.
    calls: _Calls = []
    work, target = 0, FIRST_LINE_SLOT
    try:
        with machine.metered:
            for target, callee, arguments in lines:
                factor = factors[callee]
                if factor:
                    # What `Machine.call` does, without its frame and lists: these take as long as a small primitive.
                    METER.left = budget
                    if len(arguments) == 1:
                        (k,) = arguments
                        value, given = values[callee](values[k]), weights[k]
                    elif len(arguments) == 2:
                        j, k = arguments
                        value, given = values[callee](values[j], values[k]), weights[j] + weights[k]
                    else:
                        value = values[callee](*[values[k] for k in arguments])
                        given = sum([weights[k] for k in arguments])
                    taken = 1 + budget - METER.left
                    kind = type(value)
                    if kind is tuple or kind is frozenset:
                        weight = factor * (1 + given) + NODES_A_UNIT * taken + SLACK
                        if weight > light:
                            weight = charged_weight(tree_size(value, max_items))
                            taken = 1 + budget - METER.left
                    else:
                        weight = 1 if kind is int or kind is bool else NO_BOUND
                else:
                    result = _call(machine, lines, lines[target - FIRST_LINE_SLOT], calls)
                    if isinstance(result, Failure):
                        return target, result, work
                    value, taken, weight = result
                # The line that goes over the budget is not counted: `work` is that of the completed ones.
                if work + taken > max_work:
                    return target, PROGRAM_WORK_EXCEEDED, work
                work += taken
                values[target], weights[target] = value, weight
    except Exception as error:
        return target, failure_of(error), work
    return target, None, work


def _call(machine: Machine, lines: Sequence[Instruction], line: Instruction, calls: _Calls) -> Result | Failure:
    """Make the call of a line that may make or call closures, unless the program made the same one before."""
    values, weights = machine.values, machine.weights
    function, arguments = values[line.callee], [values[k] for k in line.arguments]
    if line.callee in _MAY_STAY_LAZY and _stays_lazy(line.target, lines):
        function = machine.lazy_variants[function]
    for known_function, known_arguments, result in calls:
        # True equals 1 here as it does in a call table: both must make the same calls.
        if known_function is function and known_arguments == arguments:
            return result
    result = machine.call(function, arguments, [weights[line.callee], *[weights[k] for k in line.arguments]])
    calls.append((function, arguments, result))
    return result


def _stays_lazy(slot: int, lines: Sequence[Instruction]) -> bool:
    """Return whether all that is done with a line's value can be done with a lazy one."""
    if slot == lines[-1].target:
        return False
    for _, callee, arguments in lines:
        if callee == slot:
            return False
        if slot in arguments and [k for k, a in enumerate(arguments) if a == slot] != [_TAKE_LAZY.get(callee)]:
            return False
    return True


# A loop runs all programs under the same limits.
class _Latest:
    machine = Machine(DEFAULT_LIMITS)


def _latest_machine(limits: Limits) -> Machine:
    machine = _Latest.machine
    if machine.limits is not limits:  # hashing them would take as long as a line
        machine = _Latest.machine = machine_for(limits)
    return machine


@lru_cache(maxsize=16)
def machine_for(limits: Limits) -> Machine:
    """Return the machine of this process for some limits."""
    return Machine(limits)
