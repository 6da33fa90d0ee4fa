"""Calling a function on every element."""

from interpreter.primitives.bounded_calls import call_combinations, call_each, enter, leave
from interpreter.primitives.cell_layers import layers_of_images, layers_of_pairs
from interpreter.primitives.cell_masks import masks_of_images
from interpreter.primitives.containers import kind_of, merge
from interpreter.primitives.segments import all_segments
from interpreter.primitives.unbuilt import Unbuilt
from interpreter.primitives.unions import union_of_images
from interpreter.values.meter import METER, charge, reserve
from interpreter.values.order import Value, in_order
from interpreter.values.weight import nesting_compounds, weigh_nested

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


def mapply_unbuilt(function: Value, container: Value) -> Unbuilt | Value:
    """Do what `mapply` does, but where it is faster leave the value unbuilt."""
    if nesting_compounds():
        return mapply(function, container)
    left = METER.left
    masks = masks_of_images(function, container, mapply)
    if masks is not None:
        return masks
    METER.left = left
    layers = layers_of_images(function, container)
    if layers is not None:
        return layers
    METER.left = left
    return mapply(function, container)


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


def mpapply_unbuilt(function: Value, a: Value, b: Value) -> Unbuilt | Value:
    """Do what `mpapply` does, but leave recolored patches unbuilt."""
    layers = None if nesting_compounds() else layers_of_pairs(function, a, b)
    return mpapply(function, a, b) if layers is None else layers


def prapply(function: Value, a: Value, b: Value) -> Value:
    """Return the set of function(i, j) for all i in a and j in b."""
    values = prapply_unbuilt(function, a, b)
    return values.built() if isinstance(values, Unbuilt) else values


def prapply_unbuilt(function: Value, a: Value, b: Value) -> Unbuilt | Value:
    """Do what `prapply` does, but leave sets of segments unbuilt."""
    if not len(a):
        return frozenset()
    reserve(len(a) * len(b))
    if (segments := all_segments(function, a, b)) is not None:
        return segments
    results = call_combinations(function, a, b)
    weigh_nested(results)
    return frozenset(results)


UNBUILT_VARIANTS: dict[str, Value] = {"mapply": mapply_unbuilt, "mpapply": mpapply_unbuilt, "prapply": prapply_unbuilt}
"""By name of a primitive, what does the same, but may leave the value unbuilt."""

TAKE_UNBUILT = {"fill": 2, "underfill": 2, "paint": 1, "underpaint": 1, "mfilter": 0, "merge": 0}
"""By name of a primitive, which of its arguments (from 0) may be an unbuilt value."""
