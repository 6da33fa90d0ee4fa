"""Drawing a type-correct call uniformly."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from codeit_jax.mutation.base_signatures import BASE_SIGNATURES, BaseSignature
from codeit_jax.mutation.scope import PRIMITIVE_SLOTS, Scope

T = TypeVar("T")


class Call(NamedTuple):
    """A call of a primitive, in slots, and the base type of its result."""

    callee: int
    arguments: tuple[int, ...]
    result: str


def pick(items: Sequence[T], rng: np.random.Generator) -> T:
    """Return one of the items, each with the same probability."""
    return items[int(rng.integers(len(items)))]


def draw_call(results: Iterable[str], scope: Scope, rng: np.random.Generator) -> Call | None:
    """Draw a call whose result has one of the base types: first the primitive, then the argument types, then the
    arguments.

    Returns:
        The call, or None when nothing in scope makes one.
    """
    candidates: dict[str, list[BaseSignature]] = {}
    for result in results:
        for name, signatures in BASE_SIGNATURES[result].items():
            feasible = [signature for signature in signatures if signature.required <= scope.available]
            if feasible:
                candidates.setdefault(name, []).extend(feasible)
    if not candidates:
        return None
    signature = pick(candidates[pick(list(candidates), rng)], rng)
    arguments = tuple(
        pick(scope.arguments(base, callee=signature.name, position=position), rng)
        for position, base in enumerate(signature.parameters)
    )
    return Call(PRIMITIVE_SLOTS[signature.name], arguments, signature.result)
