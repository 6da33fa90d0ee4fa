"""All that is known of a run, read from its directory: what made it, what it measured, what it found."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from codeit_jax.arc import TaskSet, load_tasks
from codeit_jax.config.errors import StorageError, UserError
from codeit_jax.config.loading import changeable_on_resume, changed_settings
from codeit_jax.config.schema import Config
from codeit_jax.evaluation import COLUMNS, Candidate, counts_by_task, solved_rows
from codeit_jax.hindsight import BEFORE_TRAINING
from codeit_jax.reporting.run_reader import (
    check_same_task,
    read_lines,
    read_object,
    read_run_config,
    read_sampled_solutions,
    read_solutions,
    read_summary,
)
from codeit_jax.statistics.paired_tests import Solved
from codeit_jax.storage.run_directory import KIND_FILE, check_kind

Kind = Literal["train", "mutate"]

_NUMBERS = {
    "sample": ("programs", "unique", "finished_share"),
    "execute": ("programs",),
    "learn": ("experiences", "policy_experiences"),
    "prompts": ("truncated",),
}
"""What a stage's line has at least, by the stage."""


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A run of `train` or of `mutate`, finished or not.

    Attributes:
        path: its directory, as the user wrote it.
        kind: which of the two.
        about: what made it: run.json, and the machine of its newest checkpoint.
        config: the configuration; of a `mutate` job None.
        settings: what decides its numbers, by name: of a run those that aren't the defaults.
        seed: of its random draws.
        tasks: the tasks to solve.
        candidates: the programs found so far.
        sampled: which of them the policy sampled in each meta-iteration.
        metrics: the lines of metrics.jsonl.
        summary: summary.json; empty while the run isn't finished.
    """

    path: Path
    kind: Kind
    about: dict[str, Any]
    config: Config | None
    settings: dict[str, Any]
    seed: int
    tasks: TaskSet
    candidates: list[Candidate]
    sampled: dict[int, list[Candidate]]
    metrics: list[dict[str, Any]]
    summary: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of its directory."""
        return self.path.expanduser().resolve().name

    def stage(self, name: str) -> list[dict[str, Any]]:
        """Return the lines of one stage, by ascending meta-iteration."""
        return [row for row in self.metrics if row["stage"] == name]

    @cached_property
    def counts(self) -> dict[str, dict[str, dict[str, int]]]:
        """By task id, row and column, 1 where the task counts; `policy_last` included."""
        counts = counts_by_task(self.candidates, self.tasks)
        last = [*self.sampled.values()][-1:]
        for task_id, rows in counts_by_task([c for found in last for c in found], self.tasks).items():
            counts[task_id]["policy_last"] = rows["policy"]
        return counts

    @cached_property
    def _by_task(self) -> dict[str, list[Candidate]]:
        by_task: dict[str, list[Candidate]] = {}
        for candidate in self.candidates:
            by_task.setdefault(candidate.task_id, []).append(candidate)
        return by_task

    def candidates_of(self, task_id: str) -> list[Candidate]:
        """Return a task's candidates, in the order of finding."""
        return self._by_task.get(task_id, [])

    def solved(self, row: str, column: str = "pass@3") -> list[str]:
        """Return the ids of the tasks that a row counts in a column."""
        return [task_id for task_id, rows in self.counts.items() if rows.get(row, {}).get(column)]

    def solved_counts(self) -> dict[str, dict[str, int]]:
        """Return the counts of solved tasks as in `summary.json`, for the programs found so far."""
        last = {column: len(self.solved("policy_last", column)) for column in COLUMNS}
        return solved_rows(self.candidates, self.tasks) | {"policy_last": last}

    @cached_property
    def programs_tried(self) -> dict[int, int]:
        """Mutants and samples that there were by the end of each meta-iteration; before the first, mutants alone."""
        tried, counts = self._num_initial, {BEFORE_TRAINING: self._num_initial}
        for row in self.stage("sample"):
            tried += row["programs"]
            counts[row["iteration"]] = tried
        return counts

    @property
    def _num_initial(self) -> int:
        rows = (row for row in self.stage("mutate") if row["iteration"] == BEFORE_TRAINING)
        return next((row["programs"] for row in rows if isinstance(row.get("programs"), int)), 0)


def solved_matrix(runs: Sequence[RunRecord], row: str, column: str = "pass@3") -> Solved:
    """Return which tasks each run solves, bool [S, T]; all runs are on the same tasks."""
    ids = [task.id for task in runs[0].tasks]
    solved = [set(run.solved(row, column)) for run in runs]
    return np.array([[id_ in those for id_ in ids] for those in solved], bool)


def expand_directories(paths: Iterable[Path]) -> list[Path]:
    """Return run directories as they are, and in place of a folder of them, as a sweep has, those in it by name.

    Raises:
        UserError: neither a run directory nor a folder of some.
    """
    expanded: list[Path] = []
    for path in paths:
        folder = path.expanduser()
        if (folder / KIND_FILE).is_file():
            expanded.append(path)
            continue
        inside = sorted(file.parent.name for file in folder.glob(f"*/{KIND_FILE}"))
        if not inside:
            raise UserError(f"{path}: found no {KIND_FILE}, expected a run directory, or a folder of run directories")
        expanded += [path / name for name in inside]
    return expanded


def read_records(paths: Iterable[Path]) -> list[RunRecord]:
    """Read runs and, of folders of runs, all that are in them.

    Raises:
        UserError: not a directory of such a run, or its tasks aren't there any more or have changed.
        StorageError: a file is damaged.
    """
    loaded: dict[tuple[str, int | None], TaskSet] = {}  # the runs of a sweep share their tasks
    return [_read_record(path, loaded) for path in expand_directories(paths)]


def _read_record(path: Path, loaded: dict[tuple[str, int | None], TaskSet]) -> RunRecord:
    folder = path.expanduser()
    about = read_object(folder / KIND_FILE) | _machine(folder)
    kind: Kind = "mutate" if about.get("kind") == "mutate" else "train"
    check_kind(folder, kind)
    summary = read_summary(path)
    if kind == "train":
        config = read_run_config(path)
        source, limit, seed = config.data.search_tasks, config.data.num_search_tasks, config.seed
        changes = changed_settings(Config(), config)
        settings = {key: new for key, (_, new) in changes.items() if key != "seed" and not changeable_on_resume(key)}
    else:
        config, settings = None, read_object(folder / "settings.json")
        if not isinstance(summary.get("tasks"), str):
            raise UserError(f"{path}: found no summary.json, expected a finished run of `mutate`")
        source, limit, seed = summary["tasks"], None, settings.pop("seed", 0)
    if (source, limit) not in loaded:
        loaded[source, limit] = load_tasks(source)[:limit]
    tasks, candidates = loaded[source, limit], read_solutions(path)
    for candidate in candidates:
        if candidate.task_id in tasks:
            check_same_task(candidate, tasks[candidate.task_id])
    return RunRecord(
        path=path,
        kind=kind,
        about=about,
        config=config,
        settings=settings,
        seed=seed,
        tasks=tasks,
        candidates=candidates,
        sampled=read_sampled_solutions(path) if kind == "train" else {},
        metrics=list(_read_metrics(folder / "metrics.jsonl")),
        summary=summary,
    )


def _machine(folder: Path) -> dict[str, str]:
    """Return the machine of the newest checkpoint's process: `devices`, `processor` and, in one line, `versions`."""
    # Read without JAX and orbax, which take seconds to import: for people, so that its digest isn't asked for.
    files = sorted(folder.glob("checkpoints/*/meta.json"), key=lambda file: (len(file.parent.name), file.parent.name))
    try:
        machine = dict(json.loads(files[-1].read_text(encoding="utf-8"))["machine"])
    except (OSError, ValueError, KeyError, TypeError, IndexError):  # none yet, or one that is being removed
        return {}
    found = {key: str(machine.pop(key)) for key in ("devices", "processor") if key in machine}
    return found | {"versions": ", ".join(f"{name} {value}" for name, value in machine.items())}


def _read_metrics(path: Path) -> Iterator[dict[str, Any]]:
    for number, row in read_lines(path):
        # Other fields differ between versions: whoever reads them asks whether they are there.
        if not isinstance(row, dict) or not _is_stage(row):
            raise StorageError(f"{path}:{number}: not the numbers of a stage ({json.dumps(row)[:60]})")
        yield row


def _is_stage(row: dict[str, Any]) -> bool:
    """Return whether a line has what every version wrote for its stage."""
    if not isinstance(row.get("stage"), str) or type(row.get("iteration")) is not int:
        return False
    if row["stage"] == "score":
        return all(
            isinstance(row.get(key), dict) and _is_count(row[key].get("pass@3"))
            for key in ("policy", "cumulative", "policy_last")
        )
    return all(isinstance(row.get(key), int | float) for key in ("t_seconds", *_NUMBERS.get(row["stage"], ())))


def _is_count(value: Any) -> bool:
    # Bounded, since the places of a curve are floats.
    return type(value) is int and 0 <= value < 1 << 53
