"""Figures of a run at work: losses, what its samples are worth, what it learns from, where the time goes."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from codeit_jax.charts.chart import Axis, Chart, Series
from codeit_jax.hindsight import BEFORE_TRAINING
from codeit_jax.laboratory.arms import Arm
from codeit_jax.laboratory.figure import Figure, seeds_name, seeds_series, train_arms
from codeit_jax.laboratory.run_record import solved_matrix
from codeit_jax.laboratory.solving_figures import ITERATION
from codeit_jax.laboratory.tables import Table

_Value = Callable[[dict[str, Any]], float | None]


def training_figures(arms: Sequence[Arm]) -> Iterator[Figure]:
    """Yield figures of losses, held-out programs, what samples are worth, the replay's draws, syntax faults, times."""
    yield _over_iterations(
        arms,
        ("loss", "Loss of the learning stages", Axis(label="mean loss, nats a token", zero=False)),
        [("", "learn", lambda row: row.get("loss"), False)],
        "Mean over a stage's steps; iteration -1 is the pretraining.",
    )
    yield _over_iterations(
        arms,
        ("held_out", "What held-out programs cost the policy", Axis(label="nats a program", zero=False)),
        [
            (", their own task shown", "learn", lambda row: row.get("held_out_loss"), False),
            (", another task shown", "learn", lambda row: row.get("held_out_loss_elsewhere"), True),
        ],
        "The distance of the two lines is what the policy reads in a task.",
    )
    yield _over_iterations(
        arms,
        ("samples", "What samples are worth", Axis(label="share")),
        [
            (", executions that give a grid", "execute", lambda row: row.get("ok_share", 0.0), False),
            (", samples that differ", "sample", lambda row: row["unique"] / max(row["programs"], 1), True),
        ],
        "Executions are a program on a demonstration's input.",
    )
    yield _over_iterations(
        arms,
        ("replay", "What is learned from", Axis(label="share of the draw")),
        [
            (", from the policy", "learn", _policy_share, False),
            (", demonstrations solved, mean", "learn", lambda row: row.get("mean_performance"), True),
        ],
        "The rest are seed programs and mutants. Solved: of the task that an experience was sampled for.",
    )
    yield syntax_figure(arms)
    yield times_figure(arms)


def _policy_share(row: dict[str, Any]) -> float | None:
    return row["policy_experiences"] / row["experiences"] if row.get("experiences") else None


def _over_iterations(
    arms: Sequence[Arm], name: tuple[str, str, Axis], lines: Sequence[tuple[str, str, _Value, bool]], note: str
) -> Figure:
    """Return a figure of numbers of metrics.jsonl over meta-iterations.

    Args:
        arms: all of them.
        name: of the figure, its title, and the axis of the values.
        lines: for each kind of line what is added to the arm's name, the stage, the value of its row, whether dashed.
        note: of the figure.
    """
    key, title, axis = name
    series = []
    for color, arm in enumerate(train_arms(arms)):
        for suffix, stage, value, dashed in lines:
            curves = [
                {row["iteration"]: found for row in run.stage(stage) if (found := value(row)) is not None}
                for run in arm.runs
            ]
            series.append(seeds_series(curves, name=seeds_name(arm, suffix), color=color, dashed=dashed))
    drawn = any(one.points for one in series)
    chart = Chart(title=title, x=ITERATION, y=axis, series=tuple(series)) if drawn else None
    return Figure(name=key, title=title, chart=chart, note=note if drawn else "No such stage was recorded yet.")


def syntax_figure(arms: Sequence[Arm]) -> Figure:
    """Return why texts are no programs, as shares of all distinct samples."""
    title = "Texts that are no programs, by what is wrong with them"
    counts = [_faults(arm) for arm in train_arms(arms)]
    kinds = tuple(sorted({kind for one in counts for kind in one}))
    if not kinds:
        missing = "No text was outside the language, or the runs didn't record it."
        return Figure(name="syntax", title=title, chart=None, note=missing)
    series = tuple(
        Series(
            name=seeds_name(arm),
            points=[(float(n), one.get(kind, 0.0)) for n, kind in enumerate(kinds)],
            style="bars",
            color=color,
        )
        for color, (arm, one) in enumerate(zip(train_arms(arms), counts, strict=True))
    )
    chart = Chart(
        title=title,
        x=Axis(label="first fault, as interpreter.Reason names it", categories=kinds),
        y=Axis(label="share of the distinct samples"),
        series=series,
    )
    return Figure(name="syntax", title=title, chart=chart, note="All meta-iterations together.")


def _faults(arm: Arm) -> dict[str, float]:
    faults: dict[str, float] = {}
    rows = [row for run in arm.runs for row in run.stage("execute")]
    total = sum(row["programs"] for row in rows)
    for row in rows:
        for kind, count in row.get("syntax_faults", {}).items():
            faults[kind] = faults.get(kind, 0.0) + count / total
    return faults


def times_figure(arms: Sequence[Arm]) -> Figure:
    """Return the seconds that each stage takes in a meta-iteration."""
    title = "Time of the stages"
    shown = train_arms(arms)
    seconds = [_stage_seconds(arm) for arm in shown]
    stages = tuple(dict.fromkeys(stage for one in seconds for stage in one))
    if not stages:
        missing = "It takes runs with a whole meta-iteration."
        return Figure(name="times", title=title, chart=None, note=missing)
    series = tuple(
        Series(
            name=seeds_name(arm),
            points=[(float(n), one.get(stage, 0.0)) for n, stage in enumerate(stages)],
            style="bars",
            color=color,
        )
        for color, (arm, one) in enumerate(zip(shown, seconds, strict=True))
    )
    chart = Chart(
        title=title, x=Axis(label="stage", categories=stages), y=Axis(label="seconds a meta-iteration"), series=series
    )
    note = "Wall-clock time on the machine that made the run, without pretraining. Workers execute while others sample."
    return Figure(name="times", title=title, chart=chart, note=note)


def _stage_seconds(arm: Arm) -> dict[str, float]:
    """Return the mean seconds of each stage that takes a hundredth of a meta-iteration or more."""
    values: dict[str, list[float]] = {}
    for run in arm.runs:
        for row in run.metrics:
            if row["iteration"] != BEFORE_TRAINING:
                values.setdefault(row["stage"], []).append(row["t_seconds"])
    means = {stage: float(np.mean(seconds)) for stage, seconds in values.items()}
    return {stage: mean for stage, mean in means.items() if mean >= sum(means.values()) / 100}


def cost_table(arms: Sequence[Arm]) -> Table:
    """Return what the arms cost: time, device, idle share, and that for each solved task."""
    rows = []
    for arm in arms:
        if arm.kind == "train":
            solved = solved_matrix(arm.runs, "cumulative").sum(1).mean()
            new = solved_matrix(arm.runs, "policy_new").sum(1).mean()
            minutes = np.mean([sum(row["t_seconds"] for row in run.metrics) for run in arm.runs]) / 60
            idle = [row["t_idle_share"] for run in arm.runs for row in run.stage("learn") if "t_idle_share" in row]
            tried = np.mean([max(run.programs_tried.values(), default=0) for run in arm.runs])
            rows.append(
                (
                    arm.label,
                    f"{tried:.0f}",
                    f"{minutes:.1f}",
                    f"{np.mean(idle):.0%}" if idle else "",
                    *(f"{minutes / count:.2f}" if count else "none solved" for count in (solved, new)),
                )
            )
    return Table(
        name="cost",
        title="Cost",
        head=("arm", "programs", "minutes a run", "devices idle", "minutes a solved task", "minutes a new task"),
        rows=rows,
        notes=(
            "Wall-clock minutes of the stages, on the machines that “What made each run” names: compare them only "
            "where those are the same. Solved: row cumulative; new: row policy_new, unsolved by seeds and mutants.",
        ),
    )
