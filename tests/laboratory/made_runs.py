"""Run directories written by hand, in which every number is known."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from codeit_jax.arc import TaskSet, load_tasks
from codeit_jax.config.loading import load_config, to_yaml
from codeit_jax.evaluation import Candidate
from codeit_jax.evaluation.rows import solved_rows
from codeit_jax.storage.run_directory import FORMAT
from interpreter import parse, run

Found = tuple[str, str, str, int]
"""Task id, program, origin, meta-iteration."""


def write_tasks(folder: Path, num_tasks: int = 10) -> Path:
    """Write tasks t0, t1, ... that turn a grid of 2 x 3 upside down, with two demonstrations and a test."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(num_tasks):
        grids = [rng.integers(0, 10, size=(2, 3)) for _ in range(3)]
        pairs = [{"input": grid.tolist(), "output": np.flipud(grid).tolist()} for grid in grids]
        (folder / f"t{number}.json").write_text(json.dumps({"train": pairs[:2], "test": pairs[2:]}))
    return folder


def write_run(
    path: Path,
    tasks_folder: Path,
    found: Sequence[Found],
    *settings: str,
    seed: int = 0,
    num_iterations: int = 3,
    samples: int = 100,
) -> Path:
    """Write the directory of a finished run.

    Args:
        path: the directory.
        tasks_folder: the search tasks.
        found: programs, in the order of finding; those that the policy finds again in a later meta-iteration once more.
        settings: `key=value`.
        seed: the run's.
        num_iterations: meta-iterations.
        samples: programs sampled in each.
    """
    path.mkdir(parents=True)
    overrides = [f"data.search_tasks={tasks_folder}", f"seed={seed}", f"num_meta_iterations={num_iterations}"]
    config = load_config([], [*overrides, *settings])
    (path / "config.yaml").write_text(to_yaml(config))
    about = {"format": FORMAT, "kind": "train", "version": "9.8.7", "commit": "abc123", "devices": ["cpu:0"]}
    (path / "run.json").write_text(json.dumps(about))
    tasks = load_tasks(str(tasks_folder))
    table: dict[Found, int] = {}
    candidates: list[Candidate] = []
    sampled: dict[int, list[int]] = {number: [] for number in range(num_iterations)}
    for task_id, program, origin, iteration in found:
        place = table.setdefault((task_id, program, origin, 0), len(candidates))
        if place == len(candidates):
            candidates.append(_candidate(tasks, task_id, program, origin, iteration))
        if origin == "policy":
            sampled[iteration].append(place)
    _write_lines(path / "solutions.jsonl", [candidate.to_row() for candidate in candidates])
    rows = [{"iteration": number, "solutions": places} for number, places in sampled.items()]
    _write_lines(path / "sampled_solutions.jsonl", rows)
    initial = [{"program": program, "origin": origin} for _, program, origin, _ in found if origin != "policy"]
    _write_lines(path / "initial_programs.jsonl", initial)
    _write_lines(path / "metrics.jsonl", list(_metrics(candidates, sampled, tasks, samples)))
    summary = {"solved": solved_rows(candidates, tasks), "parameters": 1_000_000, "screen": "all", "tasks": len(tasks)}
    (path / "summary.json").write_text(json.dumps(summary))
    return path


def _candidate(tasks: TaskSet, task_id: str, program: str, origin: str, iteration: int) -> Candidate:
    task = tasks[task_id]
    outcomes = [run(parse(program), grid) for grid in task.inputs]
    return Candidate.from_outcomes(task, program, outcomes, origin=origin, iteration=iteration)  # type: ignore[arg-type]


def _metrics(
    candidates: list[Candidate], sampled: dict[int, list[int]], tasks: TaskSet, samples: int
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {"iteration": -1, "stage": "prompts", "truncated": 2, "token_counts": [10 + n for n in range(len(tasks))]},
        {"iteration": -1, "stage": "mutate", "programs": 50},
        {"iteration": -1, "stage": "learn", "experiences": 10, "policy_experiences": 0, "loss": 3.0},
    ]
    for number, places in sampled.items():
        so_far = solved_rows([c for c in candidates if c.iteration <= number], tasks)
        last = solved_rows([candidates[place] for place in places], tasks)["policy"]
        rows += [
            {"iteration": number, "stage": "sample", "programs": samples, "unique": samples // 2}
            | {"finished_share": 0.9, "token_histogram": [0, 60 - 10 * number, 40 + 10 * number]},
            {"iteration": number, "stage": "execute", "programs": samples // 2, "ok_share": 0.5}
            | {"syntax_faults": {"arity": 5, "form": 10}, "primitives": {"hmirror": 3}},
            {"iteration": number, "stage": "score", **so_far, "policy_last": last},
            {"iteration": number, "stage": "learn", "experiences": 20, "policy_experiences": 15}
            | {"loss": 2.0 - 0.5 * number, "mean_performance": 0.25, "t_idle_share": 0.1},
        ]
    return [row | {"t_seconds": 6.0} for row in rows]


def _write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
