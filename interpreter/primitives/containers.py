"""Building, joining and filtering tuples and sets without calling a function."""

from collections.abc import Iterable
from itertools import chain
from itertools import product as pairs_of
from typing import cast

from interpreter.values.meter import charge, reserve
from interpreter.values.order import Value, first_of, in_order, ordered
from interpreter.values.weight import charge_nested, charge_walking, reserve_copies


def kind_of(container: Value) -> type:
    """Return tuple or frozenset.

    Raises:
        TypeError: not a container.
    """
    kind = type(container)
    if kind is tuple or kind is frozenset:
        return cast(type, kind)
    raise TypeError(f"{kind.__name__} is not a container")


def size(container: Value) -> Value:
    """Count the elements."""
    return len(container)


def contained(value: Value, container: Value) -> Value:
    """Return whether an element equals the value."""
    if type(container) is tuple:
        charge(len(container))
    return value in container


def combine(a: Value, b: Value) -> Value:
    """Join two containers in one of a's kind."""
    reserve(len(a) + len(b))
    if kind_of(a) is tuple:
        return a + (b if type(b) is tuple else tuple(in_order(b)))
    return a.union(b)


def intersection(a: Value, b: Value) -> Value:
    """Keep what is in both sets (bitwise "and" of two integers)."""
    if type(a) is frozenset:
        charge(len(a))
    return a & b


def difference(a: Value, b: Value) -> Value:
    """Drop from a what is in b; a's kind, order and repetitions stay."""
    kind = kind_of(a)
    if not a:
        return a
    charge(len(a) + len(b))
    if kind is frozenset:
        return a.difference(b)
    excluded = b if type(b) is frozenset else set(b)
    return tuple([value for value in a if value not in excluded])


def dedupe(tup: Value) -> Value:
    """Keep the first occurrence of each value; a non-empty set fails."""
    if type(tup) is not tuple and tup != frozenset():
        raise TypeError("dedupe needs a tuple")
    charge(len(tup))
    charge_nested(tup)
    return tuple(dict.fromkeys(tup))


def repeat(item: Value, num: Value) -> Value:
    """Return a tuple of num copies."""
    if not isinstance(num, int):
        raise TypeError("repeat needs an integer count")
    reserve_copies(item, num)
    return (item,) * num


def merge(containers: Value) -> Value:
    """Flatten one level into a container of the outer kind."""
    kind = kind_of(containers)
    reserve(sum(map(len, containers)) + len(containers))
    if kind is frozenset:
        return frozenset().union(*containers)
    if frozenset in set(map(type, containers)):
        return tuple(chain.from_iterable(map(in_order, containers)))
    return tuple(chain.from_iterable(containers))


def initset(value: Value) -> Value:
    """Return the set of one value."""
    charge_nested((value,))
    return frozenset((value,))


def insert(value: Value, container: Value) -> Value:
    """Add one element to a set; a tuple fails."""
    if type(container) is not frozenset:
        raise TypeError("insert needs a set")
    reserve(len(container) + 1)
    charge_nested((value,))
    return container.union((value,))


def remove(value: Value, container: Value) -> Value:
    """Drop every element equal to the value."""
    charge(len(container))
    if kind_of(container) is frozenset:
        return container.difference((value,))
    return tuple([element for element in container if element != value]) if value in container else container


def other(container: Value, value: Value) -> Value:
    """Return the first element that differs from the value; none fails."""
    charge(len(container))
    if kind_of(container) is frozenset:
        return first_of(container.difference((value,)))
    return next(element for element in container if element != value)


def totuple(container: Value) -> Value:
    """List a set in canonical order as a tuple."""
    if type(container) is tuple:
        return container
    charge(len(container))
    return tuple(ordered(container))


def interval(start: Value, stop: Value, step: Value) -> Value:
    """Return the arithmetic progression from start, without stop; a zero step fails."""
    numbers = range(start, stop, step)
    reserve(max(0, -((start - stop) // step)))
    return tuple(numbers)


def product(a: Value, b: Value) -> Value:
    """Return the set of all pairs of an element of a and an element of b."""
    if not len(b):  # then a may be anything: the language walks it once for each element of b
        return frozenset()
    reserve(len(a) * len(b))
    charge_walking(a, len(b))
    charge_walking(b, len(a))
    charge_nested(a)
    charge_nested(b)
    # Without repetitions, which would be compared as often as they are paired.
    distinct = [values if type(values) is frozenset else dict.fromkeys(values) for values in (a, b)]
    return frozenset(pairs_of(*distinct))


def pair(a: Value, b: Value) -> Value:
    """Pair elements in order, as far as the shorter container goes."""
    charge_nested(a)
    charge_nested(b)
    return tuple(paired(a, b))


def paired(a: Value, b: Value) -> Iterable[tuple[Value, Value]]:
    """Iterate over pairs of elements in order, as far as the shorter container goes, charging one unit for each."""
    number = min(len(a), len(b))
    reserve(number)
    for container in (a, b):
        if type(container) is frozenset:  # then all of it is sorted
            charge(len(container) - number)
    return zip(in_order(a), in_order(b), strict=False)


def sizefilter(container: Value, n: Value) -> Value:
    """Return the set of the members that have n elements."""
    charge(len(container))
    if type(container) is tuple:
        charge_nested(container)
    return frozenset([member for member in container if len(member) == n])
