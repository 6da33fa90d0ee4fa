"""Contract test of the built-in programs: a policy hardly learns to use what its seed programs don't show it."""

from collections import Counter

import interpreter
from codeit_jax.programs import load_programs
from interpreter.language.slots import FIXED_NAMES, NUM_PRIMITIVES


def test_every_primitive_occurs_in_three_programs_called_or_passed_on():
    counts = Counter()
    for seed in load_programs("builtin"):
        slots = {slot for line in seed.program.lines for slot in (line.callee, *line.arguments)}
        counts.update(FIXED_NAMES[slot] for slot in slots if slot < NUM_PRIMITIVES)
    assert [name for name in interpreter.PRIMITIVES if counts[name] < 3] == []
