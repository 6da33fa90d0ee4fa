"""Hypothesis strategies for arguments of primitives: by the type names of their signatures, or of any kind."""

from hypothesis import strategies as st

from interpreter.language.signatures import SIGNATURES

integers = st.integers(-3, 9)
colors = st.integers(0, 9)
booleans = st.booleans()
pairs = st.tuples(integers, integers)


@st.composite
def grids(draw, highest=6, most_colors=4):
    height, width = draw(st.integers(1, highest)), draw(st.integers(1, highest))
    palette = draw(st.lists(colors, min_size=1, max_size=most_colors))
    row = st.tuples(*[st.sampled_from(palette)] * width)
    return draw(st.tuples(*[row] * height))


@st.composite
def single_colored_objects(draw):
    color = draw(colors)
    return frozenset((color, index) for index in draw(indices))


indices = st.frozensets(pairs, max_size=12)
cells = st.tuples(colors, pairs)
mixed_objects = st.frozensets(cells, max_size=10)
objects = st.one_of(mixed_objects, single_colored_objects())
patches = st.one_of(objects, indices)
integer_sets = st.frozensets(integers, max_size=6)
integer_tuples = st.lists(integers, max_size=6).map(tuple)
object_sets = st.frozensets(objects, max_size=4)
scalars = st.one_of(st.none(), integers, booleans)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4).map(tuple), st.frozensets(inner, max_size=4)),
    max_leaves=8,
)
containers = st.one_of(
    integer_sets,
    integer_tuples,
    grids(),
    objects,
    indices,
    object_sets,
    st.lists(objects, max_size=3).map(tuple),
    st.lists(pairs, max_size=5).map(tuple),
    st.frozensets(anything, max_size=4),
)
nested_containers = st.one_of(
    grids(), object_sets, st.lists(st.one_of(objects, integer_tuples, integer_sets), max_size=3).map(tuple)
)

BY_TYPE = {
    "Boolean": booleans,
    "Integer": integers,
    "IntegerTuple": pairs,
    "Numerical": st.one_of(integers, pairs),
    "IntegerSet": integer_sets,
    "Grid": grids(),
    "Object": objects,
    "Objects": object_sets,
    "Indices": indices,
    "Patch": patches,
    "Element": st.one_of(grids(), objects),
    "Piece": st.one_of(grids(), patches),
    "Tuple": st.one_of(integer_tuples, grids()),
    "FrozenSet": st.one_of(integer_sets, objects, object_sets),
    "Container": containers,
    "ContainerContainer": nested_containers,
    "Any": st.one_of(integers, pairs, grids(3), objects),
}
# Names of functions, so that either side can use its own; nested tuples are calls of builders.
FUNCTIONS = {
    1: st.sampled_from(
        [
            "size",
            "first",
            "last",
            "identity",
            "color",
            "height",
            "width",
            "uppermost",
            "normalize",
            "toindices",
            "initset",
            "positive",
            "even",
            "flip",
            "increment",
            "palette",
            "mostcolor",
            "leastcolor",
            "hmirror",
            "backdrop",
            "totuple",
            ("compose", "size", "initset"),
            ("matcher", "first", 0),
            ("matcher", "size", 1),
            ("rbind", "astuple", 1),
            ("lbind", "shift", frozenset({(2, (0, 0)), (2, (0, 1))})),
            ("fork", "astuple", "size", "first"),
            ("power", "increment", 3),
            ("chain", "even", "size", "identity"),
            ("rbind", "contained", (1, 2, 3)),
        ]
    ),
    2: st.sampled_from(
        ["astuple", "add", "combine", "shift", "recolor", "equality", "greater", ("lbind", "branch", True)]
    ),
    3: st.sampled_from(["branch", "fill", "replace", "switch", "interval"]),
}
_CONTAINER_OF_FUNCTIONS = st.lists(FUNCTIONS[1].filter(lambda name: isinstance(name, str)), max_size=4)


def arguments_of(name):
    """A strategy for argument lists of the annotated types."""
    binary = name in ("papply", "mpapply", "prapply")
    drawn = []
    for parameter in SIGNATURES[name].parameters:
        if name == "rapply" and parameter.name == "functions":
            drawn.append(_CONTAINER_OF_FUNCTIONS.map(lambda names: ("functions", tuple(names))))
        elif parameter.type == "Callable" or parameter.name == "function":
            wanted = 2 if binary or (name == "fork" and parameter.name == "outer") else 1
            both = (
                st.one_of(FUNCTIONS[2], FUNCTIONS[3], FUNCTIONS[1]) if name in ("lbind", "rbind") else FUNCTIONS[wanted]
            )
            drawn.append(both.map(lambda function: ("function", function)))
        else:
            drawn.append(BY_TYPE[parameter.type])
    return st.tuples(*drawn)


def odd_arguments_of(name):
    """A strategy for argument lists with one argument of any other type."""
    position = st.integers(0, len(SIGNATURES[name].parameters) - 1)
    other = st.one_of(anything, containers)
    return st.builds(
        lambda arguments, k, odd: (*arguments[:k], odd, *arguments[k + 1 :]), arguments_of(name), position, other
    )


def resolve(argument, table):
    """Turn the names of functions into a table's functions."""
    if isinstance(argument, tuple) and len(argument) == 2 and argument[0] == "function":
        return _function(argument[1], table)
    if isinstance(argument, tuple) and len(argument) == 2 and argument[0] == "functions":
        return tuple(table[name] for name in argument[1])
    return argument


def _function(spec, table):
    if isinstance(spec, str):
        return table[spec]
    builder, *parts = spec
    return table[builder](*[table[part] if isinstance(part, str) else part for part in parts])
