"""What a meta-iteration's samples are like, as counts that are small enough to keep: lengths, faults, primitives.

Each is a function of the samples alone, so that a resumed run writes the numbers of an uninterrupted one.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from codeit_jax.hindsight import Execution
from interpreter import PRIMITIVES, Reason, Status

TOKENS_PER_BIN = 8
"""Width of a bin of `length_histogram`: 64 bins hold the paper's window of 512 tokens."""

_NAME = re.compile(r"[a-z][a-z0-9]*")
_REASONS = {reason.value: reason.name.lower() for reason in Reason}


def length_histogram(lengths: Iterable[int]) -> list[int]:
    """Count lengths in bins.

    Args:
        lengths: in tokens, not negative.

    Returns:
        Element i is how many are at least `TOKENS_PER_BIN` i and less than `TOKENS_PER_BIN` (i + 1); the last isn't 0.
    """
    counts = Counter(length // TOKENS_PER_BIN for length in lengths)
    return [counts[number] for number in range(max(counts, default=-1) + 1)]


def syntax_faults(executions: Sequence[Execution]) -> dict[str, int]:
    """Count the texts that are no programs by what is wrong with them first.

    Returns:
        Numbers of texts by the name of an `interpreter.Reason` in small letters, ascending by name; without zeros.
    """
    # A text that doesn't parse does so for every grid: its first outcome has the message.
    outcomes = [execution.outcomes[0] for execution in executions if execution.outcomes]
    # `line 3: no lines`, or the reason alone where no line is to blame.
    messages = [outcome.message for outcome in outcomes if outcome.status is Status.SYNTAX]
    counts = Counter(_REASONS.get(message.rpartition(": ")[2], "other") for message in messages)
    return dict(sorted(counts.items()))


def primitive_uses(executions: Sequence[Execution]) -> dict[str, int]:
    """Count the uses of primitives, called or passed, in the distinct programs that parse.

    Returns:
        Numbers of uses by name, ascending by name; without zeros.
    """
    counts: Counter[str] = Counter()
    for execution in executions:
        if execution.outcomes and execution.outcomes[0].status is not Status.SYNTAX:
            # No other name of a program is spelled like a primitive's: parsing again would only take longer.
            counts.update(name for name in _NAME.findall(execution.program) if name in PRIMITIVES)
    return dict(sorted(counts.items()))
