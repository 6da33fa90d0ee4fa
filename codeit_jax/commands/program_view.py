"""How `sample`, `solve` and `show` present programs: on the terminal with their grids, and as JSON."""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from codeit_jax.arc import Example, Grid, Task
    from codeit_jax.evaluation import Candidate
    from codeit_jax.inference.ranked_programs import Attempt
    from interpreter import Outcome


@dataclass(frozen=True)
class FoundProgram:
    """A program and what it does on its task.

    Attributes:
        candidate: its text and which outputs it reproduces.
        demonstrations: outcome on each demonstration input.
        tests: outcome on each test input.
        source: where it is from, as text, e.g. `drawn 3 times`.
        details: the same, as JSON values.
    """

    candidate: "Candidate"
    demonstrations: "Sequence[Outcome]"
    tests: "Sequence[Outcome]"
    source: str
    details: dict[str, Any]

    def to_json(self, task: "Task") -> dict[str, Any]:
        """Return an element of the JSON key `programs`; `tests` is null where a test's output is unknown."""
        from codeit_jax.arc.lookup import has_outputs

        return {
            "task_id": task.id,
            "program": self.candidate.program,
            **self.details,
            "demonstrations": list(self.candidate.demonstrations),
            "tests": list(self.candidate.tests) if has_outputs(task) else None,
            "outputs": [outcome.grid for outcome in self.demonstrations],
            "predictions": [outcome.grid for outcome in self.tests],
        }


def found_by_policy(attempt: "Attempt") -> FoundProgram:
    """Return the view of a program that was just sampled."""
    return FoundProgram(
        candidate=attempt.candidate,
        demonstrations=attempt.demonstrations,
        tests=attempt.tests,
        source="drawn once" if attempt.count == 1 else f"drawn {attempt.count} times",
        details={"count": attempt.count, "log_prob": round(attempt.log_prob, 4)},
    )


def print_program(program: FoundProgram, task: "Task", stream: TextIO) -> None:
    """Print a program, which demonstrations it solves, and its grids: in color on a terminal, as digits elsewhere."""
    from codeit_jax.reporting.terminal_grids import format_grids

    held = sum(program.candidate.demonstrations)
    print(f"  {held} of {len(task.demonstrations)} demonstrations hold; {program.source}", file=stream)
    for line in program.candidate.program.split("\n"):
        # A file edited by hand may hold anything; no control character of it reaches the terminal.
        print("    " + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line), file=stream)
    # A fixed width where there is no terminal, so that redirected output doesn't depend on the window.
    width = shutil.get_terminal_size((100, 24)).columns if stream.isatty() else 100
    print(format_grids(list(_panels(program, task)), color=has_color(stream), width=width), file=stream)
    print(file=stream)


def has_color(stream: TextIO) -> bool:
    """Return whether to use color: on a terminal, unless the user's NO_COLOR (no-color.org) is set."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def people(arguments: Any) -> TextIO:
    """Return the stream for people: standard output, unless that is for `--json`."""
    return sys.stderr if arguments.json else sys.stdout


def _panels(program: FoundProgram, task: "Task") -> "Iterator[tuple[str, Grid | None]]":
    shown = zip(task.demonstrations, program.demonstrations, program.candidate.demonstrations, strict=True)
    for number, (example, outcome, held) in enumerate(shown, start=1):
        yield from _pair(f"demo {number}", example, outcome, "holds" if held else "fails")
    for number, (example, outcome) in enumerate(zip(task.tests, program.tests, strict=True), start=1):
        yield from _pair(f"test {number}", example, outcome, "prediction")


def _pair(name: str, example: "Example", outcome: "Outcome", verdict: str) -> "Iterator[tuple[str, Grid | None]]":
    yield name, example.input
    yield verdict if outcome.grid is not None else f"{verdict}: {outcome.status.value}", outcome.grid
