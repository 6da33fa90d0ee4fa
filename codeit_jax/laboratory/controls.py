"""The controls that a result on ARC is asked for: what of them these runs have, and what was not run."""

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from codeit_jax.laboratory.arms import CODEIT, Arm
from codeit_jax.laboratory.run_record import solved_matrix
from codeit_jax.laboratory.tables import NOT_RUN, Table, mean_text


def controls_table(arms: Sequence[Arm]) -> Table:
    """Return what is known of each control for the first arm that is CodeIt itself, by pass@3 unless said otherwise."""
    main = next((arm for arm in arms if arm.paper_row == CODEIT), None)
    rows = [
        ("CodeIt itself, all programs", "" if main is None else mean_text(solved_matrix(main.runs, "cumulative"))),
        ("nothing learned: its seed programs and mutants alone", _initial(main)),
        ("a policy of the same size without the loop: learns from mutants (A1)", _cumulative(arms, "A1")),
        ("without relabels (A2)", _cumulative(arms, "A2")),
        ("blind mutation, no more programs than CodeIt tried for a task", _mutation(arms, main, "d1")),
        ("guided mutation, no more programs than CodeIt tried for a task", _mutation(arms, main, "guided")),
        ("one guess: the best program (pass@1)", _column(main, "pass@1")),
        ("one guess: by vote (vote@1)", _column(main, "vote@1")),
        ("two guesses by vote (vote@2)", _column(main, "vote@2")),
        ("learning from training tasks only", ""),
        ("demonstrations shuffled between tasks when programs are sampled", ""),
        ("a generated hidden set that is on no web page", ""),
    ]
    return Table(
        name="controls",
        title="Controls, tasks solved",
        head=("control", "ours"),
        rows=[(name, found or NOT_RUN) for name, found in rows],
        notes=("Spread over seeds, cost for each task and the digest of the data stand in tables of their own.",),
    )


def _initial(main: Arm | None) -> str:
    if main is None:
        return ""
    return mean_text(solved_matrix(main.runs, "seeds") | solved_matrix(main.runs, "mutants"))


def _cumulative(arms: Sequence[Arm], name: str) -> str:
    return "; ".join(mean_text(solved_matrix(arm.runs, "cumulative")) for arm in arms if arm.paper_row == name)


def _column(main: Arm | None, column: str) -> str:
    return "" if main is None else mean_text(solved_matrix(main.runs, "cumulative", column))


def _mutation(arms: Sequence[Arm], main: Arm | None, method: str) -> str:
    """Return what a mutation job had solved with as many programs a task as the runs tried, by its curve."""
    job = next((arm for arm in arms if arm.paper_row == method and arm.kind == "mutate"), None)
    if main is None or job is None or job.runs[0].tasks.digest != main.runs[0].tasks.digest:
        return ""
    # A mutant is tried on every task, a sample on its own: what is equal are the programs tried for a task.
    tried = [_tried_for_a_task(main, place) for place in range(len(main.runs))]
    found = []
    for run in job.runs:
        curve = run.summary.get("curve", [])
        place = bisect_right([count for count, _ in curve], np.mean(tried)) - 1
        if place >= 0:
            found.append(f"{curve[place][1]} with {curve[place][0]} programs")
    return f"{'; '.join(found)} (CodeIt: {np.mean(tried):.0f})" if found else ""


def _tried_for_a_task(arm: Arm, place: int) -> float:
    run = arm.runs[place]
    samples: int = sum(row["programs"] for row in run.stage("sample"))
    return min(run.programs_tried.values(), default=0) + samples / len(run.tasks)
