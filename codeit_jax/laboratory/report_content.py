"""A report as data: what made the runs, every table, every figure, and the tasks of the gallery."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeit_jax.evaluation import COLUMNS
from codeit_jax.laboratory.arms import Arm, group_arms
from codeit_jax.laboratory.concept_figure import figure_8, read_evaluations
from codeit_jax.laboratory.controls import controls_table
from codeit_jax.laboratory.figure import Figure
from codeit_jax.laboratory.gallery import ShownTask, shown_tasks
from codeit_jax.laboratory.program_figures import program_figures
from codeit_jax.laboratory.run_record import RunRecord, read_records, solved_matrix
from codeit_jax.laboratory.solving_figures import solving_figures
from codeit_jax.laboratory.tables import Table, paper_tables
from codeit_jax.laboratory.token_figures import prompts_table, token_figures
from codeit_jax.laboratory.training_figures import cost_table, training_figures
from codeit_jax.reporting.credits import ROW_NAMES, SCREENS

UNKNOWN = "not recorded"


@dataclass(frozen=True, kw_only=True)
class Report:
    """A report.

    Attributes:
        runs: as they were given.
        arms: the runs, those that differ in the seed alone together.
        provenance: what made each run.
        settings: those that aren't the defaults in some arm.
        tables: of results: rows by column, the paper's tables, others' systems, differences.
        figures: the paper's, by number.
        work_tables, work_figures: of the runs at work.
        shown: the tasks of the gallery.
    """

    runs: list[RunRecord]
    arms: list[Arm]
    provenance: Table
    settings: Table
    tables: list[Table]
    figures: list[Figure]
    work_tables: list[Table]
    work_figures: list[Figure]
    shown: list[ShownTask]

    def all_tables(self) -> list[Table]:
        """Return every table of the page."""
        return [self.provenance, self.settings, *self.tables, *self.work_tables]

    def all_figures(self) -> list[Figure]:
        """Return every figure of the page."""
        return [*self.figures, *self.work_figures]


def make_report(paths: Sequence[Path], evaluations: Sequence[Path] = (), *, num_workers: int = 2) -> Report:
    """Read runs and work out everything that the page shows.

    Args:
        paths: run directories, and folders of some.
        evaluations: files of `evaluate --output`, for ConceptARC.
        num_workers: processes that run the gallery's programs.

    Raises:
        UserError: not such a directory or file, or the tasks don't exist any more or have changed.
        StorageError: a file of a run is damaged.
    """
    read = read_evaluations(evaluations)
    runs = read_records(paths)
    arms = group_arms(runs)
    solved = [solved_table(number, arm) for number, arm in enumerate(arms, start=1)]
    figures = [*solving_figures(arms), *program_figures(arms), *token_figures(arms), figure_8(read)]
    return Report(
        runs=runs,
        arms=arms,
        provenance=provenance_table(arms),
        settings=settings_table(arms),
        tables=[*solved, *paper_tables(arms), controls_table(arms)],
        figures=sorted(figures, key=lambda figure: figure.name),
        work_tables=[cost_table(arms), prompts_table(arms)],
        work_figures=list(training_figures(arms)),
        shown=shown_tasks(arms, num_workers),
    )


def provenance_table(arms: Sequence[Arm]) -> Table:
    """Return what made each run: what its run.json says, its tasks with their digest, how far it came."""
    return Table(
        name="made",
        title="Runs",
        head=(
            *("run", "arm", "seed", "tasks", "data", "meta-iterations", "version", "commit", "started"),
            *("host", "devices", "processor", "versions", "command"),
        ),
        rows=[_provenance(arm, run) for arm in arms for run in arm.runs],
        notes=(f"From each run's directory. “{UNKNOWN}”: an earlier version made the run, or no checkpoint is there.",),
    )


def _provenance(arm: Arm, run: RunRecord) -> tuple[str, ...]:
    config = run.config
    source = run.tasks.source if config is None else config.data.search_tasks
    done = len(run.stage("score"))
    iterations = "" if config is None else f"{done} of {config.num_meta_iterations}"
    about = [_plain(run.about.get(key)) for key in ("version", "commit", "started", "host", "devices", "processor")]
    return (
        *(str(run.path), arm.label, str(run.seed), f"{source}, {len(run.tasks)}"),
        *(f"{run.tasks.snapshot}, digest {run.tasks.digest}", iterations, *about),
        *(_plain(run.about.get(key)) for key in ("versions", "command")),
    )


def _plain(value: Any) -> str:
    """Return a value of run.json as text."""
    match value:
        case None | "" | [] | {}:
            return UNKNOWN
        case str():
            return value
        case dict():
            return ", ".join(f"{key} {inner}" for key, inner in value.items())
        case list():
            return " ".join(map(str, value))
    return json.dumps(value)


def settings_table(arms: Sequence[Arm]) -> Table:
    """Return the settings that aren't the defaults in some arm, a column an arm."""
    keys = dict.fromkeys(key for arm in arms for key in arm.runs[0].settings)
    return Table(
        name="settings",
        title="Settings that aren't the defaults",
        head=("setting", *(arm.label for arm in arms)),
        rows=[(key, *(_setting(arm.runs[0].settings, key) for arm in arms)) for key in keys],
        notes=("An empty cell is the default: docs/configuration.md has them all.",),
    )


def _setting(settings: Mapping[str, Any], key: str) -> str:
    if key not in settings:
        return ""
    value = settings[key]
    return value if isinstance(value, str) else json.dumps(value)


def solved_table(number: int, arm: Arm) -> Table:
    """Return the tasks that an arm solves, by row and column; of several seeds the mean."""
    rows: list[tuple[str, ...]] = []
    known = arm.runs[0].solved_counts()
    for row, name in ROW_NAMES.items():
        counts = [solved_matrix(arm.runs, row, column).sum(1).mean() for column in COLUMNS]
        if row in known and (arm.kind == "train" or row == "mutants"):
            rows.append((f"{row}: {name}", *(f"{count:.4g}" for count in counts)))
    screen = arm.runs[0].summary.get("screen", "all")
    seeds = f"mean of {len(arm.runs)} seeds" if len(arm.runs) > 1 else "1 seed"
    return Table(
        name=f"solved{number}",
        title=f"Tasks solved of {arm.num_tasks}: {arm.label} ({seeds})",
        head=("row", *COLUMNS),
        rows=rows,
        notes=(SCREENS.get(screen, SCREENS["all"]),),
    )
