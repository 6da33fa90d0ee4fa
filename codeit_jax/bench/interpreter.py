"""Times of the interpreter: beside the plain DSL, with and without sharing, in this process and through the pool.

Times are of the processor, and of the wall where a pool works. What a budget stops is in no row with the plain peer,
which has no budgets.
"""

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import itemgetter

import interpreter
from codeit_jax.arc import load_tasks
from codeit_jax.bench import interpreter_pool
from codeit_jax.bench.comparison import OURS, BenchReport, interleave
from codeit_jax.bench.interpreter_calls import count_calls
from codeit_jax.bench.interpreter_cold import geometric_mean, time_cold
from codeit_jax.bench.interpreter_work import (
    LIMITS,
    NUM_SAMPLED_TASKS,
    SAMPLES_A_TASK,
    Workload,
    mutant_workload,
    num_executions,
    sample_workloads,
    seed_workloads,
    task_mutant_workloads,
)
from codeit_jax.bench.plain import evaluate
from codeit_jax.programs import load_programs
from interpreter import Grid, Program

PLAIN, UNSHARED, ALLOWED = "plain", "unshared", "allowed"
_PARSED_LINES = 10

_Way = Callable[[Sequence[Program], Sequence[Grid]], None]


def run(arguments: argparse.Namespace) -> BenchReport:
    """Time everything."""
    turns = arguments.repeats
    report = BenchReport(bench="interpreter", work={"turns": turns})
    time_cold(report, load_programs(arguments.programs), load_tasks(arguments.tasks), turns)
    _time_seeds(report, turns)  # early, since each of its many timings walks all objects there are
    mutants, samples = mutant_workload(), sample_workloads()
    _time_mutants(report, mutants, turns)
    _time_samples(report, samples, turns)
    _time_parsing(report, turns)
    interpreter_pool.time_pool(report, mutants, samples, turns)
    return report


def run_shared(programs: Sequence[Program], grids: Sequence[Grid]) -> None:
    """Run all programs as one batch."""
    interpreter.run_batch(programs, grids, LIMITS)


def run_plainly(programs: Sequence[Program], grids: Sequence[Grid]) -> None:
    """Evaluate every program on every grid with the plain DSL."""
    for program in programs:
        for grid in grids:
            try:
                evaluate(program, grid)
            except Exception:
                continue  # whatever the functions raise is the program's failure


def run_unshared(programs: Sequence[Program], grids: Sequence[Grid]) -> None:
    """Run every program on every grid by itself."""
    for program in programs:
        for grid in grids:
            interpreter.run(program, grid, LIMITS)


def seconds_taken(
    ways: Mapping[str, _Way], workloads: Sequence[Workload], turns: int, collecting: bool = True
) -> dict[str, float]:
    """Return how long each way to run programs takes for some workloads."""
    contenders = {name: partial(_run_each, way, workloads) for name, way in ways.items()}
    # No warm-up: most take seconds, and the least of the turns counts.
    times = interleave(contenders, turns, warm_up=False, collecting=collecting)
    return {name: taken.cpu for name, taken in times.items()}


def _run_each(way: _Way, workloads: Sequence[Workload]) -> None:
    for workload in workloads:
        way(workload.programs, workload.grids)


def _time_seeds(report: BenchReport, turns: int) -> None:
    """I1: one program on one input."""
    workloads = seed_workloads()
    rows = [row for workload in workloads for row in seconds_a_run([workload], turns)]
    rows.sort(key=itemgetter(PLAIN))  # not by ours, which would choose by itself what is left out
    kept = rows[: math.floor(0.95 * len(rows))]
    report.work["seed programs"] = len(rows)
    report.figures["I1 seed programs, geometric mean"] = geometric_means(rows)
    report.figures["I1 seed programs, total"] = {name: sum(row[name] for row in kept) for name in (OURS, PLAIN)}
    report.goals["I1 seed programs, geometric mean", PLAIN] = (1.5, 2.5)
    report.goals["I1 seed programs, total", PLAIN] = (3, 8)
    for quarter in range(4):
        part = rows[quarter * len(rows) // 4 : (quarter + 1) * len(rows) // 4]
        report.figures[f"I1 quarter {quarter + 1} by plain time, geometric mean"] = geometric_means(part)
    mixed = seconds_a_run(workloads, turns)
    report.figures["I1 all others run in between, geometric mean"] = geometric_means(mixed)
    report.notes["I1"] = (
        "mean time a run of each program; a ratio of geometric means is the geometric mean of the programs' ratios; "
        "the total leaves out the slowest 5 % by the plain time; a program's turns follow one another, so that from "
        "the second on ours has what it keeps of the grids, unless all other programs are run in between"
    )


def seconds_a_run(workloads: Sequence[Workload], turns: int) -> list[dict[str, float]]:
    """Return ours and the plain time of a run of each workload; each turn goes through all of them."""
    ways: dict[str, _Way] = {OURS: run_unshared, PLAIN: run_plainly}
    contenders = {
        (number, name): partial(way, workload.programs, workload.grids)
        for number, workload in enumerate(workloads)
        for name, way in ways.items()
    }
    times = interleave(contenders, turns, warm_up=False)
    return [
        {name: times[number, name].cpu / workload.num_executions for name in ways}
        for number, workload in enumerate(workloads)
    ]


def geometric_means(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the geometric mean over all rows for each way to run programs."""
    return {name: geometric_mean([row[name] for row in rows]) for name in rows[0]}


def _time_mutants(report: BenchReport, mutants: Workload, turns: int) -> None:
    """I2: mutants on foreign inputs, in one batch."""
    # With the collector on, as programs are run; a second row shows what it takes.
    ways: dict[str, _Way] = {OURS: run_shared, PLAIN: run_plainly, UNSHARED: run_unshared}
    report.work["I2"] = f"{len(mutants.programs)} mutants x {len(mutants.grids)} inputs"
    report.figures["I2 mutants"] = seconds_taken(ways, [mutants], turns)
    report.goals["I2 mutants", PLAIN] = (5, 12)
    report.figures["I2 mutants, no garbage collector"] = seconds_taken(
        {OURS: run_shared, PLAIN: run_plainly}, [mutants], turns, collecting=False
    )
    report.notes["I2 mutants, no garbage collector"] = (
        "Python's collector walks the plain functions' values again and again; ours stops it while programs run"
    )
    _describe(report, "I2 mutants", [mutants])


def _time_samples(report: BenchReport, samples: Sequence[Workload], turns: int) -> None:
    """I4: what a policy sampled for a task, on its demonstrations; and mutants instead, which have more in common."""
    ways: dict[str, _Way] = {OURS: run_shared, UNSHARED: run_unshared}
    report.figures["I4 samples"] = seconds_taken(ways | {PLAIN: run_plainly}, samples, turns)
    # Without the plain functions, since a budget may stop some of these: nothing sifts them.
    report.figures["I4 mutants of a task's program"] = seconds_taken(ways, task_mutant_workloads(), turns)
    report.goals["I4 samples", UNSHARED] = (2, 4)
    num_programs = sum(len(workload.programs) for workload in samples)
    report.work["I4"] = f"{num_programs} programs among {SAMPLES_A_TASK} samples x {NUM_SAMPLED_TASKS} tasks"
    _describe(report, "I4 samples", samples)


def _describe(report: BenchReport, row: str, workloads: Sequence[Workload]) -> None:
    """Add what the calls of a row are, and how many runs a second it makes."""
    counts = count_calls(workloads)
    report.add(f"{row}: lines served from the table", 100 * counts.served, "%")
    for percent in (1, 0.1):
        dearest = 100 * counts.time_of_dearest(percent / 100)
        report.add(f"{row}: time of the dearest {percent} % of calls", dearest, "%")
    runs = num_executions(workloads)
    report.add(f"{row}: runs a second of one core", runs / report.figures[row][OURS] / 1000, "thousand")
    report.notes[f"{row}, calls"] = f"{runs:,} runs, {counts}"


def _time_parsing(report: BenchReport, turns: int) -> None:
    """I6: text to program, checked."""
    texts = [str(p) for w in seed_workloads() for p in w.programs if len(p) == _PARSED_LINES]
    # Again and again, since nothing is kept of a text that was parsed.
    times = interleave({OURS: lambda: [interpreter.parse(text) for text in texts * 20]}, turns)
    report.figures["I6 parse 10 lines"] = {OURS: times[OURS].cpu / len(texts) / 20, ALLOWED: 60e-6}
    report.goals["I6 parse 10 lines", ALLOWED] = (1, 60 / 25)
