"""Times of programs that were never run, on grids that nothing has seen: what a policy's sample costs once."""

import gc
import math
import time
from collections.abc import Callable, Sequence

import interpreter
from codeit_jax.arc import TaskSet
from codeit_jax.bench.comparison import OURS, BenchReport
from codeit_jax.bench.interpreter_work import LIMITS
from codeit_jax.bench.plain import evaluate
from codeit_jax.programs import SeedProgram
from interpreter import Grid, Program

PLAIN = "plain"

_Pairs = list[list[tuple[Program, Grid]]]  # for each seed program, what is run
_Ways = dict[str, Callable[[Program, Grid], object]]


def time_cold(report: BenchReport, seeds: Sequence[SeedProgram], tasks: TaskSet, turns: int) -> None:
    """Time each program on the inputs of its own task, each once, ours beside the plain functions.

    Args:
        report: gets two rows, the geometric mean and the total.
        seeds: the programs.
        tasks: their tasks; programs of other tasks are left out.
        turns: how often all is timed, from new programs and new grids.
    """
    known = [seed for seed in seeds if seed.task_id in tasks]
    rows = cold_seconds(known, tasks, {OURS: _run, PLAIN: _run_plainly}, turns)
    pairs = list(zip(rows[OURS], rows[PLAIN], strict=True))
    means = {OURS: geometric_mean(rows[OURS]), PLAIN: geometric_mean(rows[PLAIN])}
    report.figures["cold single runs, geometric mean"] = means
    report.figures["cold single runs, total"] = {OURS: sum(rows[OURS]), PLAIN: sum(rows[PLAIN])}
    report.goals["cold single runs, geometric mean", PLAIN] = (1.0, 1.5)
    report.goals["cold single runs, total", PLAIN] = (1.5, 3.0)
    faster = sum(ours < plain for ours, plain in pairs)
    report.work["cold programs"] = len(known)
    report.notes["cold"] = (
        f"mean time a run of each program, every run of a newly parsed program on a new copy of the grid, all programs "
        f"one after the other; ours is faster on {faster} of {len(pairs)}; what both sides keep of no program and no "
        f"grid, such as tables of indices, is there from a first pass that isn't timed"
    )


def cold_seconds(seeds: Sequence[SeedProgram], tasks: TaskSet, ways: _Ways, turns: int) -> dict[str, list[float]]:
    """Return for each way to run programs the least mean time a run of each program, over all turns."""
    best = {name: [math.inf] * len(seeds) for name in ways}
    for turn in range(turns + 1):
        for name, way in ways.items():
            taken = seconds_a_run(_new_pairs(seeds, tasks), way)
            if turn:  # the first pass only fills what is kept of no program and no grid
                best[name] = list(map(min, best[name], taken))
    return best


def seconds_a_run(pairs: _Pairs, way: Callable[[Program, Grid], object]) -> list[float]:
    """Return the mean time a run of each program, with Python's garbage collector off."""
    seconds = []
    gc.collect()
    gc.disable()
    try:
        for runs in pairs:
            start = time.process_time()
            for program, grid in runs:
                way(program, grid)
            seconds.append((time.process_time() - start) / len(runs))
    finally:
        gc.enable()
    return seconds


def _new_pairs(seeds: Sequence[SeedProgram], tasks: TaskSet) -> _Pairs:
    """Return each program with each input of its task, as objects that nothing has seen."""
    return [
        [
            # `tuple(row)` would be the same row again.
            (interpreter.parse(str(seed.program)), tuple([(*row,) for row in grid]))
            for grid in [*tasks[seed.task_id].demonstration_inputs, *tasks[seed.task_id].test_inputs]
        ]
        for seed in seeds
    ]


def _run(program: Program, grid: Grid) -> object:
    return interpreter.run(program, grid, LIMITS)


def _run_plainly(program: Program, grid: Grid) -> object:
    try:
        return evaluate(program, grid)
    except Exception:
        return None  # whatever the functions raise is the program's failure


def geometric_mean(seconds: Sequence[float]) -> float:
    """Return the geometric mean of positive numbers."""
    # The one mean whose ratios are the means of the ratios.
    return math.exp(sum(map(math.log, seconds)) / len(seconds))
