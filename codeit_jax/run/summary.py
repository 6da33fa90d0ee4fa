"""The end of a run: summary.json, and its result for people."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from codeit_jax.evaluation import COLUMNS, ROWS, solved_tasks
from codeit_jax.reporting.credits import ROW_NAMES, SCREENS, demonstrations_held, found_by
from codeit_jax.reporting.score_table import score_table
from codeit_jax.run.components import Components
from codeit_jax.run.state import RunState
from codeit_jax.storage.run_directory import RunDirectory


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
    mutation = parts.config.mutation
    solved = solved_tasks(state.solutions, parts.search_tasks)
    report = state.solutions.report(parts.search_tasks)
    summary = {
        "tasks": len(parts.search_tasks),
        "meta_iterations": state.iteration,
        "parameters": parts.model.num_parameters(),
        "programs_sampled": state.num_sampled,
        "programs_unique": len(state.sampled),  # of (task, text): a text drawn for two tasks counts twice
        "solved": report | {"policy_last": policy_last},
        "policy_last": policy_last,
        # The tasks behind the counts of pass@3, so that runs can be compared task by task.
        "solved_tasks": {row: [task.task_id for task in solved if row in task.rows] for row in ROWS if row in report},
        "screen": mutation.candidates if mutation.score_tasks else None,
        "work": {"programs": _programs_tried(parts, state)},
        "snapshot": f"{parts.search_tasks.snapshot}, digest {parts.search_tasks.digest}",
        "seed": parts.config.seed,
        "t_seconds": {stage: round(value, 1) for stage, value in seconds.items()},
    }
    directory.write("summary.json", json.dumps(summary, indent=2) + "\n")
    return summary


def print_summary(parts: Components, state: RunState, summary: dict[str, Any], say: Callable[[str], None]) -> None:
    """Print the tasks that pass@3 counts, with the programs of the policy that solve them, and the counts.

    Args:
        parts: of the run.
        state: at its end.
        summary: as `write_summary` returned it.
        say: prints a line.
    """
    tasks = parts.search_tasks
    say("")
    say("tasks solved by pass@3: the demonstrations that the program reproduces, and who found it")
    for solved in solved_tasks(state.solutions, tasks):
        candidate = solved.candidate
        displaced = "" if "cumulative" in solved.rows else "; not solved when all programs are chosen from"
        say(f"{solved.task_id}  {demonstrations_held(candidate)}  {found_by(candidate)}{displaced}")
        if candidate.origin == "policy":
            say("    " + candidate.program.replace("\n", "\n    "))
    say("")
    rows = {row: summary["solved"][row] for row in ROW_NAMES if row in summary["solved"]}
    for line in score_table(f"tasks solved of {len(tasks)}", rows).splitlines():
        say(line)
    say(SCREENS[summary["screen"]])
    say(f"{summary['programs_sampled']} programs sampled, {summary['programs_unique']} of them distinct")


def _programs_tried(parts: Components, state: RunState) -> dict[str, int]:
    """Return how many programs were tried for the tasks, all tasks together, by who wrote them."""
    initial = Counter(state.initial_programs.values()) if parts.config.mutation.score_tasks else Counter()
    tried = {origin: initial[origin] * len(parts.search_tasks) for origin in ("seed", "mutant")}
    guided = {"guided": state.num_guided} if parts.config.search.guided_programs else {}
    return tried | {"policy": state.num_sampled} | guided
