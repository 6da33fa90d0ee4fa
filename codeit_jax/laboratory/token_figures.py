"""Figures of tokens: 14 and 16 of the paper, and a table of what prompts lose."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from codeit_jax.arc import Task, area
from codeit_jax.charts.chart import Axis, Chart, Series
from codeit_jax.laboratory.arms import Arm
from codeit_jax.laboratory.figure import Figure, train_arms
from codeit_jax.laboratory.run_record import RunRecord
from codeit_jax.laboratory.tables import Table
from codeit_jax.text.prompt import MAX_DEMONSTRATIONS, shown_demonstrations

TOKENS_PER_BIN = 8
"""Width of a bin of `token_histogram` in metrics.jsonl."""


def token_figures(arms: Sequence[Arm]) -> Iterator[Figure]:
    """Yield figures 14 and 16."""
    yield figure_14(arms)
    yield figure_16(arms)


def figure_14(arms: Sequence[Arm]) -> Figure:
    """Return how many tokens sampled programs have, in the first and the last meta-iteration."""
    title = "Figure 14: tokens of sampled programs"
    for arm in train_arms(arms):
        first, last = (_token_shares(arm, place) for place in (0, -1))
        if len(first):
            break
    else:
        missing = "It takes a run whose lines `sample` in metrics.jsonl have token_histogram."
        return Figure(name="figure14", title=title, chart=None, note=missing)
    series = tuple(
        Series(name=name, points=[(TOKENS_PER_BIN * n, share) for n, share in enumerate(shares)], color=color)
        for color, (name, shares) in enumerate((("first meta-iteration", first), ("last meta-iteration", last)))
    )
    chart = Chart(
        title=title,
        x=Axis(label=f"tokens, end token included (bins of {TOKENS_PER_BIN}, by their lower end)"),
        y=Axis(label="share of the samples"),
        series=series,
    )
    return Figure(name="figure14", title=title, chart=chart, note=f"{arm.label}: all seeds of the run together.")


def _token_shares(arm: Arm, place: int) -> NDArray[np.float64]:
    rows = [run.stage("sample") for run in arm.runs]
    counts = [of_run[place]["token_histogram"] for of_run in rows if of_run and "token_histogram" in of_run[place]]
    total = np.zeros(max(map(len, counts), default=0), np.float64)
    for one in counts:
        total[: len(one)] += one
    return total / max(float(total.sum()), 1.0)


def figure_16(arms: Sequence[Arm]) -> Figure:
    """Return each task's tokens as the policy reads it, against one token for each cell."""
    title = "Figure 16: tokens of a task, by encoding"
    series = []
    notes = []
    # One line for each encoding, not for each arm: most arms share theirs.
    encodings: dict[str, RunRecord] = {}
    for arm in train_arms(arms):
        if prompt_tokens(arm.runs[0]):
            encodings.setdefault(arm.config.text.tokenizer, arm.runs[0])
    for color, (name, run) in enumerate(encodings.items()):
        raw, encoded = raw_tokens(run), prompt_tokens(run)
        points = sorted(zip(map(float, raw), map(float, encoded), strict=True))
        series.append(Series(name=f"{name} tokenizer, a dot a task", points=points, style="dots", color=color))
        share = sum(encoded) / sum(raw)
        notes.append(
            f"{name}: {share:.2f} of the raw tokens of all tasks, median task {np.median(encoded):.0f} tokens."
        )
    if not series:
        missing = "It takes a run whose line `prompts` in metrics.jsonl has token_counts."
        return Figure(name="figure16", title=title, chart=None, note=missing)
    ends = [min(x for one in series for x, _ in one.points), max(x for one in series for x, _ in one.points)]
    series.append(Series(name="as many as raw", points=[(x, x) for x in ends], color=6, dashed=True))
    chart = Chart(
        title=title,
        x=Axis(label="raw tokens: one a cell and one a row", log=True),
        y=Axis(label="tokens before truncation", log=True),
        series=tuple(series),
    )
    notes.append("The paper's sparse text takes about half of its raw text.")
    return Figure(name="figure16", title=title, chart=chart, note=" ".join(notes))


def prompt_tokens(run: RunRecord) -> list[int]:
    """Return each task's number of prompt tokens before truncation, in the order of ids; empty if not recorded."""
    counts: list[int] = next((row["token_counts"] for row in run.stage("prompts") if "token_counts" in row), [])
    # By place: numbers of other tasks than those that the source has today would be taken for these.
    return counts if len(counts) == len(run.tasks) else []


def raw_tokens(run: RunRecord) -> list[int]:
    """Return how many tokens each task's shown demonstrations take with one for each cell and one for each row."""
    return [_raw_tokens(task, run) for task in run.tasks]


def _raw_tokens(task: Task, run: RunRecord) -> int:
    assert run.config is not None
    shown = shown_demonstrations(task.demonstrations, run.config.text)[:MAX_DEMONSTRATIONS]
    grids = [grid for example in shown for grid in (example.input, example.output)]
    return sum(area(grid) + len(grid) for grid in grids)


def prompts_table(arms: Sequence[Arm]) -> Table:
    """Return what prompts lose to the encoder's window, and programs to the decoder's."""
    rows = []
    for arm in arms:
        if arm.kind != "train" or not (tokens := prompt_tokens(arm.runs[0])):
            continue
        text = arm.config.text
        truncated = next(row["truncated"] for row in arm.runs[0].stage("prompts"))
        finished = [row["finished_share"] for run in arm.runs for row in run.stage("sample")]
        quantiles = [f"{np.quantile(tokens, q):.0f}" for q in (0.5, 0.95)]
        cut = f"{1 - np.mean(finished):.2%}" if finished else "no samples yet"
        window = f"{text.max_prompt_tokens} and {text.max_program_tokens}"
        rows.append((arm.label, text.tokenizer, window, *quantiles, f"{truncated} of {len(tokens)}", cut))
    return Table(
        name="prompts",
        title="Prompts and programs against their windows",
        head=("arm", "tokenizer", "windows, tokens", "median prompt", "95 %", "prompts truncated", "samples cut off"),
        rows=rows,
        notes=("Cut off: samples that didn't end within the decoder's window, all meta-iterations.",),
    )
