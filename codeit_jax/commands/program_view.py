"""How `sample`, `solve` and `show` present programs: on the terminal with their grids, and as JSON."""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from codeit_jax.config.errors import printable

if TYPE_CHECKING:
    from codeit_jax.arc import Example, Grid, Task
    from codeit_jax.evaluation import Candidate
    from codeit_jax.evaluation.program_ranking import RankedProgram
    from interpreter import Outcome


def program_json(
    candidate: "Candidate", outcomes: "Sequence[Outcome]", task: "Task", details: dict[str, Any]
) -> dict[str, Any]:
    """Return an element of the JSON key `programs`; `tests` is null where a test's output is unknown.

    Args:
        candidate: the program and which outputs it reproduces.
        outcomes: its outcome on each input of the task.
        task: the task.
        details: where it is from, as JSON values.
    """
    shown = len(task.demonstrations)
    return {
        "task_id": task.id,
        "program": candidate.program,
        **details,
        "demonstrations": list(candidate.demonstrations),
        "tests": list(candidate.tests) if task.has_outputs else None,
        "outputs": [outcome.grid for outcome in outcomes[:shown]],
        "predictions": [outcome.grid for outcome in outcomes[shown:]],
    }


def ranked_json(program: "RankedProgram", task: "Task") -> dict[str, Any]:
    """Return the element for a program that was just sampled."""
    details = {"count": program.count, "log_prob": program.rounded_log_prob}
    return program_json(program.candidate, program.outcomes, task, details)


def print_ranked(program: "RankedProgram", task: "Task", stream: TextIO) -> None:
    """Print a program that was just sampled."""
    source = "drawn once" if program.count == 1 else f"drawn {program.count} times"
    print_program(program.candidate, program.outcomes, task, source, stream)


def print_program(
    candidate: "Candidate", outcomes: "Sequence[Outcome]", task: "Task", source: str, stream: TextIO
) -> None:
    """Print a program, the demonstrations it solves, and its grids: in color on a terminal, as digits elsewhere.

    Args:
        candidate: the program and which outputs it reproduces.
        outcomes: its outcome on each input of the task.
        task: the task.
        source: where the program is from, e.g. `drawn 3 times`.
        stream: where to print.
    """
    from codeit_jax.reporting.terminal_grids import format_grids

    held = sum(candidate.demonstrations)
    print(f"  {held} of {len(task.demonstrations)} demonstrations hold; {printable(source)}", file=stream)
    for line in candidate.program.split("\n"):
        print(f"    {printable(line)}", file=stream)  # a file edited by hand may hold anything
    # A fixed width where there is no terminal, so that redirected output doesn't depend on the window.
    width = shutil.get_terminal_size((100, 24)).columns if stream.isatty() else 100
    panels = list(_panels(candidate, outcomes, task))
    print(format_grids(panels, color=has_color(stream), width=width), file=stream)
    print(file=stream)


def has_color(stream: TextIO) -> bool:
    """Return whether to use color: on a terminal, unless the user's NO_COLOR (no-color.org) is set."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def people(arguments: Any) -> TextIO:
    """Return the stream for people: standard output, unless that is for `--json`."""
    return sys.stderr if arguments.json else sys.stdout


def _panels(candidate: "Candidate", outcomes: "Sequence[Outcome]", task: "Task") -> "Iterator[tuple[str, Grid | None]]":
    rest = iter(outcomes)
    for number, (example, held) in enumerate(zip(task.demonstrations, candidate.demonstrations, strict=True), start=1):
        yield from _pair(f"demo {number}", example, next(rest), "holds" if held else "fails")
    for number, (example, outcome) in enumerate(zip(task.tests, rest, strict=True), start=1):
        yield from _pair(f"test {number}", example, outcome, "prediction")


def _pair(name: str, example: "Example", outcome: "Outcome", verdict: str) -> "Iterator[tuple[str, Grid | None]]":
    yield name, example.input
    yield verdict if outcome.grid is not None else f"{verdict}: {outcome.status.value}", outcome.grid
