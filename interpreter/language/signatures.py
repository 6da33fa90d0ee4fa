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


# Grouped by result type; "name(parameter: type, ...)".
_DECLARATIONS: dict[str, tuple[str, ...]] = {
    "Any": (
        "argmax(container: Container, compfunc: Callable)",
        "argmin(container: Container, compfunc: Callable)",
        "branch(condition: Boolean, a: Any, b: Any)",
        "extract(container: Container, condition: Callable)",
        "first(container: Container)",
        "identity(x: Any)",
        "last(container: Container)",
        "leastcommon(container: Container)",
        "mostcommon(container: Container)",
        "other(container: Container, value: Any)",
    ),
    "Boolean": (
        "adjacent(a: Patch, b: Patch)",
        "bordering(patch: Patch, grid: Grid)",
        "both(a: Boolean, b: Boolean)",
        "contained(value: Any, container: Container)",
        "either(a: Boolean, b: Boolean)",
        "equality(a: Any, b: Any)",
        "even(n: Integer)",
        "flip(b: Boolean)",
        "greater(a: Integer, b: Integer)",
        "hline(patch: Patch)",
        "hmatching(a: Patch, b: Patch)",
        "portrait(piece: Piece)",
        "positive(x: Integer)",
        "square(piece: Piece)",
        "vline(patch: Patch)",
        "vmatching(a: Patch, b: Patch)",
    ),
    "Callable": (
        "chain(h: Callable, g: Callable, f: Callable)",
        "compose(outer: Callable, inner: Callable)",
        "fork(outer: Callable, a: Callable, b: Callable)",
        "lbind(function: Callable, fixed: Any)",
        "matcher(function: Callable, target: Any)",
        "power(function: Callable, n: Integer)",
        "rbind(function: Callable, fixed: Any)",
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
        "difference(a: FrozenSet, b: FrozenSet)",
        "initset(value: Any)",
        "insert(value: Any, container: FrozenSet)",
        "intersection(a: FrozenSet, b: FrozenSet)",
        "mapply(function: Callable, container: ContainerContainer)",
        "mfilter(container: Container, function: Callable)",
        "prapply(function: Callable, a: Container, b: Container)",
        "product(a: Container, b: Container)",
        "sizefilter(container: Container, n: Integer)",
    ),
    "Grid": (
        "bottomhalf(grid: Grid)",
        "canvas(value: Integer, dimensions: IntegerTuple)",
        "cellwise(a: Grid, b: Grid, fallback: Integer)",
        "compress(grid: Grid)",
        "cover(grid: Grid, patch: Patch)",
        "crop(grid: Grid, start: IntegerTuple, dims: IntegerTuple)",
        "downscale(grid: Grid, factor: Integer)",
        "fill(grid: Grid, value: Integer, patch: Patch)",
        "hconcat(a: Grid, b: Grid)",
        "hupscale(grid: Grid, factor: Integer)",
        "lefthalf(grid: Grid)",
        "move(grid: Grid, obj: Object, offset: IntegerTuple)",
        "paint(grid: Grid, obj: Object)",
        "replace(grid: Grid, replacee: Integer, replacer: Integer)",
        "righthalf(grid: Grid)",
        "rot180(grid: Grid)",
        "rot270(grid: Grid)",
        "rot90(grid: Grid)",
        "subgrid(patch: Patch, grid: Grid)",
        "switch(grid: Grid, a: Integer, b: Integer)",
        "tophalf(grid: Grid)",
        "trim(grid: Grid)",
        "underfill(grid: Grid, value: Integer, patch: Patch)",
        "underpaint(grid: Grid, obj: Object)",
        "vconcat(a: Grid, b: Grid)",
        "vupscale(grid: Grid, factor: Integer)",
    ),
    "Indices": (
        "asindices(grid: Grid)",
        "backdrop(patch: Patch)",
        "box(patch: Patch)",
        "connect(a: IntegerTuple, b: IntegerTuple)",
        "corners(patch: Patch)",
        "delta(patch: Patch)",
        "dneighbors(loc: IntegerTuple)",
        "hfrontier(location: IntegerTuple)",
        "inbox(patch: Patch)",
        "ineighbors(loc: IntegerTuple)",
        "neighbors(loc: IntegerTuple)",
        "occurrences(grid: Grid, obj: Object)",
        "ofcolor(grid: Grid, value: Integer)",
        "outbox(patch: Patch)",
        "shoot(start: IntegerTuple, direction: IntegerTuple)",
        "toindices(patch: Patch)",
        "vfrontier(location: IntegerTuple)",
    ),
    "Integer": (
        "color(obj: Object)",
        "colorcount(element: Element, value: Integer)",
        "height(piece: Piece)",
        "hperiod(obj: Object)",
        "index(grid: Grid, loc: IntegerTuple)",
        "leastcolor(element: Element)",
        "leftmost(patch: Patch)",
        "lowermost(patch: Patch)",
        "manhattan(a: Patch, b: Patch)",
        "maximum(container: IntegerSet)",
        "minimum(container: IntegerSet)",
        "mostcolor(element: Element)",
        "rightmost(patch: Patch)",
        "size(container: Container)",
        "uppermost(patch: Patch)",
        "valmax(container: Container, compfunc: Callable)",
        "valmin(container: Container, compfunc: Callable)",
        "vperiod(obj: Object)",
        "width(piece: Piece)",
    ),
    "IntegerSet": (
        "numcolors(element: Element)",
        "palette(element: Element)",
    ),
    "IntegerTuple": (
        "astuple(a: Integer, b: Integer)",
        "center(patch: Patch)",
        "centerofmass(patch: Patch)",
        "gravitate(source: Patch, destination: Patch)",
        "llcorner(patch: Patch)",
        "lrcorner(patch: Patch)",
        "position(a: Patch, b: Patch)",
        "shape(piece: Piece)",
        "toivec(i: Integer)",
        "tojvec(j: Integer)",
        "ulcorner(patch: Patch)",
        "urcorner(patch: Patch)",
    ),
    "Numerical": (
        "add(a: Numerical, b: Numerical)",
        "crement(x: Numerical)",
        "decrement(x: Numerical)",
        "divide(a: Numerical, b: Numerical)",
        "double(n: Numerical)",
        "halve(n: Numerical)",
        "increment(x: Numerical)",
        "invert(n: Numerical)",
        "multiply(a: Numerical, b: Numerical)",
        "sign(x: Numerical)",
        "subtract(a: Numerical, b: Numerical)",
    ),
    "Object": (
        "asobject(grid: Grid)",
        "recolor(value: Integer, patch: Patch)",
        "toobject(patch: Patch, grid: Grid)",
    ),
    "Objects": (
        "colorfilter(objs: Objects, value: Integer)",
        "fgpartition(grid: Grid)",
        "frontiers(grid: Grid)",
        "objects(grid: Grid, univalued: Boolean, diagonal: Boolean, without_bg: Boolean)",
        "partition(grid: Grid)",
    ),
    "Patch": (
        "normalize(patch: Patch)",
        "shift(patch: Patch, directions: IntegerTuple)",
    ),
    "Piece": (
        "cmirror(piece: Piece)",
        "dmirror(piece: Piece)",
        "hmirror(piece: Piece)",
        "vmirror(piece: Piece)",
    ),
    "Tuple": (
        "dedupe(tup: Tuple)",
        "hsplit(grid: Grid, n: Integer)",
        "interval(start: Integer, stop: Integer, step: Integer)",
        "mpapply(function: Callable, a: Tuple, b: Tuple)",
        "order(container: Container, compfunc: Callable)",
        "papply(function: Callable, a: Tuple, b: Tuple)",
        "repeat(item: Any, num: Integer)",
        "totuple(container: FrozenSet)",
        "vsplit(grid: Grid, n: Integer)",
    ),
    "TupleTuple": ("pair(a: Tuple, b: Tuple)",),
}


def _signature(declaration: str, result: str) -> Signature:
    """Read one declaration."""
    # No type has a comma or a bracket, so that cutting at separators suffices.
    name, _, parameters = declaration[:-1].partition("(")
    pairs = [parameter.split(": ") for parameter in parameters.split(", ")]
    return Signature(name, tuple(Parameter(parameter, kind) for parameter, kind in pairs), result)


# Sorted by name: a slot must not depend on how the declarations are grouped.
SIGNATURES: dict[str, Signature] = {
    signature.name: signature
    for signature in sorted(
        _signature(declaration, result)
        for result, declarations in _DECLARATIONS.items()
        for declaration in declarations
    )
}
