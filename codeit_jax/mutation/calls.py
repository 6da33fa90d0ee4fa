"""Drawing a type-correct call uniformly."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeVar

import numpy as np

from codeit_jax.mutation.base_signatures import BASE_SIGNATURES, BaseSignature
from codeit_jax.mutation.scope import PRIMITIVE_SLOTS, Scope

T = TypeVar("T")


_REMEMBERED_SCOPES = 4096


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
    groups = _feasible(tuple(results), frozenset(scope.available))
    if not groups:
        return None
    signature = pick(pick(groups, rng), rng)
    arguments = tuple(
        pick(scope.arguments(base, callee=signature.name, position=position), rng)
        for position, base in enumerate(signature.parameters)
    )
    return Call(PRIMITIVE_SLOTS[signature.name], arguments, signature.result)


@lru_cache(maxsize=_REMEMBERED_SCOPES)
def _feasible(results: tuple[str, ...], available: frozenset[str]) -> tuple[tuple[BaseSignature, ...], ...]:
    """Return the base signatures with such a result whose arguments can all be named, grouped by primitive."""
    groups: defaultdict[str, list[BaseSignature]] = defaultdict(list)
    for result in results:
        for name, signatures in BASE_SIGNATURES[result].items():
            groups[name].extend(signature for signature in signatures if signature.required <= available)
    return tuple(tuple(group) for group in groups.values() if group)
