"""Picking elements: by position, by an extreme key, by frequency."""

from collections import Counter
from collections.abc import Iterable
from itertools import compress, islice
from typing import Any

from interpreter.primitives.bounded_calls import call_each, enter, leave
from interpreter.primitives.containers import kind_of, merge
from interpreter.values.meter import charge
from interpreter.values.order import Value, first_of, in_order, last_of, ordered, orders_natively
from interpreter.values.weight import charge_nested

_NUMBERS = {int, bool}


def first(container: Value) -> Value:
    """Return the first element; empty fails."""
    if type(container) is tuple:
        return container[0]
    charge(len(container))
    return first_of(container)


def last(container: Value) -> Value:
    """Return the last element; empty fails."""
    if type(container) is tuple:
        return container[-1]
    charge(len(container))
    return last_of(container)


def _extreme_element(container: Value, extreme: Any) -> Value:
    if not len(container):
        return 0
    charge(len(container))
    return extreme(container if orders_natively(container) else in_order(container))


def maximum(container: Value) -> Value:
    """Return the largest element, or 0."""
    return _extreme_element(container, max)


def minimum(container: Value) -> Value:
    """Return the smallest element, or 0."""
    return _extreme_element(container, min)


def _keys(container: Value, compfunc: Value) -> tuple[Iterable[Value], list[Value]]:
    """Return elements and their keys; in canonical order unless the keys are all integers."""
    charge(2 * len(container))
    elements: Iterable[Value] = container
    # Python sorts by the elements themselves then, and the language with it.
    keys = list(container) if compfunc is None else call_each(compfunc, container)
    if type(container) is frozenset and not _NUMBERS.issuperset(map(type, keys)):
        key_of = dict(zip(elements, keys, strict=True))
        elements = ordered(container)
        keys = [key_of[element] for element in elements]
    return elements, keys


def _best_key(container: Value, compfunc: Value, extreme: Any) -> Value:
    if not len(container) or compfunc is None:  # which finds an element, but then is called
        return compfunc(0)
    _, keys = _keys(container, compfunc)
    return extreme(keys)


def valmax(container: Value, compfunc: Value) -> Value:
    """Return the largest key; compfunc(0) for an empty container."""
    return _best_key(container, compfunc, max)


def valmin(container: Value, compfunc: Value) -> Value:
    """Return the smallest key; compfunc(0) for an empty container."""
    return _best_key(container, compfunc, min)


def _best_element(container: Value, compfunc: Value, extreme: Any) -> Value:
    elements, keys = _keys(container, compfunc)
    best = extreme(keys)
    if type(container) is tuple or keys.count(best) == 1:
        return next(islice(elements, keys.index(best), None))
    return first_of(frozenset([element for element, key in zip(elements, keys, strict=True) if key == best]))


def argmax(container: Value, compfunc: Value) -> Value:
    """Return the first element with the largest key; empty fails."""
    return _best_element(container, compfunc, max)


def argmin(container: Value, compfunc: Value) -> Value:
    """Return the first element with the smallest key; empty fails."""
    return _best_element(container, compfunc, min)


def order(container: Value, compfunc: Value) -> Value:
    """Sort by key into a tuple; equal keys keep their order."""
    elements, keys = _keys(container, compfunc)
    if type(container) is frozenset and _NUMBERS.issuperset(map(type, keys)) and len(set(keys)) < len(keys):
        key_of = dict(zip(elements, keys, strict=True))
        elements = ordered(container)
        keys = [key_of[element] for element in elements]
    listed = list(elements)
    return tuple([listed[position] for position in sorted(range(len(keys)), key=keys.__getitem__)])


def _by_frequency(container: Value, extreme: Any) -> Value:
    if type(container) is not tuple:
        raise TypeError("frequencies are counted in tuples")
    charge(len(container))
    charge_nested(container)
    counts = Counter(container)
    best = extreme(counts.values())
    return first_of(frozenset([value for value, count in counts.items() if count == best]))


def mostcommon(container: Value) -> Value:
    """Return the most frequent value of a tuple, the smallest of several; empty fails."""
    return _by_frequency(container, max)


def leastcommon(container: Value) -> Value:
    """Return the rarest value of a tuple, the smallest of several; empty fails."""
    return _by_frequency(container, min)


def sfilter(container: Value, condition: Value) -> Value:
    """Keep the elements that satisfy the condition."""
    kind = kind_of(container)
    charge(len(container))
    return kind(compress(container, call_each(condition, container)))


def mfilter(container: Value, function: Value) -> Value:
    """Flatten the members that satisfy the condition."""
    return merge(sfilter(container, function))


def extract(container: Value, condition: Value) -> Value:
    """Return the first element that satisfies the condition; none fails."""
    elements = in_order(container)
    charge(len(container))
    frames = enter(condition)
    try:
        for element in elements:
            if condition(element):
                return element
    finally:
        leave(frames)
    raise ValueError("no element satisfies the condition")
