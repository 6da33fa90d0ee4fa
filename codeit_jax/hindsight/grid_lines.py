"""Experiences from the grid-valued lines of programs: what leads to such a grid, and what follows from it alone.

A line that gives a grid ends a shorter program, the *prefix*, which is as true an example as the whole is, even if the
whole fails later. Where all that follows needs nothing of the input but that grid, it is a program too, the *suffix*,
from that grid to the whole's output.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import interpreter
from codeit_jax.arc import Example, TaskSet
from codeit_jax.config.schema import DemonstrationOrder, HindsightConfig
from codeit_jax.hindsight.executions import Execution, execute
from codeit_jax.hindsight.experience import Experience, Origin
from codeit_jax.hindsight.relabel import demonstration_performance, relabel, smallest_places, solved_demonstrations
from codeit_jax.programs import canonical_program
from codeit_jax.programs.rewrites import tidy
from interpreter.language.slots import FIRST_LINE_SLOT, FIXED_NAMES, INPUT_SLOT, NUM_PRIMITIVES, Instruction
from interpreter.language.type_names import GRID, SUBTYPES


@dataclass(frozen=True, kw_only=True, slots=True)
class LineExperiences:
    """What the grid-valued lines of some programs teach.

    Attributes:
        prefixes: of programs that end with such a line, on their task's demonstrations.
        suffixes: of what follows such a line, on its grids; the performance is that of the whole program.
    """

    prefixes: list[Experience]
    suffixes: list[Experience]


class _Cut(NamedTuple):
    """A place where a program can be cut; without a suffix if what follows needs more than that line's grid."""

    whole: Execution
    prefix: str
    suffix: str | None


def line_experiences(
    executions: Sequence[Execution],
    tasks: TaskSet,
    config: HindsightConfig,
    *,
    pool: interpreter.InterpreterPool,
    origin: Origin,
    iteration: int,
    order: DemonstrationOrder = "cells",
) -> LineExperiences:
    """Cut programs at their grid-valued lines and make experiences of the parts.

    Args:
        executions: of the programs, on their tasks' demonstrations.
        tasks: theirs.
        config, origin, iteration, order: as for `relabel`.
        pool: runs the prefixes.

    Returns:
        Prefixes that are new among the programs, each once for a task, by task; suffixes each once for the same grids.
    """
    # A text that is no program has no lines.
    ran = [e for e in executions if any(outcome.status != interpreter.Status.SYNTAX for outcome in e.outcomes)]
    cuts = [cut for execution in ran for cut in _cuts(execution)]
    texts: dict[str, list[str]] = {}
    for cut in cuts:
        texts.setdefault(cut.whole.task_id, []).append(cut.prefix)
    found = execute(texts, tasks, pool)
    known = {(execution.task_id, execution.program) for execution in executions}
    prefixes = [
        experience
        for execution in found
        if (execution.task_id, execution.program) not in known
        if (
            experience := relabel(
                execution, tasks[execution.task_id], config, origin=origin, iteration=iteration, order=order
            )
        )
        # What gives back its input teaches nothing.
        if any(example.input != example.output for example in experience.examples)
    ]
    by_text = {(execution.task_id, execution.program): execution for execution in found}
    suffixes = _suffixes(cuts, by_text, tasks, config, origin=origin, iteration=iteration, order=order)
    return LineExperiences(prefixes=prefixes, suffixes=list(suffixes))


def _cuts(whole: Execution) -> Iterator[_Cut]:
    """Yield the places behind a line that may give a grid; only the last line gives the output, so it is none."""
    # Tidy: a line that nothing needs would stand in the way of a suffix.
    lines = tidy(interpreter.parse(whole.program)).lines
    for place in range(len(lines) - 1):
        if _may_give_grid(lines[place]):
            yield _Cut(whole, str(tidy(canonical_program(lines[: place + 1]))), _after(lines, place))


def _may_give_grid(line: Instruction) -> bool:
    # Of a function that was computed nothing is known; running the prefix tells.
    if line.callee >= NUM_PRIMITIVES:
        return True
    return GRID in SUBTYPES[interpreter.SIGNATURES[FIXED_NAMES[line.callee]].result]


def _after(lines: Sequence[Instruction], place: int) -> str | None:
    """Return the program that follows a line, whose value is its input; None if it needs the input or other lines."""
    grid_slot = FIRST_LINE_SLOT + place

    def moved(slot: int) -> int | None:
        if slot > grid_slot:
            return slot - place - 1
        # The line itself becomes the input; names that need no line stay.
        return INPUT_SLOT if slot == grid_slot else slot if slot < INPUT_SLOT else None

    suffix = []
    for target, callee, arguments in lines[place + 1 :]:
        slots = [moved(slot) for slot in (target, callee, *arguments)]
        if None in slots:
            return None
        new_target, new_callee, *rest = [slot for slot in slots if slot is not None]
        suffix.append(Instruction(new_target, new_callee, tuple(rest)))
    return str(canonical_program(suffix))


def _suffixes(
    cuts: Iterable[_Cut],
    prefixes: Mapping[tuple[str, str], Execution],
    tasks: TaskSet,
    config: HindsightConfig,
    *,
    origin: Origin,
    iteration: int,
    order: DemonstrationOrder,
) -> Iterator[Experience]:
    seen: set[tuple[str, str]] = set()
    for whole, prefix, suffix in cuts:
        if suffix is None:
            continue
        task = tasks[whole.task_id]
        solved = solved_demonstrations(whole, task)
        places = smallest_places(task, config.num_demonstrations, order)
        pairs = [(prefixes[task.id, prefix].outcomes[place].grid, whole.outcomes[place].grid) for place in places]
        examples = tuple(
            Example(input=grid, output=output)
            for place, (grid, output) in zip(places, pairs, strict=True)
            if grid is not None and output is not None and (config.relabel or solved[place])
        )
        if not examples or (config.keep == "all" and len(examples) < len(places)):
            continue
        # Named by its inputs, which aren't the task's: the same suffix behind another prefix is another experience.
        digest = hashlib.blake2b(repr([example.input for example in examples]).encode(), digest_size=8).hexdigest()
        key = f"{task.id}:{digest}", suffix
        if key not in seen and any(example.input != example.output for example in examples):
            seen.add(key)
            yield Experience(
                task_id=key[0],
                program=suffix,
                examples=examples,
                demonstration_performance=demonstration_performance(solved),
                origin=origin,
                iteration=iteration,
            )
