"""Figures of the programs themselves: 5, 11, 12, 13 and 15 of the paper."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from codeit_jax.charts.chart import Axis, Chart, Point, Series
from codeit_jax.config.errors import UserError
from codeit_jax.evaluation import Candidate
from codeit_jax.laboratory.arms import Arm
from codeit_jax.laboratory.figure import Figure, seeds_name, seeds_series, train_arms
from codeit_jax.laboratory.published import FIGURE_15
from codeit_jax.laboratory.run_record import RunRecord
from codeit_jax.laboratory.solving_figures import ITERATION
from codeit_jax.programs import load_programs
from codeit_jax.reporting.run_reader import read_lines
from interpreter import SIGNATURES

_PAPERS_TASK = "48f8583b"  # of its figure 5
_LENGTHS = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 64)  # lines, the upper ends of bins
_TYPES_SHOWN = 7
_NAME = re.compile(r"[a-z][a-z0-9]*")


def program_figures(arms: Sequence[Arm]) -> Iterator[Figure]:
    """Yield figures 5, 11, 12, 13 and 15."""
    yield figure_5(arms)
    yield figure_11(arms)
    yield figure_12(arms)
    yield figure_13(arms)
    yield figure_15(arms)


def shortest_right(run: RunRecord) -> dict[str, list[Candidate]]:
    """Return for each task its programs of the policy that are right and shorter than all before them, in order.

    Right programs reproduce all demonstrations and all tests of the task, so those of one task do the same on all of
    its inputs. Length is in lines, then in characters.
    """
    best: dict[str, list[Candidate]] = {}
    for found in sorted(run.candidates, key=lambda candidate: candidate.iteration):
        if found.origin == "policy" and found.solves_demonstrations and found.solves_tests:
            shorter = best.setdefault(found.task_id, [])
            if not shorter or _length(found) < _length(shorter[-1]):
                # Of one meta-iteration the shortest alone: they were drawn at the same time.
                if shorter and shorter[-1].iteration == found.iteration:
                    shorter.pop()
                shorter.append(found)
    return best


def figure_5(arms: Sequence[Arm]) -> Figure:
    """Return one task whose programs get shorter: the paper's, or else the one with most shorter programs."""
    title = "Figure 5: one task's programs get shorter"
    runs = [run for arm in arms for run in arm.runs]
    chains = [(run, task_id, chain) for run in runs for task_id, chain in shortest_right(run).items()]
    longer = [entry for entry in chains if len(entry[2]) > 1]
    if not longer:
        missing = (
            "It takes a task for which the policy found a right program and, in a later meta-iteration, a shorter one."
        )
        return Figure(name="figure05", title=title, chart=None, note=missing)
    run, task_id, chain = max(longer, key=lambda entry: (entry[1] == _PAPERS_TASK, len(entry[2])))
    points: list[Point] = [(float(found.iteration), float(_lines(found))) for found in chain]
    chart = Chart(
        title=f"{title}: {task_id}",
        x=ITERATION,
        y=Axis(label="length, lines", whole=True),
        series=(Series(name=f"{run.name}: shortest right program so far", points=points),),
    )
    programs = tuple((f"meta-iteration {found.iteration}, {_lines(found)} lines", found.program) for found in chain)
    note = f"Task {task_id}; all of these reproduce its demonstrations and tests. The paper shows {_PAPERS_TASK}."
    return Figure(name="figure05", title=title, chart=chart, note=note, programs=programs)


def figure_11(arms: Sequence[Arm]) -> Figure:
    """Return solved and unsolved tasks by the length of a human's program, where the programs file has one."""
    title = "Figure 11: solved and not, by length of the known program"
    for arm in train_arms(arms):
        lengths = _known_lengths(arm)
        if lengths:
            break
    else:
        missing = (
            "It takes search tasks that the run's programs file has programs for, such as "
            "data.search_tasks=arc1/training:tuning-test. Nobody published programs for the evaluation tasks."
        )
        return Figure(name="figure11", title=title, chart=None, note=missing)
    solved = Counter(_bin(lengths[id_]) for run in arm.runs for id_ in run.solved("policy") if id_ in lengths)
    totals = Counter(_bin(length) for length in lengths.values())
    seeds = len(arm.runs)
    series = (
        Series(
            name="solved by the policy, mean over seeds",
            points=[(n, solved[n] / seeds) for n in range(len(_LENGTHS))],
            style="bars",
        ),
        Series(
            name="not solved",
            points=[(n, totals[n] - solved[n] / seeds) for n in range(len(_LENGTHS))],
            style="bars",
            color=1,
        ),
    )
    chart = Chart(
        title=title,
        x=Axis(label="length of the known program, lines", categories=_bin_names()),
        y=Axis(label="tasks"),
        series=series,
    )
    return Figure(name="figure11", title=title, chart=chart, note=f"{arm.label}: row policy, pass@3.")


def _known_lengths(arm: Arm) -> dict[str, int]:
    """Return the lines of the programs that the run's programs file has for its search tasks."""
    try:
        programs = load_programs(arm.config.data.seeds)
    except UserError:  # the file may be on the machine that the run was made on
        return {}
    tasks = arm.runs[0].tasks
    return {seed.task_id: len(seed.program) for seed in programs if seed.task_id in tasks}


def figure_12(arms: Sequence[Arm]) -> Figure:
    """Return the types of the primitives in what each meta-iteration's policy found, over meta-iterations."""
    title = "Figure 12: primitives in found programs, by result type"
    for arm in train_arms(arms):
        uses = [_uses_by_type(run) for run in arm.runs]
        totals = sum((counts for of_run in uses for counts in of_run.values()), Counter[str]())
        if totals:
            break
    else:
        missing = "It takes programs of the policy that reproduce a demonstration."
        return Figure(name="figure12", title=title, chart=None, note=missing)
    shown = [name for name, _ in totals.most_common(_TYPES_SHOWN)]
    series = tuple(
        seeds_series([_shares(of_run, name) for of_run in uses], name=name, color=color)
        for color, name in enumerate(shown)
    )
    chart = Chart(title=title, x=ITERATION, y=Axis(label="share of all uses of primitives"), series=series)
    note = (
        f"{arm.label}: distinct programs sampled in each meta-iteration that reproduce at least one demonstration; "
        f"a primitive counts where it is called or passed, by the type of its result. The {len(shown)} most used types."
    )
    return Figure(name="figure12", title=title, chart=chart, note=note)


def _uses_by_type(run: RunRecord) -> dict[int, Counter[str]]:
    uses = {}
    for iteration, found in run.sampled.items():
        names = (name for candidate in found for name in _NAME.findall(candidate.program))
        uses[iteration] = Counter(SIGNATURES[name].result for name in names if name in SIGNATURES)
    return uses


def _shares(uses: Mapping[int, Counter[str]], name: str) -> dict[float, float]:
    return {iteration: counts[name] / counts.total() for iteration, counts in uses.items() if counts.total()}


def figure_13(arms: Sequence[Arm]) -> Figure:
    """Return how long programs are: seeds, mutants, and what solves tasks."""
    title = "Figure 13: lengths of programs"
    chosen = train_arms(arms)[:1]
    if not chosen:
        return Figure(name="figure13", title=title, chart=None, note="It takes a training run.")
    [arm] = chosen
    lengths: dict[str, Counter[int]] = {"seed programs": Counter(), "their mutants": Counter()}
    for run in arm.runs:
        for _, row in read_lines(run.path.expanduser() / "initial_programs.jsonl"):
            name = "seed programs" if row["origin"] == "seed" else "their mutants"
            lengths[name][_bin(row["program"].count("\n") + 1)] += 1
    policy = [found for run in arm.runs for found in run.candidates if found.origin == "policy"]
    lengths["policy's, a demonstration or more"] = Counter(_bin(_lines(found)) for found in policy)
    lengths["policy's, all tests"] = Counter(_bin(_lines(found)) for found in policy if found.solves_tests)
    series = tuple(
        Series(
            name=f"{name} ({counts.total()})",
            points=[(n, counts[n] / counts.total()) for n in range(len(_LENGTHS))] if counts else [],
            style="bars",
            color=color,
        )
        for color, (name, counts) in enumerate(lengths.items())
    )
    chart = Chart(
        title=title,
        x=Axis(label="length, lines", categories=_bin_names()),
        y=Axis(label="share of the programs"),
        series=series,
    )
    return Figure(name="figure13", title=title, chart=chart, note=f"{arm.label}: all seeds of the run together.")


def figure_15(arms: Sequence[Arm]) -> Figure:
    """Return how many tasks had a right program, and how many of these a shorter one later."""
    title = "Figure 15: refinement, shorter right programs later"
    series: list[Series] = []
    notes = []
    for color, arm in enumerate(train_arms(arms)):
        refined = [_refinement(run) for run in arm.runs]
        if not any(any(right.values()) for right, _ in refined):
            continue
        right_name, shorter_name = (seeds_name(arm, f", {of}") for of in ("a right program", "a shorter one later"))
        series.append(seeds_series([entry[0] for entry in refined], name=right_name, color=color))
        series.append(seeds_series([entry[1] for entry in refined], name=shorter_name, color=color, dashed=True))
        right, shorter = (sum(max(entry[place].values()) for entry in refined) / len(refined) for place in (0, 1))
        notes.append(f"{arm.label}: {shorter:.3g} of {right:.3g} tasks.")
    if not series:
        missing = "It takes a task for which the policy found a program that is right on demonstrations and tests."
        return Figure(name="figure15", title=title, chart=None, note=missing)
    chart = Chart(title=title, x=ITERATION, y=Axis(label="tasks", whole=True), series=tuple(series))
    paper = f"Paper: {FIGURE_15[0]} of {FIGURE_15[1]} tasks. Right programs agree on all inputs of their task."
    return Figure(name="figure15", title=title, chart=chart, note=" ".join([*notes, paper]))


def _refinement(run: RunRecord) -> tuple[dict[float, float], dict[float, float]]:
    """Return by meta-iteration how many tasks had a right program, and how many a shorter one later."""
    chains = shortest_right(run)
    right: dict[float, float] = {}
    shorter: dict[float, float] = {}
    for iteration in run.sampled:
        right[iteration] = sum(chain[0].iteration <= iteration for chain in chains.values())
        shorter[iteration] = sum(len(chain) > 1 and chain[1].iteration <= iteration for chain in chains.values())
    return right, shorter


def _lines(candidate: Candidate) -> int:
    return candidate.program.count("\n") + 1


def _length(candidate: Candidate) -> tuple[int, int]:
    return _lines(candidate), len(candidate.program)


def _bin(lines: int) -> int:
    return next((number for number, end in enumerate(_LENGTHS) if lines <= end), len(_LENGTHS) - 1)


def _bin_names() -> tuple[str, ...]:
    starts = (1, *(end + 1 for end in _LENGTHS[:-1]))
    return tuple(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, _LENGTHS, strict=True))
