"""Contract, exact and twin tests of the interpreter benchmark: the samples that ship, the counts of calls, the rows."""

import json

import pytest

import interpreter
from codeit_jax.arc import load_tasks
from codeit_jax.bench import interpreter as bench
from codeit_jax.bench import interpreter_pool
from codeit_jax.bench.interpreter_calls import CallCounts, count_calls
from codeit_jax.bench.interpreter_cold import cold_seconds
from codeit_jax.bench.interpreter_work import (
    LIMITS,
    NUM_SAMPLED_TASKS,
    SAMPLES_A_TASK,
    SAMPLES_FILE,
    Workload,
    num_executions,
    sample_workloads,
    task_mutant_workloads,
)
from codeit_jax.cli import main
from codeit_jax.programs import load_programs
from interpreter import Limits, Status, parse
from interpreter.execution import batch_run as batch

GRID = ((1, 2), (3, 4))
TURNED = parse("x1 = hmirror(I)\nO = vmirror(x1)")
TWICE = parse("x1 = hmirror(I)\nO = hmirror(x1)")
FAILING = parse("x1 = hmirror(I)\nx2 = increment(x1)\nO = vmirror(x1)")


def test_the_samples_are_a_whole_set_for_tasks_that_exist():
    content = json.loads(SAMPLES_FILE.read_text(encoding="utf-8"))
    tasks = load_tasks(content["tasks"])
    assert len(content["programs"]) == NUM_SAMPLED_TASKS
    assert {len(texts) for texts in content["programs"].values()} == {SAMPLES_A_TASK}
    workloads = sample_workloads()
    assert [w.grids for w in workloads] == [list(tasks[id].demonstration_inputs) for id in content["programs"]]
    assert sum(len(w.programs) for w in workloads) >= 0.98 * NUM_SAMPLED_TASKS * SAMPLES_A_TASK


def test_no_budget_stops_a_sample_since_the_plain_peer_has_none():
    outcomes = [
        o for w in sample_workloads() for row in interpreter.run_batch(w.programs, w.grids, LIMITS) for o in row
    ]
    assert {outcome.status for outcome in outcomes} == {Status.OK, Status.ERROR, Status.INVALID}


def test_mutants_of_a_task_are_as_many_as_its_samples():
    workloads = task_mutant_workloads()
    assert len(workloads) == NUM_SAMPLED_TASKS
    assert {len(workload.programs) for workload in workloads} == {SAMPLES_A_TASK}


@pytest.mark.parametrize(
    ("programs", "grids", "lines", "made", "alone"),
    [
        ([TURNED], [GRID], 2, 2, 2),
        ([TURNED, TWICE, TURNED], [GRID], 6, 3, 6),
        ([TURNED, TWICE], [GRID, GRID[::-1]], 8, 6, 8),  # nothing is shared by two grids
        ([TURNED, FAILING, FAILING], [GRID], 6, 3, 6),  # a failure ends the program, and is kept
        ([TWICE, TWICE], [((1,),)], 4, 1, 2),  # equal values have equal calls
    ],
)
def test_counts_are_exact(programs, grids, lines, made, alone):
    counts = count_calls([Workload(programs, grids)])
    assert (counts.lines, len(counts.made), len(counts.alone)) == (lines, made, alone)
    assert counts.served == 1 - made / lines


def test_counts_stop_where_a_programs_budget_does():
    assert interpreter.run(TURNED, GRID, Limits(work_per_program=1)).message == "work limit of the program at line 1"
    counts = count_calls([Workload([TURNED], [GRID])], Limits(work_per_program=1))
    assert (counts.lines, len(counts.made)) == (1, 1)


def test_counts_are_those_of_the_interpreter(monkeypatch):
    made = []

    class CountingMachine(batch.Machine):
        def call(self, *arguments):
            made.append(arguments)
            return super().call(*arguments)

    monkeypatch.setattr(batch, "Machine", CountingMachine)
    for workload in [*sample_workloads()[:6], *task_mutant_workloads()[:2]]:
        made.clear()
        rows = interpreter.run_batch(workload.programs, workload.grids, LIMITS)
        counts = count_calls([workload])
        assert counts.lines == sum(map(lines_run, workload.programs, rows))
        assert len(counts.made) == len(made)


def lines_run(program, outcomes):
    """How many lines of a program were run in all, by what its outcomes say."""
    whole = [outcome for outcome in outcomes if outcome.status in (Status.OK, Status.INVALID)]
    stopped = [int(outcome.message.rpartition(" ")[2]) for outcome in outcomes if outcome not in whole]
    return len(program) * len(whole) + sum(stopped)


def test_the_dearest_calls_are_the_upper_end():
    counts = CallCounts(lines=400, made=[1.0] * 198 + [2.0, 400.0], alone=[])
    assert counts.served == 0.5
    assert counts.time_of_dearest(0.001) == 400 / 600
    assert counts.time_of_dearest(0.01) == 402 / 600
    assert counts.time_of_dearest(1) == 1


def test_the_ways_to_run_take_turns():
    order = []
    ways = {name: lambda programs, grids, name=name: order.append((name, len(programs))) for name in "ab"}
    seconds = bench.seconds_taken(ways, [Workload([TURNED], [GRID]), Workload([TURNED, TWICE], [GRID])], turns=3)
    assert order == [("a", 1), ("a", 2), ("b", 1), ("b", 2)] * 3
    assert seconds.keys() == ways.keys()


@pytest.mark.parametrize("count", [1, 3])
def test_a_turn_goes_through_all_workloads(count, monkeypatch):
    order = []
    monkeypatch.setattr(bench, "run_unshared", lambda programs, grids: order.append(("ours", len(grids))))
    monkeypatch.setattr(bench, "run_plainly", lambda programs, grids: order.append(("plain", len(grids))))
    rows = bench.seconds_a_run([Workload([TURNED], [GRID] * (k + 1)) for k in range(count)], turns=2)
    assert order == [(name, k + 1) for k in range(count) for name in ("ours", "plain")] * 2
    assert [row.keys() for row in rows] == [{"ours", "plain"}] * count


def test_a_cold_run_is_of_a_new_program_on_a_new_grid():
    seeds, tasks = load_programs("builtin")[:4], load_tasks("arc1/training")
    seen = []
    ways = {name: lambda program, grid: seen.append((program, grid)) for name in "ab"}
    seconds = cold_seconds(seeds, tasks, ways, turns=2)
    number = sum(len(tasks[seed.task_id].demonstrations) + len(tasks[seed.task_id].tests) for seed in seeds)
    assert len(seen) == 3 * 2 * number  # a first turn isn't timed
    assert len({id(program) for program, _ in seen}) == len({id(grid) for _, grid in seen}) == len(seen)
    assert {name: len(row) for name, row in seconds.items()} == {"a": 4, "b": 4}


def test_geometric_means_are_per_way():
    assert bench.geometric_means([{"a": 1.0, "b": 2.0}, {"a": 4.0, "b": 8.0}]) == pytest.approx({"a": 2, "b": 4})


def test_the_report_has_every_row(monkeypatch, capsys):
    mirrors = [f"x{k} = vmirror(x{k - 1})" for k in range(2, 10)]  # back and forth: two calls
    ten_lines = parse("\n".join(["x1 = hmirror(I)", *mirrors, "O = dmirror(x9)"]))
    small = Workload([TURNED, TWICE, ten_lines], [GRID, ((5, 6, 7),)])
    monkeypatch.setattr(bench, "mutant_workload", lambda: small)
    monkeypatch.setattr(bench, "sample_workloads", lambda: [small, Workload([TWICE], [GRID])])
    monkeypatch.setattr(bench, "task_mutant_workloads", lambda: [small])
    monkeypatch.setattr(bench, "seed_workloads", lambda: [Workload([ten_lines], [GRID])] * 4)
    monkeypatch.setattr(bench, "load_programs", lambda source: load_programs(source)[:3])
    monkeypatch.setattr(interpreter_pool, "JOBS", 5)
    monkeypatch.setattr(interpreter_pool, "SCORED_TASKS", 1)
    assert main(["bench", "interpreter", "--json", "--repeats", "1"]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    both = [f"{row}: {figure}" for row in ("I2 mutants", "I4 samples") for figure in FIGURES]
    quarters = [f"I1 quarter {number} by plain time, geometric mean" for number in (1, 2, 3, 4)]
    assert report["ours"].keys() == {*COLD, *ROWS, *quarters, *both}
    assert tuple(report["ours"])[:2] == COLD
    assert report["units"].keys() == set(both)
    assert report["peers"]["plain"].keys() == {*COLD, *ROWS[:4], *ROWS[-2:], *quarters}
    assert report["peers"]["unshared"].keys() == set(ROWS[2:5])
    assert report["ours"]["I4 samples: lines served from the table"] == pytest.approx(100 * (1 - 11 / 30))
    assert report["notes"]["I4 samples, calls"].startswith(f"{num_executions([small]) + 1} runs, 30 lines; 11 calls")


COLD = ("cold single runs, geometric mean", "cold single runs, total")
ROWS = (
    *("I1 seed programs, geometric mean", "I1 seed programs, total", "I2 mutants", "I4 samples"),
    *("I4 mutants of a task's program", "I6 parse 10 lines", "worker start-up", "I3 mutants, pool"),
    *("I5 mutants' scores, 19,200 x 400", "I7 pool overhead a job"),
    *("I1 all others run in between, geometric mean", "I2 mutants, no garbage collector"),
)
FIGURES = (
    *("lines served from the table", "time of the dearest 1 % of calls", "time of the dearest 0.1 % of calls"),
    *("runs a second of one core", "runs a second through the pool"),
)
