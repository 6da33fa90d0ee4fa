"""The calls that a search makes: primitives on arguments of given types.

A call is described by the *domain* that each of its arguments is taken from: a base type for values, a role for
functions (`codeit_jax.search.function_types`).
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import interpreter
from codeit_jax.arc import Example
from codeit_jax.mutation.base_signatures import BASE_SIGNATURES, ELEMENTS
from codeit_jax.search.function_types import (
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

# Calls that return nothing new, make too many functions or sets, or need containers of functions, which no search
# builds.
_LEFT_OUT = frozenset({"identity", "chain", "fork", "power", "product", "prapply", "rapply"})
# Functions are not tried on the numbers of a pair, the rows of a grid, or elements of which nothing is known. So the
# container that a function is applied to is never just a name; `enumeration` relies on that (see `grow`).
_NOT_MAPPED_OVER = frozenset({"IntegerTuple", GRID, CONTAINER})
# What the function that they take has to return: a truth value, a number.
_TESTS = frozenset({"sfilter", "mfilter", "extract"})
_MEASURES = frozenset({"argmax", "argmin", "valmax", "valmin", "order"})
_SMALL_NUMBERS = frozenset({0, 1, 2, 3})


class Production(NamedTuple):
    """A kind of call.

    Attributes:
        callee: slot of the primitive.
        domains: for each argument the domain that it is taken from.
        results: the base types that the result may have; empty for functions.
    """

    callee: int
    domains: tuple[str, ...]
    results: frozenset[str]

    @property
    def name(self) -> str:
        """Name of the primitive."""
        return FIXED_NAMES[self.callee]

    @property
    def builds_function(self) -> bool:
        """Whether the result is a function."""
        return not self.results

    @property
    def may_give_grid(self) -> bool:
        """Whether the result can be an output grid; rows in a tuple are typed as a container."""
        return not self.results.isdisjoint({GRID, CONTAINER})


def productions(names: Iterable[str] = tuple(interpreter.SIGNATURES)) -> list[Production]:
    """Return the kinds of calls of some primitives, in the order given."""
    chosen = [name for name in names if name not in _LEFT_OUT]
    return [p for name in chosen for p in (_built(name) if name in BUILDERS else _called(name))]


def constants_for(examples: Iterable[Example]) -> list[str]:
    """Return the constants worth trying: of the integers only small ones and the colors of the examples."""
    # Demonstrations only: the caller has no tests to give.
    grids = [grid for example in examples for grid in (example.input, example.output)]
    numbers = _SMALL_NUMBERS.union(*(row for grid in grids for row in grid))
    # Truth values and directions always: they are few, and most primitives with flags need them. In the table's order.
    return [
        name for name, value in interpreter.CONSTANTS.items() if isinstance(value, bool | tuple) or value in numbers
    ]


def _called(name: str) -> Iterator[Production]:
    """Yield the calls of a primitive that builds no function."""
    annotated = [parameter.type for parameter in interpreter.SIGNATURES[name].parameters]
    results: dict[tuple[str, ...], set[str]] = {}
    for group in BASE_SIGNATURES.values():
        for signature in group.get(name, ()):
            # A parameter of type Any could be a function, too, but then nothing is known about what the call returns.
            if signature.parameters.count(CALLABLE) == annotated.count(CALLABLE):
                results.setdefault(signature.parameters, set()).add(signature.result)
    # Sorted: the order of productions is the order of the search, and a budget in programs stops it at a place in it.
    for parameters, returned in sorted(results.items()):
        for domains in itertools.product(*(_domains(name, parameters, k) for k in range(len(parameters)))):
            yield Production(FIXED_NAMES.index(name), domains, frozenset(returned))


def _domains(name: str, parameters: tuple[str, ...], position: int) -> list[str]:
    """List the domains of an argument: for a function those that fit the elements of the containers beside it."""
    if parameters[position] != CALLABLE:
        return [parameters[position]]
    elements = [() if base in _NOT_MAPPED_OVER else ELEMENTS[base] for base in parameters if base != CALLABLE]
    # Two containers: `papply` and `mpapply` call the function with an element of each.
    if len(elements) == 2:
        return [takes_both(a, b) for a, b in itertools.product(*elements)]
    if name in _TESTS:
        return [takes_and_gives(element, "Boolean") for element in elements[0]]
    if name in _MEASURES:
        return [takes_and_gives(element, "Integer") for element in elements[0]]
    return [takes(element) for element in elements[0]]


def _built(name: str) -> Iterator[Production]:
    """Yield the calls of a primitive that builds functions."""
    # `base` is the type that joins the two parts: what `inner` returns and `outer` takes, or what is fixed.
    for base in BASE_TYPES:
        if base == CALLABLE:
            continue
        domains = {
            "compose": (outer(base), inner(base)),
            "matcher": (inner(base), base),
            "lbind": (bound_first(base), base),
            "rbind": (bound_last(base), base),
        }[name]
        yield Production(FIXED_NAMES.index(name), domains, frozenset())
