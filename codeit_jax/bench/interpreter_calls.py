"""Which calls programs need: how many the table saves, and how the time is spread over those that are left.

Counted in a pass of its own, so that no timed row is slowed. Times are of the processor; reading its clock adds some
tenths of a microsecond to each call.
"""

import heapq
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from codeit_jax.bench.interpreter_work import LIMITS, Workload
from interpreter import Grid, Program
from interpreter.execution.batch_run import TABLE_NODES
from interpreter.execution.call_table import CallTable
from interpreter.execution.machine import Failure, Machine, Result
from interpreter.language.limits import Limits


@dataclass(frozen=True)
class CallCounts:
    """The calls of some programs on some grids.

    Attributes:
        lines: lines that are run, each program by itself: all that is asked for.
        made: seconds of each call that is made where programs share a table; the other lines are served from it.
        alone: seconds of each call that is made where every program has a table of its own.
    """

    lines: int
    made: list[float]
    alone: list[float]

    @property
    def served(self) -> float:
        """Share of the lines that need no call."""
        return 1 - len(self.made) / self.lines

    def time_of_dearest(self, share: float) -> float:
        """Return which share of the time the dearest calls take, given their share of the calls that are made."""
        return sum(heapq.nlargest(math.ceil(share * len(self.made)), self.made)) / sum(self.made)

    def __str__(self) -> str:
        return (
            f"{self.lines:,} lines; {len(self.made):,} calls are made, which take {sum(self.made):.3f} s of the "
            f"processor; without sharing {len(self.alone):,}, which take {sum(self.alone):.3f} s"
        )


def count_calls(workloads: Iterable[Workload], limits: Limits = LIMITS) -> CallCounts:
    """Run every program on its grids twice: with one table for all, and with its own."""
    # Tables make all calls through `Machine.call`; `interpreter.run` makes most of them without it.
    shared, alone = _TimedMachine(limits), _TimedMachine(limits)
    lines = 0
    for workload in workloads:
        for grid in workload.grids:
            lines += _run_sharing(workload.programs, grid, shared)
            for program in workload.programs:
                _run_sharing([program], grid, alone)
    return CallCounts(lines, shared.seconds, alone.seconds)


class _TimedMachine(Machine):
    """A machine that notes how long each call takes."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self.seconds: list[float] = []

    def call(self, function: Any, arguments: Sequence[Any], weights: Sequence[int]) -> Result | Failure:
        """Make a call."""
        start = time.process_time()
        result = super().call(function, arguments, weights)
        self.seconds.append(time.process_time() - start)
        return result


def _run_sharing(programs: Iterable[Program], grid: Grid, machine: Machine) -> int:
    """Make the calls that `interpreter.run_batch` makes; return how many lines ask for them."""
    table = CallTable(grid, machine, TABLE_NODES)
    lines = 0
    with machine.metered:
        for program in programs:
            if table.full:  # asked before ids are taken, which emptying makes void
                table.clear()
            ids, work = table.fixed_ids(), 0
            for _, callee, arguments in program.lines:
                entry = table.look_up((ids[callee], *[ids[argument] for argument in arguments]))
                lines += 1
                if isinstance(entry, Failure):
                    break  # what follows is never asked for
                ids.append(entry[0])  # the fixed ids fill the slots before the lines, so that this is the line's slot
                work += entry[1]
                if work > machine.limits.work_per_program:
                    break
    return lines
