"""What containers hold: the base types of their elements, and the sets that hold a base type."""

from interpreter.language.type_names import CONTAINER, GRID, SETS

# Of a `Container` nothing more is known than that it has run, so it may give any of what the seed programs put in
# tuples; a wrong guess fails when the mutant runs.
ELEMENTS: dict[str, tuple[str, ...]] = {
    "Object": ("Cell",),
    "Objects": ("Object",),
    "Indices": ("IntegerTuple",),
    "IndicesSet": ("Indices",),
    "IntegerSet": ("Integer",),
    "IntegerTuple": ("Integer",),
    "GridTuple": (GRID,),
    GRID: (CONTAINER,),
    CONTAINER: ("Integer", "IntegerTuple", "Object", "Indices", GRID, CONTAINER),
}

# The set whose elements have a base type.
SET_OF: dict[str, str] = {ELEMENTS[container][0]: container for container in SETS}
