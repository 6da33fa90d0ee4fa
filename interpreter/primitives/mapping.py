"""Calling a function on every element."""

from interpreter.primitives.bounded_calls import call_combinations, call_each, enter, leave
from interpreter.primitives.containers import kind_of, merge, paired
from interpreter.primitives.lazy_cells import LazyCells
from interpreter.primitives.moved_patterns import lazy_images
from interpreter.primitives.segments import all_segments
from interpreter.values.meter import METER, charge, reserve
from interpreter.values.order import Value, in_order
from interpreter.values.weight import charge_nested, charge_walking, nesting_compounds

_SET = frozenset({frozenset})
FEW_INDICES = 150
FEW_ELEMENTS, MANY_INDICES = 12, 1000  # below, calls are faster if the value is to be built


def apply(function: Value, container: Value) -> Value:
    """Map, keeping the kind; equal results in a set collapse."""
    kind = kind_of(container)
    charge(len(container))
    return _gathered(kind, call_each(function, container))


def _gathered(kind: type, results: list[Value]) -> Value:
    charge_nested(results)
    if kind is frozenset and tuple in set(map(type, results)):
        charge_walking(results)
    return kind(results)


def rapply(functions: Value, value: Value) -> Value:
    """Call each function on the value, keeping the container's kind."""
    kind = kind_of(functions)
    charge(len(functions))
    charge_walking((value,), len(functions))
    results = []
    for function in in_order(functions):
        frames = enter(function)
        try:
            results.append(function(value))
        finally:
            leave(frames)
    return _gathered(kind, results)


def mapply(function: Value, container: Value) -> Value:
    """Map, then flatten one level."""
    kind = kind_of(container)
    charge(len(container))
    if kind is frozenset and len(container) >= FEW_ELEMENTS:
        union = lazy_images(function, container, MANY_INDICES)
        if union is not None:
            return union.built() if isinstance(union, LazyCells) else union
    results = call_each(function, container)
    if kind is frozenset and _SET.issuperset(map(type, results)):
        reserve(sum(map(len, results)))
        return frozenset().union(*results)
    return merge(_gathered(kind, results))


def mapply_lazy(function: Value, container: Value) -> LazyCells | Value:
    """Do what `mapply` does, but where it is faster leave the value lazy."""
    if type(container) is not frozenset or nesting_compounds():
        return mapply(function, container)
    left = METER.left
    charge(len(container))
    lazy = lazy_images(function, container, FEW_INDICES)
    if lazy is not None:
        return lazy
    METER.left = left
    return mapply(function, container)


def papply(function: Value, a: Value, b: Value) -> Value:
    """Call the function on paired elements, as far as the shorter container goes."""
    pairs = paired(a, b)
    frames = enter(function)
    try:
        results = [function(x, y) for x, y in pairs]
    finally:
        leave(frames)
    charge_nested(results)
    return tuple(results)


def mpapply(function: Value, a: Value, b: Value) -> Value:
    """Call the function on paired elements, then flatten one level into a tuple."""
    return merge(papply(function, a, b))


def prapply(function: Value, a: Value, b: Value) -> Value:
    """Return the set of function(i, j) for all i in a and j in b."""
    if not len(b):  # then a may be anything: the language walks it once for each element of b
        return frozenset()
    reserve(len(a) * len(b))
    if (segments := all_segments(function, a, b)) is not None:
        return segments
    charge_walking(a, len(b))
    charge_walking(b, len(a))
    return _gathered(frozenset, call_combinations(function, a, b))
