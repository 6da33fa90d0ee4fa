"""The dialects of the language: current arc-dsl ("native") and the older copy that CodeIt ships ("codeit")."""

from interpreter.language.limits import Mode
from interpreter.primitives import PRIMITIVES
from interpreter.primitives.closures import as_primitive
from interpreter.values.order import Value

_MAX_CANVAS = 1000
_FAIL_ON_EMPTY = ("normalize", "backdrop", "delta", "box", "hperiod", "vperiod", "occurrences")


def _failing_on_empty(name: str) -> Value:
    """Return the older version of a primitive, which cannot bound an empty patch, its last argument."""
    native = PRIMITIVES[name]

    def older(*arguments: Value) -> Value:
        if len(arguments) == native.arity and not len(arguments[-1]):
            raise ValueError("the patch is empty")
        return native(*arguments)

    return as_primitive(older, name, native.arity)


def canvas(value: Value, dimensions: Value) -> Value:
    """Return a grid of one color, or none if rows times columns exceed 1000."""
    if dimensions[0] * dimensions[1] > _MAX_CANVAS:
        return None
    return PRIMITIVES["canvas"](value, dimensions)


_CODEIT = {
    **PRIMITIVES,
    **{name: _failing_on_empty(name) for name in _FAIL_ON_EMPTY},
    "canvas": as_primitive(canvas, "canvas", 2),
}
_TABLES: dict[Mode, dict[str, Value]] = {"native": PRIMITIVES, "codeit": _CODEIT}


def primitives_for(mode: Mode) -> dict[str, Value]:
    """Return the primitives of a dialect by name.

    Raises:
        ValueError: no such dialect.
    """
    if mode not in _TABLES:
        raise ValueError(f"dialect {mode!r}, expected one of {', '.join(_TABLES)}")
    return _TABLES[mode]
