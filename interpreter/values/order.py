"""The canonical total order of DSL values, which replaces the hash order of sets wherever an order can be seen.

The order is: none < numbers < tuples < sets < functions; numbers by value; tuples lexicographically, a prefix
first; sets by their ascending element lists, a prefix first; functions by what they are made of (primitives by
name, before closures), so that their order does not depend on what else was built.
"""

from collections.abc import Callable, Collection, Iterable
from itertools import chain
from typing import Any

from interpreter.values.meter import METER, SizeExceeded, charge

Value = Any  # int, bool, None, tuple, frozenset or function: nothing else exists while a program runs

_NUMBERS = {int, bool}
_PLAIN = {int, bool, tuple}
_ELEMENTS_A_UNIT = 4
_LEVELS_TRIED = 3  # a set of cells has three levels: cells, colors and indices, coordinates


def ordered(values: frozenset[Value]) -> list[Value]:
    """List the elements in canonical order."""
    if len(values) < 2:
        return list(values)
    # Python's own comparison runs in C, many times as fast as keys; but it is the canonical one for some kinds only.
    try:
        if orders_natively(values):
            return sorted(values)
        if set(map(type, values)) == {frozenset}:
            charge(sum(map(len, values)) // _ELEMENTS_A_UNIT)  # so many are walked
            if orders_natively(list(chain.from_iterable(values))):
                return _ordered_sets(values)
    except TypeError:
        pass  # kinds mixed at one position: only the generic keys compare them
    return sorted(values, key=canonical_key)


def first_of(values: frozenset[Value]) -> Value:
    """Return the canonically first element of a non-empty set."""
    return next(iter(values)) if len(values) == 1 else _extreme(values, min, 0)


def last_of(values: frozenset[Value]) -> Value:
    """Return the canonically last element of a non-empty set."""
    return next(iter(values)) if len(values) == 1 else _extreme(values, max, -1)


def _extreme(values: frozenset[Value], choose: Callable[..., Value], position: int) -> Value:
    try:
        if orders_natively(values):
            return choose(values)
    except TypeError:
        pass
    return ordered(values)[position]


def in_order(container: Value) -> Iterable[Value]:
    """Return the elements as they are iterated: a tuple as it is, a set in canonical order.

    Raises:
        TypeError: not a container.
    """
    if type(container) is frozenset:
        return ordered(container)
    if type(container) is tuple:
        return container
    raise TypeError(f"{type(container).__name__} is not a container")


def canonical_key(value: Value, nesting: int = 0) -> tuple[Any, ...]:
    """Return a key that sorts any two values canonically.

    Raises:
        SizeExceeded: nested too deeply to be compared.
        WorkExceeded: the budget is used up, at two units a node, each of which takes a microsecond.
    """
    # Charged node by node, because values that share parts can be exponentially larger as trees than in memory.
    charge(2)
    if value is None:
        return (0,)
    if isinstance(value, int):
        return (1, value)
    if nesting > METER.max_nesting:
        raise SizeExceeded("values nested too deeply to be ordered")
    if type(value) is tuple:
        return (2, [canonical_key(element, nesting + 1) for element in value])
    if type(value) is frozenset:
        return (3, sorted([canonical_key(element, nesting + 1) for element in value]))
    parts = [canonical_key(part, nesting + 1) for part in value.parts]
    return (4, bool(parts), value.builder, parts)


def orders_natively(values: Collection[Value]) -> bool:
    """Return whether Python's own `<` sorts these values canonically, or else fails with TypeError.

    Sets are what must be excluded, at any level: Python compares them by inclusion, silently.
    """
    level: Collection[Value] = values
    for _ in range(_LEVELS_TRIED):
        # A whole level at a time: one pass in C instead of a Python call for every element.
        kinds = set(map(type, level))
        if kinds <= _NUMBERS:
            return True
        if not kinds <= _PLAIN:
            return False
        tuples = level if len(kinds) == 1 else [value for value in level if type(value) is tuple]
        # Small elements are paid for with the container; heavy ones are walked here, and again to be compared.
        charge(max(sum(map(len, tuples)) // _ELEMENTS_A_UNIT - len(values), 0))
        try:
            sum(chain.from_iterable(tuples))
            return True  # nothing but numbers can be added to a number
        except TypeError:
            level = list(chain.from_iterable(tuples))
    return set(map(type, level)) <= _NUMBERS


def _ordered_sets(sets: frozenset[frozenset[Value]]) -> list[Value]:
    """Order sets of natively comparable elements: by their first elements where those differ (disjoint objects)."""
    if all(sets):
        by_first = {min(members): members for members in sets}
        if len(by_first) == len(sets):
            return [by_first[first] for first in sorted(by_first)]
    return sorted(sets, key=sorted)
