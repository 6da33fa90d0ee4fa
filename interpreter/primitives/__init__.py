"""The 160 primitives, one module a family, as plain functions on plain values.

A primitive is called with positional arguments, never changes them, charges its work to the meter before doing it,
and fails by raising whatever its operations raise.
"""

from interpreter.language.signatures import SIGNATURES
from interpreter.primitives import (
    arithmetic,
    closure_builders,
    colors,
    containers,
    distances,
    finding,
    geometry,
    lines,
    logic,
    mapping,
    measurements,
    painting,
    patches,
    scaling,
    selection,
)
from interpreter.primitives.closures import as_primitive
from interpreter.values.order import Value

_FAMILIES = (
    arithmetic,
    logic,
    containers,
    selection,
    closure_builders,
    mapping,
    colors,
    geometry,
    scaling,
    measurements,
    patches,
    lines,
    distances,
    finding,
    painting,
)


def _collect() -> dict[str, Value]:
    """Gather the functions that have a signature, from the modules that define them."""
    primitives: dict[str, Value] = {}
    for name, signature in SIGNATURES.items():
        found = [
            vars(family)[name]
            for family in _FAMILIES
            if name in vars(family) and vars(family)[name].__module__ == family.__name__
        ]
        if len(found) != 1:
            raise ImportError(
                f"{name} has a signature and {len(found)} functions in interpreter/primitives, expected 1"
            )
        (function,) = found
        primitives[name] = as_primitive(function, name, len(signature.parameters))
    return primitives


PRIMITIVES: dict[str, Value] = _collect()

LAZY_VARIANTS: dict[str, Value] = {"mapply": as_primitive(mapping.mapply_lazy, "mapply", 2)}
"""By name of a primitive, what does the same, but may leave the value lazy; no values of the language."""

TAKE_LAZY = {"fill": 2, "underfill": 2, "paint": 1, "underpaint": 1}
"""By name of a primitive, which of its arguments (from 0) may be a lazy value."""

__all__ = ["LAZY_VARIANTS", "PRIMITIVES", "TAKE_LAZY"]
