"""Runs that differ in nothing but the seed, as one arm of an experiment, and the paper's name for what it does."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from codeit_jax.config.schema import Config
from codeit_jax.laboratory.run_record import RunRecord

CODEIT = "CodeIt"

ABLATIONS: dict[str, Callable[[Config], bool]] = {
    "A1": lambda config: config.replay.policy_experiences != "sampled",
    "A2": lambda config: not config.hindsight.relabel,
    "A3": lambda config: config.replay.priority == "uniform",
    "A5": lambda config: config.text.num_demonstrations == 1,
    "A6": lambda config: config.mutation.num_programs == 0,
}
"""How a configuration shows each ablation, by the paper's names; A4 only shows beside a run with weights."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """Runs of one configuration, a seed each.

    Attributes:
        label: what distinguishes it from the other arms.
        paper_row: the paper's name for it: `CodeIt`, `A1` to `A6`, `d1`, `dinf`, `random`; None if it has none.
        runs: by ascending seed.
    """

    label: str
    paper_row: str | None
    runs: list[RunRecord]

    @property
    def kind(self) -> str:
        """Of its runs."""
        return self.runs[0].kind

    @property
    def num_tasks(self) -> int:
        """How many tasks each run has to solve."""
        return len(self.runs[0].tasks)

    @property
    def config(self) -> Config:
        """Of its runs but for the seed; only runs of `train` have one."""
        assert self.runs[0].config is not None
        return self.runs[0].config


def group_arms(runs: Sequence[RunRecord]) -> list[Arm]:
    """Group runs that differ in the seed alone: CodeIt itself first, the others in the order of the first of each.

    Two runs with the same seed are no two seeds: the one with more meta-iterations is kept, of equal ones the first.
    """
    groups: dict[str, dict[int, RunRecord]] = {}
    for run in runs:
        key = json.dumps([run.kind, run.tasks.digest, run.settings], sort_keys=True, default=str)
        group = groups.setdefault(key, {})
        if run.seed not in group or len(run.metrics) > len(group[run.seed].metrics):
            group[run.seed] = run
    grouped = [[group[seed] for seed in sorted(group)] for group in groups.values()]
    has_weights = any(group[0].config is not None and group[0].config.model.weights for group in grouped)
    labels = _labels([group[0] for group in grouped])
    arms = [
        Arm(label=label, paper_row=paper_row(group[0], has_weights=has_weights), runs=group)
        for label, group in zip(labels, grouped, strict=True)
    ]
    # What the others are compared with comes first, whatever a folder's names are; `sorted` keeps the rest in order.
    return sorted(arms, key=lambda arm: arm.paper_row != CODEIT)


def paper_row(run: RunRecord, *, has_weights: bool) -> str | None:
    """Return the paper's name for what a run does.

    Args:
        run: of any kind.
        has_weights: whether a run beside it starts from published weights: then one that doesn't is ablation A4.
    """
    if run.config is None:
        return str(run.settings.get("method"))
    config = run.config
    found = [name for name, shows in ABLATIONS.items() if shows(config)]
    if has_weights and config.model.weights is None:
        found.append("A4")
    # The paper takes out one thing at a time.
    return None if len(found) > 1 else found[0] if found else CODEIT


def _labels(runs: Sequence[RunRecord]) -> list[str]:
    """Return what distinguishes runs of different settings: the settings that aren't the same in all, and no others."""
    keys = list(dict.fromkeys(key for run in runs for key in run.settings))
    differing = [key for key in keys if len({json.dumps(run.settings.get(key), default=str) for run in runs}) > 1]
    return [_label(run, differing) for run in runs]


def _label(run: RunRecord, differing: Sequence[str]) -> str:
    parts = [f"{key}={_shown(run.settings[key])}" for key in differing if key in run.settings]
    if run.kind == "mutate":
        return f"mutation {run.settings.get('method')}"
    return ", ".join(parts) or "as configured"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
