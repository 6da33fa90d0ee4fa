"""The dialects of the language: current arc-dsl ("native") and the older copy that CodeIt ships ("codeit")."""

from interpreter.language.limits import Mode
from interpreter.primitives import PRIMITIVES
from interpreter.primitives.closures import as_primitive
from interpreter.values.order import Value

_MAX_CANVAS = 1000


def _not_empty(patch: Value) -> None:
    """Raise ValueError for an empty patch, which the older functions cannot bound."""
    if not len(patch):  # of a number `len` raises TypeError, while `not 0` would call it empty
        raise ValueError("the patch is empty")


def normalize(patch: Value) -> Value:
    """Translate to the origin; empty fails."""
    _not_empty(patch)
    return PRIMITIVES["normalize"](patch)


def backdrop(patch: Value) -> Value:
    """Return all indices of the bounding box; empty fails."""
    _not_empty(patch)
    return PRIMITIVES["backdrop"](patch)


def delta(patch: Value) -> Value:
    """Return the indices of the bounding box that the patch leaves free; empty fails."""
    _not_empty(patch)
    return PRIMITIVES["delta"](patch)


def box(patch: Value) -> Value:
    """Return the outline of the bounding box; empty fails."""
    _not_empty(patch)
    return PRIMITIVES["box"](patch)


def hperiod(obj: Value) -> Value:
    """Return the horizontal period; empty fails."""
    _not_empty(obj)
    return PRIMITIVES["hperiod"](obj)


def vperiod(obj: Value) -> Value:
    """Return the vertical period; empty fails."""
    _not_empty(obj)
    return PRIMITIVES["vperiod"](obj)


def occurrences(grid: Value, obj: Value) -> Value:
    """Return where the object is found in the grid; an empty object fails."""
    _not_empty(obj)
    return PRIMITIVES["occurrences"](grid, obj)


def canvas(value: Value, dimensions: Value) -> Value:
    """Return a grid of one color, or none if rows times columns exceed 1000."""
    if dimensions[0] * dimensions[1] > _MAX_CANVAS:
        return None
    return PRIMITIVES["canvas"](value, dimensions)


def _codeit_primitives() -> dict[str, Value]:
    primitives = dict(PRIMITIVES)
    for function in (normalize, backdrop, delta, box, hperiod, vperiod, occurrences, canvas):
        # A key that is there keeps its place, and the place in the table is the slot.
        native = PRIMITIVES[function.__name__]
        primitives[function.__name__] = as_primitive(function, function.__name__, native.arity)
    return primitives


_TABLES: dict[Mode, dict[str, Value]] = {"native": PRIMITIVES, "codeit": _codeit_primitives()}


def primitives_for(mode: Mode) -> dict[str, Value]:
    """Return the primitives of a dialect by name.

    Raises:
        ValueError: no such dialect.
    """
    if mode not in _TABLES:
        raise ValueError(f"dialect {mode!r}, expected one of {', '.join(_TABLES)}")
    return _TABLES[mode]
