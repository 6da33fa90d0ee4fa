"""The paper's tables 1, 2 and 4, each cell what the paper, others or these runs have; and what this report adds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from codeit_jax.evaluation import report_by_test
from codeit_jax.laboratory.arms import Arm
from codeit_jax.laboratory.published import OTHERS, TABLE_1, TABLE_1_COLUMNS, TABLE_2, TABLE_4
from codeit_jax.laboratory.run_record import solved_matrix
from codeit_jax.statistics import compare_all, mean_interval
from codeit_jax.statistics.paired_tests import Solved

NOT_RUN = "not run"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of text.

    Attributes:
        name: short, for links and keys, such as `table2`.
        title: what it shows.
        head: names of the columns.
        rows: as many cells each.
        notes: what has to be said with it, a sentence or more each.
    """

    name: str
    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: tuple[str, ...] = ()


def paper_tables(arms: Sequence[Arm]) -> list[Table]:
    """Return tables 1, 2 and 4, what others published, and every difference between the arms."""
    tables = [table_1(arms), table_2(arms), table_4(arms), others_table()]
    return [*tables, *differences_table(arms)]


def mean_text(solved: Solved) -> str:
    """Return a mean number of tasks with its interval and what it is of, e.g. `12.3 [9.0, 15.7] of 400, 3 seeds`."""
    mean, (low, high) = mean_interval(solved)
    return f"{mean:.4g} [{low:.4g}, {high:.4g}] of {solved.shape[1]}, {_seeds(len(solved))}"


def table_1(arms: Sequence[Arm]) -> Table:
    """Return the table of systems: tasks solved by pass@3."""
    rows: list[tuple[str, ...]] = []
    for name, (paper_row, published) in TABLE_1.items():
        ours = [arm for arm in arms if paper_row and arm.paper_row == paper_row]
        rows.append((name, "" if ours or not paper_row else NOT_RUN, *published, ""))
        for arm in ours:
            rows.append((f"{name}, ours", arm.label, *_table_1_cells(arm), arm.runs[0].tasks.snapshot))
    return Table(
        name="table1",
        title="Table 1: tasks solved by pass@3",
        head=("system", "arm", *TABLE_1_COLUMNS, "data"),
        rows=rows,
        notes=(
            "Rows without an arm are the CodeIt paper's, which also quotes the systems of others; * marks pass@1. "
            "Ours: mean [95 % interval over tasks and seeds]; on other tasks than ARC's 400 they say so, and can't be "
            "compared with the paper's. Seeds, mutants and the policy's programs are all candidates (row cumulative).",
            "The last column counts each test output as a task, by pass@1: 412 in the paper's data, 419 in today's.",
        ),
    )


def _table_1_cells(arm: Arm) -> tuple[str, str, str]:
    row = "mutants" if arm.kind == "mutate" else "cumulative"
    text = mean_text(solved_matrix(arm.runs, row))
    tests = [report_by_test(run.candidates, list(run.tasks)) for run in arm.runs]
    mean = np.mean([report["solved"] for report in tests])
    by_test = f"{mean:.4g} of {tests[0]['count']} tests*, {_seeds(len(tests))}"
    training = arm.runs[0].tasks.source.partition("/")[2].startswith("training")
    return (text, "", by_test) if training else ("", text, by_test)


def table_2(arms: Sequence[Arm]) -> Table:
    """Return the table of ablations: tasks solved by the last meta-iteration's policy, and cumulatively."""
    rows: list[tuple[str, ...]] = []
    for name, (meaning, policy, cumulative) in TABLE_2.items():
        title = f"{name}: {meaning}" if meaning else name
        ours = [arm for arm in arms if arm.paper_row == name]
        cells = [(*_policy_and_cumulative(arm), arm.label) for arm in ours] or [(NOT_RUN, NOT_RUN, "")]
        for cell in cells:
            rows.append((title, str(policy), str(cumulative), *cell))
            title = f"{name}, another arm"
    for arm in arms:
        if arm.paper_row not in TABLE_2 and arm.kind == "train":
            rows.append(("not in the paper", "", "", *_policy_and_cumulative(arm), arm.label))
    return Table(
        name="table2",
        title="Table 2: ablations, tasks solved by pass@3",
        head=("what is taken out", "paper: policy", "paper: cumulative", "ours: policy", "ours: cumulative", "arm"),
        rows=rows,
        notes=(
            "Policy: programs sampled in the last meta-iteration alone (row policy_last). Paper: of 400 tasks. Ours: "
            "mean [95 % interval over tasks and seeds]; with one seed the interval doesn't know the seeds' spread.",
        ),
    )


def _policy_and_cumulative(arm: Arm) -> tuple[str, str]:
    return mean_text(solved_matrix(arm.runs, "policy_last")), mean_text(solved_matrix(arm.runs, "cumulative"))


def table_4(arms: Sequence[Arm]) -> Table:
    """Return what the policy adds to mutation, task by task."""
    ours = [arm for arm in arms if arm.kind == "train"]
    cells = [_overlaps(arm) for arm in ours]
    rows = [(name, str(paper), *([overlap[name] for overlap in cells] or [NOT_RUN])) for name, paper in TABLE_4.items()]
    return Table(
        name="table4",
        title="Table 4: what the policy adds to mutation, tasks by pass@3",
        head=("solved", "paper, best seed", *([f"ours: {arm.label}" for arm in ours] or ["ours"])),
        rows=rows,
        notes=("Ours: each run's own seed programs and mutants against its own policy, all meta-iterations.",),
    )


def _overlaps(arm: Arm) -> dict[str, str]:
    policy = solved_matrix(arm.runs, "policy")
    mutants = solved_matrix(arm.runs, "mutants") | solved_matrix(arm.runs, "seeds")
    parts = (policy & ~mutants, mutants & ~policy, policy & mutants, policy | mutants)
    return dict(zip(TABLE_4, map(mean_text, parts), strict=True))


def others_table() -> Table:
    """Return the systems that table 1 doesn't have, each with its own metric."""
    return Table(
        name="others",
        title="Other systems, quoted",
        head=("system", "result", "of what, counted how", "source"),
        rows=[(quoted.system, quoted.result, quoted.metric, quoted.source) for quoted in OTHERS],
        notes=("None of these is counted as in table 1, and most of them not on the same tasks: no ranking.",),
    )


def differences_table(arms: Sequence[Arm]) -> Iterator[Table]:
    """Yield a table of the first arm of each set of tasks against the others; nothing if it is alone."""
    by_tasks: dict[str, list[Arm]] = {}
    for arm in arms:
        if arm.kind == "train":
            by_tasks.setdefault(arm.runs[0].tasks.digest, []).append(arm)
    for number, group in enumerate((group for group in by_tasks.values() if len(group) > 1), start=1):
        rows = [row for name in ("cumulative", "policy", "policy_last") for row in _difference_rows(group, name)]
        yield Table(
            name=f"differences{number}",
            title=f"Differences from “{group[0].label}”, tasks by pass@3",
            head=("arm", "row", "difference", "95 % interval", "p", "p after Holm", "could have shown", "seeds"),
            rows=rows,
            notes=(
                "Arm minus the first arm. Interval: bootstrap over tasks and seeds. p: exact, paired by task "
                "(McNemar's test with one seed a side). Holm: over the arms of a row. “Could have shown” is the "
                "smallest difference that seeds as these would have shown with power 0.8.",
            ),
        )


def _difference_rows(group: Sequence[Arm], row: str) -> Iterator[tuple[str, ...]]:
    comparisons = compare_all([solved_matrix(arm.runs, row) for arm in group])
    for arm, found in zip(group[1:], comparisons, strict=True):
        # `compare` has the first arm's difference from this one; here it is the other way around.
        low, high = -found.interval[1], -found.interval[0]
        yield (
            arm.label,
            row,
            f"{-found.difference + 0:+.4g}",
            f"{low + 0:+.4g} to {high + 0:+.4g}",
            f"{found.p_value:.3g}",
            f"{found.adjusted_p_value:.3g}",
            f"{found.detectable:.3g}",
            f"{found.seeds[1]} and {found.seeds[0]}",
        )


def _seeds(count: int) -> str:
    return f"{count} seed{'s' if count > 1 else ''}"
