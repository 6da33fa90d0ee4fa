"""Which primitives do programs use? What a policy never sees in its seed programs, it hardly learns to use."""

from collections import Counter
from collections.abc import Sequence

import interpreter
from codeit_jax.programs.solver_file import SeedProgram
from interpreter.language.slots import FIXED_NAMES, NUM_PRIMITIVES

_HEAD = """\
# Coverage

In how many of the {programs} built-in seed programs each of the {primitives} primitives occurs, called or passed on as
a function; rarest first. Written by `codeit_jax.programs.coverage_table(load_programs("builtin"))`; a test keeps it
up to date.

| primitive | programs |
|---|---|
"""


def coverage(seeds: Sequence[SeedProgram]) -> dict[str, int]:
    """Return, for every primitive, the number of programs in which it occurs."""
    counts = Counter(name for seed in seeds for name in _primitives_of(seed.program))
    return {name: counts[name] for name in interpreter.SIGNATURES}


def coverage_table(seeds: Sequence[SeedProgram]) -> str:
    """Return the coverage as a Markdown page."""
    counts = coverage(seeds)
    rows = "".join(f"| `{name}` | {counts[name]} |\n" for name in sorted(counts, key=lambda name: (counts[name], name)))
    return _HEAD.format(programs=len(seeds), primitives=len(counts)) + rows


def _primitives_of(program: interpreter.Program) -> set[str]:
    slots = {slot for line in program.lines for slot in (line.callee, *line.arguments)}
    return {FIXED_NAMES[slot] for slot in slots if slot < NUM_PRIMITIVES}
