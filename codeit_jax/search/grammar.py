"""The calls that a search makes: primitives on arguments of given types.

A call is described by the *pool* that each of its arguments comes from: a base type for values, a role for functions
(`codeit_jax.search.functions`).
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import interpreter
from codeit_jax.arc import Example
from codeit_jax.mutation.base_signatures import BASE_SIGNATURES
from codeit_jax.mutation.elements import ELEMENTS
from codeit_jax.search.functions import (
    BUILDERS,
    bound_first,
    bound_last,
    inner,
    outer,
    takes,
    takes_and_gives,
    takes_both,
)
from interpreter.language.slots import FIXED_NAMES
from interpreter.language.type_names import BASE_TYPES, CALLABLE, CONTAINER, GRID

# Calls that give nothing new, make too many functions or sets, or need containers of functions, which no search builds.
_LEFT_OUT = frozenset({"identity", "chain", "fork", "power", "product", "prapply", "rapply"})
# Functions are not tried on numbers of a pair, rows of a grid, or elements of which nothing is known. So the container
# that a function is used on is never a mere name.
_NOT_MAPPED_OVER = frozenset({"IntegerTuple", GRID, CONTAINER})
_TESTS = frozenset({"sfilter", "mfilter", "extract"})
_MEASURES = frozenset({"argmax", "argmin", "valmax", "valmin", "order"})
_SMALL_NUMBERS = frozenset({0, 1, 2, 3})


class Production(NamedTuple):
    """A kind of call.

    Attributes:
        callee: slot of the primitive.
        pools: for each argument the pool that it is taken from.
        results: the base types that the result may have; empty for functions.
    """

    callee: int
    pools: tuple[str, ...]
    results: frozenset[str]

    @property
    def name(self) -> str:
        """The primitive."""
        return FIXED_NAMES[self.callee]

    @property
    def builds_function(self) -> bool:
        """Tell whether the result is a function."""
        return not self.results

    @property
    def may_give_grid(self) -> bool:
        """Tell whether the result can be an output grid; rows in a tuple are typed as a container."""
        return not self.results.isdisjoint({GRID, CONTAINER})


def productions(names: Iterable[str] = tuple(interpreter.SIGNATURES)) -> list[Production]:
    """List the calls of some primitives, in the order of the signature table."""
    chosen = [name for name in names if name not in _LEFT_OUT]
    return [p for name in chosen for p in (_built(name) if name in BUILDERS else _called(name))]


def constants_for(examples: Iterable[Example]) -> list[str]:
    """Return the constants worth trying: of the integers only small ones and the colours of the examples."""
    grids = [grid for example in examples for grid in (example.input, example.output)]
    numbers = _SMALL_NUMBERS.union(*(row for grid in grids for row in grid))
    return [
        name for name, value in interpreter.CONSTANTS.items() if isinstance(value, bool | tuple) or value in numbers
    ]


def _called(name: str) -> Iterator[Production]:
    """Yield the calls of a primitive that builds no function."""
    annotated = [parameter.type for parameter in interpreter.SIGNATURES[name].parameters]
    results: dict[tuple[str, ...], set[str]] = {}
    for group in BASE_SIGNATURES.values():
        for signature in group.get(name, ()):
            # A parameter of any type could be a function too, but then nothing is known of what the call is good for.
            if signature.parameters.count(CALLABLE) == annotated.count(CALLABLE):
                results.setdefault(signature.parameters, set()).add(signature.result)
    for parameters, given in sorted(results.items()):
        for pools in itertools.product(*(_pools(name, parameters, k) for k in range(len(parameters)))):
            yield Production(FIXED_NAMES.index(name), pools, frozenset(given))


def _pools(name: str, parameters: tuple[str, ...], position: int) -> list[str]:
    """List the pools for an argument: for a function those that fit the elements of the containers beside it."""
    if parameters[position] != CALLABLE:
        return [parameters[position]]
    elements = [() if base in _NOT_MAPPED_OVER else ELEMENTS[base] for base in parameters if base != CALLABLE]
    if len(elements) == 2:
        return [takes_both(a, b) for a, b in itertools.product(*elements)]
    if name in _TESTS:
        return [takes_and_gives(element, "Boolean") for element in elements[0]]
    if name in _MEASURES:
        return [takes_and_gives(element, "Integer") for element in elements[0]]
    return [takes(element) for element in elements[0]]


def _built(name: str) -> Iterator[Production]:
    """Yield the calls of a primitive that builds functions."""
    for base in BASE_TYPES:
        if base == CALLABLE:
            continue
        pools = {
            "compose": (outer(base), inner(base)),
            "matcher": (inner(base), base),
            "lbind": (bound_first(base), base),
            "rbind": (bound_last(base), base),
        }[name]
        yield Production(FIXED_NAMES.index(name), pools, frozenset())
