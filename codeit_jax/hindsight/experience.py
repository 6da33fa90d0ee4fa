"""What the policy learns from: a program together with examples that it really produces."""

from dataclasses import dataclass
from typing import Literal

from codeit_jax.arc import Example

# Of these words: the rows of solutions.jsonl hold them.
Origin = Literal["seed", "mutant", "policy", "search", "endpoint", "guided"]
"""Who wrote a program; enumerative search, and models behind an endpoint, are no part of a run."""

BEFORE_TRAINING = -1
"""The iteration number of what is found before the first meta-iteration."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Experience:
    """A correct example of program synthesis, whatever the task wanted.

    Attributes:
        task_id: the task whose inputs the program ran on.
        program: program text.
        examples: inputs with the outputs that the program produced for them, at least one.
        demonstration_performance: share of the task's demonstrations that the program solves, 0 to 1: the priority.
        origin: who wrote the program.
        iteration: meta-iteration in which it was found; `BEFORE_TRAINING` for what was there before the first.
    """

    task_id: str
    program: str
    examples: tuple[Example, ...]
    demonstration_performance: float
    origin: Origin
    iteration: int
