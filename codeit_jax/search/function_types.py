"""Functions as values: what they take and return, so that only those that fit are combined.

The language calls every function value `Callable`. Tried blindly, most combinations of functions fail; so every
function gets a type, and with it the *roles* that it can play in a call. A role is a string: the name of the domain
of the functions that can play it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import interpreter
from codeit_jax.mutation.base_signatures import BASE_SIGNATURES
from interpreter.language.type_names import CALLABLE

BUILDERS = ("compose", "matcher", "lbind", "rbind")
"""The primitives that make a search's functions. `chain` is two `compose`; `fork` and `power` make far too many."""

# Passed on, it gives what the call gives without it.
NOT_PASSED_ON = frozenset({"identity"})
"""Primitives that are never arguments."""


@dataclass(frozen=True, slots=True)
class FunctionType:
    """Base types that a function takes and returns.

    Attributes:
        parameters: for each parameter the base types that it accepts.
        results: the base types that the function may return.
    """

    parameters: tuple[frozenset[str], ...]
    results: frozenset[str]

    def roles(self) -> Iterator[str]:
        """Yield the roles that such a function can play where functions are called."""
        # Functions of three arguments have none: no primitive calls its argument with so many.
        if len(self.parameters) == 1:
            for taken in self.parameters[0]:
                yield takes(taken)
                yield from (takes_and_gives(taken, given) for given in self.results)
        elif len(self.parameters) == 2:
            yield from (takes_both(a, b) for a in self.parameters[0] for b in self.parameters[1])

    def parts(self) -> Iterator[str]:
        """Yield the roles that such a function can play where functions are built; only primitives do that."""
        if len(self.parameters) == 1:
            yield from map(outer, self.parameters[0])
            yield from map(inner, self.results)
        else:
            yield from map(bound_first, self.parameters[0])
            yield from map(bound_last, self.parameters[-1])


def takes(base: str) -> str:
    """Name the role of a function of one argument."""
    return f"{base} ->"


def takes_and_gives(taken: str, given: str) -> str:
    """Name the role of a function of one argument that may return a base type."""
    return f"{taken} -> {given}"


def takes_both(first: str, second: str) -> str:
    """Name the role of a function of two arguments."""
    return f"{first}, {second} ->"


def outer(base: str) -> str:
    """Name the role of a primitive of one argument that is composed with one that returns it."""
    return f"outer({base})"


def inner(base: str) -> str:
    """Name the role of a primitive of one argument whose result is composed further or compared."""
    return f"inner -> {base}"


def bound_first(base: str) -> str:
    """Name the role of a primitive of several arguments whose first is fixed."""
    return f"bound({base}, ...)"


def bound_last(base: str) -> str:
    """Name the role of a primitive of several arguments whose last is fixed."""
    return f"bound(..., {base})"


@cache  # the same for every task that a worker searches
def primitive_types() -> dict[str, FunctionType]:
    """Return the types of the primitives that a search passes on as values: all but those that take functions."""
    types = {}
    for name, signature in interpreter.SIGNATURES.items():
        found = [s for group in BASE_SIGNATURES.values() for s in group.get(name, ())]
        if found and name not in NOT_PASSED_ON and CALLABLE not in [p.type for p in signature.parameters]:
            # Per position: that some combinations don't occur together is given up, for a type of a few sets.
            columns = zip(*(s.parameters for s in found), strict=True)
            types[name] = FunctionType(tuple(map(frozenset, columns)), frozenset(s.result for s in found))
    return types


def built_type(builder: str, function: FunctionType, other: FunctionType | None) -> FunctionType:
    """Return the type of what a builder makes of a function and a second argument, which `compose` needs as `other`."""
    if builder == "compose":
        assert other is not None
        return FunctionType(other.parameters, function.results)
    if builder == "matcher":
        return FunctionType(function.parameters, frozenset({"Boolean"}))
    # `lbind` and `rbind` fix the first and the last argument.
    kept = function.parameters[1:] if builder == "lbind" else function.parameters[:-1]
    return FunctionType(kept, function.results)
