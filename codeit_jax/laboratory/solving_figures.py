"""Figures of how much is solved: 4, 6, 7, 9 and 10 of the paper."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from codeit_jax.charts.chart import Axis, Chart, Series
from codeit_jax.evaluation import Candidate, select_candidates
from codeit_jax.hindsight import BEFORE_TRAINING
from codeit_jax.laboratory.arms import Arm
from codeit_jax.laboratory.figure import Figure, seeds_name, seeds_series, train_arms
from codeit_jax.laboratory.published import FIGURE_4_D1, FIGURE_4_END, FIGURE_9, FIGURE_10
from codeit_jax.laboratory.run_record import RunRecord, solved_matrix

SHARE = Axis(label="tasks solved, share (pass@3)")
ITERATION = Axis(label="meta-iteration", whole=True)

_KS = (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000)


def solving_figures(arms: Sequence[Arm]) -> Iterator[Figure]:
    """Yield figures 4, 6, 7, 9 and 10."""
    yield figure_4(arms)
    yield _over_iterations(arms, "06", "Figure 6: cumulative performance", "cumulative")
    yield _over_iterations(arms, "07", "Figure 7: policy performance", "policy_last")
    yield figure_9(arms)
    yield figure_10(arms)


def figure_4(arms: Sequence[Arm]) -> Figure:
    """Return cumulative performance over programs, with mutation baselines."""
    series = []
    for color, arm in enumerate(arms):
        curve = _mutation_curve if arm.kind == "mutate" else _cumulative_by_programs
        series.append(seeds_series([curve(run) for run in arm.runs], name=seeds_name(arm), color=color))
    paper = len(arms)
    series.append(Series(name="paper: mutation d1", points=FIGURE_4_D1, color=paper, dashed=True))
    for number, (name, point) in enumerate(FIGURE_4_END.items(), start=paper + 1):
        series.append(Series(name=f"paper: {name}, at its end", points=[point], style="dots", color=number))
    return Figure(
        name="figure04",
        title="Figure 4: tasks solved by number of programs",
        chart=Chart(
            title="Figure 4: tasks solved by number of programs",
            x=Axis(label="programs: mutants made and programs sampled, all tasks together", log=True),
            y=SHARE,
            series=tuple(series),
        ),
        note="Row cumulative. The paper's are shares of 400 evaluation tasks, its mutants counted by attempts.",
    )


def _cumulative_by_programs(run: RunRecord) -> Mapping[float, float]:
    shares = _score_shares(run, "cumulative")
    return {max(tried, 1): shares[n] for n, tried in run.programs_tried.items() if n in shares}


def _mutation_curve(run: RunRecord) -> Mapping[float, float]:
    return {count: solved / len(run.tasks) for count, solved in run.summary.get("curve", [])}


def _score_shares(run: RunRecord, row: str) -> dict[int, float]:
    """Return a row's share of tasks after each meta-iteration; cumulative also before the first."""
    shares = {line["iteration"]: line[row]["pass@3"] / len(run.tasks) for line in run.stage("score") if row in line}
    if row == "cumulative":
        before = [found for found in run.candidates if found.iteration == BEFORE_TRAINING]
        shares[BEFORE_TRAINING] = _pass_at(_ranks(before), 3) / len(run.tasks)
    return shares


def _over_iterations(arms: Sequence[Arm], number: str, title: str, row: str) -> Figure:
    series = []
    for color, arm in enumerate(train_arms(arms)):
        curves = [_score_shares(run, row) for run in arm.runs]
        name = seeds_name(arm, f", {arm.paper_row}" if arm.paper_row else "")
        series.append(seeds_series([_without_first(curve) for curve in curves], name=name, color=color))
    drawn = any(one.points for one in series)
    return Figure(
        name=f"figure{number}",
        title=title,
        chart=Chart(title=title, x=ITERATION, y=SHARE, series=tuple(series)) if drawn else None,
        note=f"Row {row}. Table 2 has the paper's final values." if drawn else "It takes runs with a meta-iteration.",
    )


def _without_first(shares: Mapping[int, float]) -> Mapping[float, float]:
    return {iteration: share for iteration, share in shares.items() if iteration != BEFORE_TRAINING}


def figure_9(arms: Sequence[Arm]) -> Figure:
    """Return cumulative performance by size of the policy."""
    ours = []
    for arm in train_arms(arms):
        sizes = {run.summary.get("parameters") for run in arm.runs}
        if arm.paper_row in ("CodeIt", "A4") and len(sizes) == 1 and (size := sizes.pop()):
            counts = solved_matrix(arm.runs, "cumulative").sum(1) / arm.num_tasks
            ours.append((float(size), float(counts.mean()), (float(counts.min()), float(counts.max()))))
    ours.sort()
    series = (
        Series(name="ours: mean and range over seeds", points=[p[:2] for p in ours], band=[p[2] for p in ours]),
        Series(name="paper: CodeT5 60M, 220M, 770M", points=FIGURE_9, color=1, dashed=True),
    )
    return Figure(
        name="figure09",
        title="Figure 9: tasks solved by size of the policy",
        chart=Chart(
            title="Figure 9: tasks solved by size of the policy",
            x=Axis(label="parameters", log=True),
            y=SHARE,
            series=series,
        ),
        note="Row cumulative of finished runs without an ablation. The paper's 770M was stopped after 85 of 100.",
    )


def figure_10(arms: Sequence[Arm]) -> Figure:
    """Return pass@k of the selection rule for k up to 1,000, and of an oracle."""
    series: list[Series] = []
    for color, arm in enumerate(train_arms(arms)):
        for suffix, dashed, ranks in ((", selected", False, _ranks), (", any program", True, _oracle_ranks)):
            curves = [_pass_curve(run, ranks) for run in arm.runs]
            series.append(seeds_series(curves, name=seeds_name(arm, suffix), color=color, dashed=dashed))
    series.append(Series(name="paper: selected", points=FIGURE_10, color=7, dashed=True))
    return Figure(
        name="figure10",
        title="Figure 10: pass@k by the selection rule",
        chart=Chart(
            title="Figure 10: pass@k by the selection rule",
            x=Axis(label="k: programs chosen for each task", log=True),
            y=Axis(label="tasks solved, share (pass@k)"),
            series=tuple(series),
        ),
        note="All programs found. “Any program” is the oracle: a task counts if any candidate reproduces its tests.",
    )


def _pass_curve(run: RunRecord, ranks: Callable[[Sequence[Candidate]], list[int]]) -> Mapping[float, float]:
    places = ranks([found for found in run.candidates if found.task_id in run.tasks])
    return {k: _pass_at(places, k) / len(run.tasks) for k in _KS}


def _ranks(candidates: Sequence[Candidate]) -> list[int]:
    """Return for each task that can be solved the place, from 1, of the first chosen program that solves it."""
    by_task: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        by_task.setdefault(candidate.task_id, []).append(candidate)
    places = []
    for found in by_task.values():
        solving = (place for place, c in enumerate(select_candidates(found, None), start=1) if c.solves_tests)
        if (first := next(solving, None)) is not None:
            places.append(first)
    return places


def _oracle_ranks(candidates: Sequence[Candidate]) -> list[int]:
    return [1] * len(_ranks(candidates))


def _pass_at(places: Sequence[int], k: int) -> int:
    return sum(place <= k for place in places)
