"""Calling a function on every element."""

from interpreter.primitives.calls import call_combinations, call_each, enter, leave
from interpreter.primitives.containers import kind_of, merge
from interpreter.primitives.segments import all_segments
from interpreter.primitives.unions import union_of_images
from interpreter.values import Value, in_order
from interpreter.weight import weigh_nested
from interpreter.work import charge, reserve

_SET = frozenset({frozenset})


def apply(function: Value, container: Value) -> Value:
    """Map, keeping the kind; equal results in a set collapse."""
    kind = kind_of(container)
    charge(len(container))
    results = call_each(function, container)
    weigh_nested(results)
    return kind(results)


def rapply(functions: Value, value: Value) -> Value:
    """Call each function on the value, keeping the container's kind."""
    kind = kind_of(functions)
    charge(len(functions))
    results = []
    for function in in_order(functions):
        frames = enter(function)
        try:
            results.append(function(value))
        finally:
            leave(frames)
    weigh_nested(results)
    return kind(results)


def mapply(function: Value, container: Value) -> Value:
    """Map, then flatten one level."""
    kind = kind_of(container)
    charge(len(container))
    if kind is frozenset and (union := union_of_images(function, container)) is not None:
        return union
    results = call_each(function, container)
    if kind is frozenset and _SET.issuperset(map(type, results)):
        reserve(sum(map(len, results)))
        return frozenset().union(*results)
    weigh_nested(results)
    return merge(kind(results))


def papply(function: Value, a: Value, b: Value) -> Value:
    """Call the function on paired elements, as far as the shorter container goes."""
    charge(min(len(a), len(b)))
    frames = enter(function)
    try:
        results = [function(x, y) for x, y in zip(in_order(a), in_order(b), strict=False)]
    finally:
        leave(frames)
    weigh_nested(results)
    return tuple(results)


def mpapply(function: Value, a: Value, b: Value) -> Value:
    """Call the function on paired elements, then flatten one level into a tuple."""
    return merge(papply(function, a, b))


def prapply(function: Value, a: Value, b: Value) -> Value:
    """Return the set of function(i, j) for all i in a and j in b."""
    if not len(a):
        return frozenset()
    reserve(len(a) * len(b))
    if (segments := all_segments(function, a, b)) is not None:
        return segments
    results = call_combinations(function, a, b)
    weigh_nested(results)
    return frozenset(results)
