"""Drawing type-correct calls uniformly, and whole programs of them: the paper's random baseline (appendix A.2)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeVar

import numpy as np

import interpreter
from codeit_jax.mutation.base_signatures import BASE_SIGNATURES, BaseSignature
from codeit_jax.mutation.scope import PRIMITIVE_SLOTS, Scope
from codeit_jax.programs import canonical_program
from interpreter.language.slots import FIRST_LINE_SLOT, Instruction
from interpreter.language.type_names import BASE_TYPES, GRID

T = TypeVar("T")

STOP_PROBABILITY = 0.8
"""Probability that a line which gives a grid is a random program's last."""

MAX_PROGRAM_LINES = 32
"""Lines after which a random program is given up. The paper names no bound; fewer than one program in a thousand gets
there."""

_REMEMBERED_SCOPES = 4096


class Call(NamedTuple):
    """A call of a primitive.

    Attributes:
        callee: slot of the primitive.
        arguments: slots of the arguments.
        result: base type of the result.
    """

    callee: int
    arguments: tuple[int, ...]
    result: str


def pick(items: Sequence[T], rng: np.random.Generator) -> T:
    """Return one of the items, each with the same probability."""
    # Not `rng.choice`: it would make an array of the items first, which is slow and turns tuples into rows.
    return items[int(rng.integers(len(items)))]


def draw_call(results: Iterable[str], scope: Scope, rng: np.random.Generator) -> Call | None:
    """Draw a call whose result has one of the base types: primitive first, then argument types, then arguments.

    Returns:
        The call, or None when nothing in scope makes one.
    """
    groups = _feasible(tuple(results), frozenset(scope.available))
    if not groups:
        return None
    # In two steps: drawn from one list, a polymorphic primitive would be as likely as it has base signatures, and
    # `equality` or `branch` would be most of what is drawn.
    signature = pick(pick(groups, rng), rng)
    arguments = tuple(
        pick(scope.arguments(base, callee=signature.name, position=position), rng)
        for position, base in enumerate(signature.parameters)
    )
    return Call(PRIMITIVE_SLOTS[signature.name], arguments, signature.result)


# Which base types are available is all that matters of a scope here, and few combinations of them occur; finding the
# signatures that fit takes far longer than drawing from them.
@lru_cache(maxsize=_REMEMBERED_SCOPES)
def _feasible(results: tuple[str, ...], available: frozenset[str]) -> tuple[tuple[BaseSignature, ...], ...]:
    """Return the base signatures with such a result whose arguments can all be named, grouped by primitive."""
    groups: defaultdict[str, list[BaseSignature]] = defaultdict(list)
    for result in results:
        for name, signatures in BASE_SIGNATURES[result].items():
            groups[name].extend(signature for signature in signatures if signature.required <= available)
    # A tuple in the signature table's order, not a set: an index drawn from a seed must mean the same everywhere.
    return tuple(tuple(group) for group in groups.values() if group)


def random_program(rng: np.random.Generator) -> interpreter.Program | None:
    """Draw a program, each line any type-correct call, until a line that gives a grid stops it.

    Returns:
        The program, or None when MAX_PROGRAM_LINES lines didn't end it.
    """
    scope = Scope(())
    lines: list[Instruction] = []
    for slot in range(FIRST_LINE_SLOT, FIRST_LINE_SLOT + MAX_PROGRAM_LINES):
        call = draw_call(BASE_TYPES, scope, rng)
        if call is None:
            raise AssertionError("the constants and the input grid always make a call")
        lines.append(Instruction(slot, call.callee, call.arguments))
        # Unused lines stay: the paper's random programs have them, too.
        if call.result == GRID and rng.random() < STOP_PROBABILITY:
            return canonical_program(lines)
        scope.add(slot, call.result)
    return None
