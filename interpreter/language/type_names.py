"""The names of types: base types of values, and what the signature table's names stand for.

A *base type* is what a value is (`interpreter.infer_types` gives it for each line of a program that has run); an
*annotated type* is what a signature says, often a union of base types.
"""

CALLABLE = "Callable"
CONTAINER = "Container"  # a tuple or set of no other base type, e.g. a tuple of objects
GRID = "Grid"

SETS = ("IntegerSet", "Object", "Objects", "Indices", "IndicesSet")
CONTAINERS = (GRID, "GridTuple", "IntegerTuple", CONTAINER, *SETS)
BASE_TYPES = ("Boolean", "Integer", "Cell", CALLABLE, *CONTAINERS)

# What each annotated type of the signature table admits. `Cell` and `IntegerTuple` are tuples too, but as arguments of
# `Tuple` parameters they make no sense in practice, so those stay with tuples of things.
SUBTYPES: dict[str, tuple[str, ...]] = {
    **{base: (base,) for base in BASE_TYPES},
    "Numerical": ("Integer", "IntegerTuple"),
    "Patch": ("Object", "Indices"),
    "Element": ("Object", GRID),
    "Piece": (GRID, "Object", "Indices"),
    "Tuple": (GRID, "GridTuple", CONTAINER),
    "TupleTuple": ("GridTuple", CONTAINER),
    "FrozenSet": SETS,
    "Container": CONTAINERS,
    "ContainerContainer": ("GridTuple", CONTAINER, "Objects", "IndicesSet", "Indices"),
    "Any": BASE_TYPES,
}
