"""Times of the interpreter: beside the plain DSL, with and without sharing, in this process and through the pool.

Times are of the processor, and of the wall where a pool works. What a budget stops is in no row with the plain peer,
which has no budgets.
"""

import argparse
import math
from collections.abc import Iterable, Sequence

import interpreter
from codeit_jax.bench import interpreter_pool
from codeit_jax.bench.contest import OURS, BenchReport, take_turns
from codeit_jax.bench.interpreter_work import (
    LIMITS,
    NUM_SAMPLED_TASKS,
    SAMPLES_A_TASK,
    Workload,
    mutant_workload,
    sample_workloads,
    seed_workloads,
)
from codeit_jax.bench.plain import evaluate
from interpreter import Grid, Program

PLAIN, UNSHARED, ALLOWED = "plain", "unshared", "allowed"
_PARSED_LINES = 10


def run(arguments: argparse.Namespace) -> BenchReport:
    """Time everything."""
    report = BenchReport(bench="interpreter", work={"turns": arguments.repeats})
    _time_seeds(report, arguments.repeats)
    mutants = mutant_workload()
    _time_mutants(report, mutants)
    _time_samples(report, arguments.repeats)
    _time_parsing(report, arguments.repeats)
    interpreter_pool.time_pool(report, mutants, arguments.repeats)
    return report


def run_plainly(programs: Iterable[Program], grids: Sequence[Grid]) -> None:
    """Evaluate every program on every grid with the plain DSL."""
    for program in programs:
        for grid in grids:
            try:
                evaluate(program, grid)
            except Exception:
                continue  # whatever the functions raise is the program's failure


def run_unshared(programs: Iterable[Program], grids: Sequence[Grid]) -> None:
    """Run every program on every grid by itself."""
    for program in programs:
        for grid in grids:
            interpreter.run(program, grid, LIMITS)


def _time_seeds(report: BenchReport, turns: int) -> None:
    """I1: one program on one input."""
    ours, plain = [], []
    for workload in seed_workloads():
        times = take_turns(
            {
                OURS: lambda w=workload: run_unshared(w.programs, w.grids),
                PLAIN: lambda w=workload: run_plainly(w.programs, w.grids),
            },
            turns,
            warm_up=False,
        )
        ours.append(times[OURS].cpu / workload.num_executions)
        plain.append(times[PLAIN].cpu / workload.num_executions)
    kept = sorted(range(len(plain)), key=plain.__getitem__)[: math.floor(0.95 * len(plain))]
    means = {OURS: _geometric_mean(ours), PLAIN: _geometric_mean(plain)}
    totals = {OURS: sum(ours[k] for k in kept), PLAIN: sum(plain[k] for k in kept)}
    report.work["seed programs"] = len(ours)
    report.figures["I1 seed programs, geometric mean"] = means
    report.figures["I1 seed programs, total"] = totals
    report.goals["I1 seed programs, geometric mean", PLAIN] = (1.5, 2.5)
    report.goals["I1 seed programs, total", PLAIN] = (3, 8)
    report.notes["I1"] = "mean time a run of each program; the total leaves out the slowest 5 % by the plain time"


def _geometric_mean(values: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))


def _time_mutants(report: BenchReport, mutants: Workload) -> None:
    """I2: mutants on foreign inputs, in turns for each input."""
    totals = dict.fromkeys((OURS, PLAIN, UNSHARED), 0.0)
    for grid in mutants.grids:
        times = take_turns(
            {
                OURS: lambda g=grid: interpreter.run_batch(mutants.programs, [g], LIMITS),
                PLAIN: lambda g=grid: run_plainly(mutants.programs, [g]),
                UNSHARED: lambda g=grid: run_unshared(mutants.programs, [g]),
            },
            1,
            warm_up=False,
        )
        for name, taken in times.items():
            totals[name] += taken.cpu
    report.work["I2"] = f"{len(mutants.programs)} mutants x {len(mutants.grids)} inputs"
    report.figures["I2 mutants"] = totals
    report.goals["I2 mutants", PLAIN] = (5, 12)


def _time_samples(report: BenchReport, turns: int) -> None:
    """I4: the samples of a task on its demonstrations."""
    for kind in ("mutants", "random programs"):
        workloads = sample_workloads(kind)
        times = take_turns(
            {
                OURS: lambda ws=workloads: [interpreter.run_batch(w.programs, w.grids, LIMITS) for w in ws],
                UNSHARED: lambda ws=workloads: [run_unshared(w.programs, w.grids) for w in ws],
            },
            turns,
        )
        report.figures[f"I4 samples, {kind}"] = {name: taken.cpu for name, taken in times.items()}
        report.goals[f"I4 samples, {kind}", UNSHARED] = (2, 4)
    report.work["I4"] = f"{SAMPLES_A_TASK} programs x {NUM_SAMPLED_TASKS} tasks"


def _time_parsing(report: BenchReport, turns: int) -> None:
    """I6: text to program, checked."""
    texts = [str(p) for w in seed_workloads() for p in w.programs if len(p) == _PARSED_LINES]
    times = take_turns({OURS: lambda: [interpreter.parse(text) for text in texts * 20]}, turns)
    report.figures["I6 parse 10 lines"] = {OURS: times[OURS].cpu / len(texts) / 20, ALLOWED: 60e-6}
    report.goals["I6 parse 10 lines", ALLOWED] = (1, 60 / 25)
