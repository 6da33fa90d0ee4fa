"""The end of a run: summary.json, and its result for people."""

import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from codeit_jax.evaluation import COLUMNS, Candidate
from codeit_jax.reporting.score_table import score_table
from codeit_jax.run.components import Components
from codeit_jax.run.state import RunState
from codeit_jax.storage.run_directory import RunDirectory

_ROWS = {"policy": "sampled from the policy", "mutants": "seeds and mutants", "cumulative": "both"}


def write_summary(parts: Components, state: RunState, directory: RunDirectory) -> dict[str, Any]:
    """Write summary.json and return it.

    Args:
        parts: of the run.
        state: at its end.
        directory: of the run, with all of its metrics.

    Raises:
        StorageError: metrics.jsonl is damaged, or the disk is full or can't be written.
    """
    seconds: defaultdict[str, float] = defaultdict(float)
    policy_last = dict.fromkeys(COLUMNS, 0)
    # From the file, not from memory: a resumed run sums up the stages of all its calls.
    for row in directory.read("metrics.jsonl"):
        seconds[row["stage"]] += row["t_seconds"]
        policy_last = row.get("policy_last", policy_last)
    summary = {
        "tasks": len(parts.search_tasks),
        "meta_iterations": state.iteration,
        "programs_sampled": state.num_sampled,
        "programs_unique": len(state.sampled),  # of (task, text): a text drawn for two tasks counts twice
        "solved": state.solutions.report(parts.search_tasks),
        "policy_last": policy_last,
        "snapshot": f"{parts.search_tasks.snapshot}, digest {parts.search_tasks.digest}",
        "seed": parts.config.seed,
        "t_seconds": {stage: round(value, 1) for stage, value in seconds.items()},
    }
    directory.write("summary.json", json.dumps(summary, indent=2) + "\n")
    return summary


def print_summary(parts: Components, state: RunState, summary: dict[str, Any], say: Callable[[str], None]) -> None:
    """Print the programs by which the policy solves tasks, and the counts.

    Args:
        parts: of the run.
        state: at its end.
        summary: as `write_summary` returned it.
        say: prints a line.
    """
    tasks = parts.search_tasks
    # Grouped once: a long run has a hundred thousand candidates and four hundred tasks.
    solving: defaultdict[str, list[Candidate]] = defaultdict(list)
    for candidate in state.solutions.candidates("policy"):
        if candidate.solves_demonstrations:
            solving[candidate.task_id].append(candidate)
    say("")
    for task in tasks:
        best = min(solving[task.id], key=lambda c: len(c.program), default=None)
        if best is not None:
            verdict = "tests too" if best.solves_tests else "not the tests"
            program = best.program.replace("\n", "\n    ")
            say(f"{task.id}: the policy solves all demonstrations, {verdict}, by\n    {program}")
    say("")
    rows = {name: summary["solved"][key] for key, name in _ROWS.items()}
    for line in score_table(f"tasks solved of {len(tasks)}", rows).splitlines():
        say(line)
    say(f"{summary['programs_sampled']} programs sampled, {summary['programs_unique']} of them distinct")
