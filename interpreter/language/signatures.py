"""The typed signatures of the 160 primitives: parameter names, parameter types and result type.

The types are the language's documentation; nothing checks them when a program runs. The mutator reads them, and the
number of parameters of a primitive is derived from them.
"""

from typing import NamedTuple


class Parameter(NamedTuple):
    """One positional parameter."""

    name: str
    type: str  # a key of `type_names.SUBTYPES`


class Signature(NamedTuple):
    """Parameters and result type of a primitive."""

    name: str
    parameters: tuple[Parameter, ...]
    result: str


# By result type: names(parameter: type, ...).
_DECLARATIONS: dict[str, tuple[str, ...]] = {
    "Any": (
        "argmax, argmin(container: Container, compfunc: Callable)",
        "branch(condition: Boolean, a: Any, b: Any)",
        "extract(container: Container, condition: Callable)",
        "first, last, leastcommon, mostcommon(container: Container)",
        "identity(x: Any)",
        "other(container: Container, value: Any)",
    ),
    "Boolean": (
        "adjacent, hmatching, vmatching(a: Patch, b: Patch)",
        "bordering(patch: Patch, grid: Grid)",
        "both, either(a: Boolean, b: Boolean)",
        "contained(value: Any, container: Container)",
        "equality(a: Any, b: Any)",
        "even(n: Integer)",
        "flip(b: Boolean)",
        "greater(a: Integer, b: Integer)",
        "hline, vline(patch: Patch)",
        "portrait, square(piece: Piece)",
        "positive(x: Integer)",
    ),
    "Callable": (
        "chain(h: Callable, g: Callable, f: Callable)",
        "compose(outer: Callable, inner: Callable)",
        "fork(outer: Callable, a: Callable, b: Callable)",
        "lbind, rbind(function: Callable, fixed: Any)",
        "matcher(function: Callable, target: Any)",
        "power(function: Callable, n: Integer)",
    ),
    "Container": (
        "apply(function: Callable, container: Container)",
        "combine(a: Container, b: Container)",
        "merge(containers: ContainerContainer)",
        "rapply(functions: Container, value: Any)",
        "remove(value: Any, container: Container)",
        "sfilter(container: Container, condition: Callable)",
    ),
    "Element": ("upscale(element: Element, factor: Integer)",),
    "FrozenSet": (
        "difference, intersection(a: FrozenSet, b: FrozenSet)",
        "initset(value: Any)",
        "insert(value: Any, container: FrozenSet)",
        "mapply(function: Callable, container: ContainerContainer)",
        "mfilter(container: Container, function: Callable)",
        "prapply(function: Callable, a: Container, b: Container)",
        "product(a: Container, b: Container)",
        "sizefilter(container: Container, n: Integer)",
    ),
    "Grid": (
        "bottomhalf, compress, lefthalf, righthalf, rot180, rot270, rot90, tophalf, trim(grid: Grid)",
        "canvas(value: Integer, dimensions: IntegerTuple)",
        "cellwise(a: Grid, b: Grid, fallback: Integer)",
        "cover(grid: Grid, patch: Patch)",
        "crop(grid: Grid, start: IntegerTuple, dims: IntegerTuple)",
        "downscale, hupscale, vupscale(grid: Grid, factor: Integer)",
        "fill, underfill(grid: Grid, value: Integer, patch: Patch)",
        "hconcat, vconcat(a: Grid, b: Grid)",
        "move(grid: Grid, obj: Object, offset: IntegerTuple)",
        "paint, underpaint(grid: Grid, obj: Object)",
        "replace(grid: Grid, replacee: Integer, replacer: Integer)",
        "subgrid(patch: Patch, grid: Grid)",
        "switch(grid: Grid, a: Integer, b: Integer)",
    ),
    "Indices": (
        "asindices(grid: Grid)",
        "backdrop, box, corners, delta, inbox, outbox, toindices(patch: Patch)",
        "connect(a: IntegerTuple, b: IntegerTuple)",
        "dneighbors, ineighbors, neighbors(loc: IntegerTuple)",
        "hfrontier, vfrontier(location: IntegerTuple)",
        "occurrences(grid: Grid, obj: Object)",
        "ofcolor(grid: Grid, value: Integer)",
        "shoot(start: IntegerTuple, direction: IntegerTuple)",
    ),
    "Integer": (
        "color, hperiod, vperiod(obj: Object)",
        "colorcount(element: Element, value: Integer)",
        "height, width(piece: Piece)",
        "index(grid: Grid, loc: IntegerTuple)",
        "leastcolor, mostcolor(element: Element)",
        "leftmost, lowermost, rightmost, uppermost(patch: Patch)",
        "manhattan(a: Patch, b: Patch)",
        "maximum, minimum(container: IntegerSet)",
        "size(container: Container)",
        "valmax, valmin(container: Container, compfunc: Callable)",
    ),
    "IntegerSet": ("numcolors, palette(element: Element)",),
    "IntegerTuple": (
        "astuple(a: Integer, b: Integer)",
        "center, centerofmass, llcorner, lrcorner, ulcorner, urcorner(patch: Patch)",
        "gravitate(source: Patch, destination: Patch)",
        "position(a: Patch, b: Patch)",
        "shape(piece: Piece)",
        "toivec(i: Integer)",
        "tojvec(j: Integer)",
    ),
    "Numerical": (
        "add, divide, multiply, subtract(a: Numerical, b: Numerical)",
        "crement, decrement, increment, sign(x: Numerical)",
        "double, halve, invert(n: Numerical)",
    ),
    "Object": (
        "asobject(grid: Grid)",
        "recolor(value: Integer, patch: Patch)",
        "toobject(patch: Patch, grid: Grid)",
    ),
    "Objects": (
        "colorfilter(objs: Objects, value: Integer)",
        "fgpartition, frontiers, partition(grid: Grid)",
        "objects(grid: Grid, univalued: Boolean, diagonal: Boolean, without_bg: Boolean)",
    ),
    "Patch": (
        "normalize(patch: Patch)",
        "shift(patch: Patch, directions: IntegerTuple)",
    ),
    "Piece": ("cmirror, dmirror, hmirror, vmirror(piece: Piece)",),
    "Tuple": (
        "dedupe(tup: Tuple)",
        "hsplit, vsplit(grid: Grid, n: Integer)",
        "interval(start: Integer, stop: Integer, step: Integer)",
        "mpapply, papply(function: Callable, a: Tuple, b: Tuple)",
        "order(container: Container, compfunc: Callable)",
        "repeat(item: Any, num: Integer)",
        "totuple(container: FrozenSet)",
    ),
    "TupleTuple": ("pair(a: Tuple, b: Tuple)",),
}


def _signatures(declaration: str, result: str) -> list[Signature]:
    """Read one declaration."""
    names, _, listed = declaration[:-1].partition("(")
    parameters = tuple(Parameter(*parameter.split(": ")) for parameter in listed.split(", "))
    return [Signature(name, parameters, result) for name in names.split(", ")]


# Sorted by name: a slot must not depend on how the declarations are grouped.
SIGNATURES: dict[str, Signature] = {
    signature.name: signature
    for signature in sorted(
        signature
        for result, declarations in _DECLARATIONS.items()
        for declaration in declarations
        for signature in _signatures(declaration, result)
    )
}
