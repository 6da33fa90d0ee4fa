"""The signatures of the primitives in base types: one annotated signature stands for many.

`first(container: Container) -> Any` says little; in base types it is Objects -> Object, Indices -> IntegerTuple and so
on. The rules below give the result of a polymorphic primitive for arguments of given base types; where it depends on a
function argument (`apply`, `mapply`, ...), several results are possible. A combination without a result is not worth
trying: it fails on every input.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import interpreter
from interpreter.language.signatures import Signature
from interpreter.language.type_names import BASE_TYPES, CONTAINER, GRID, SETS, SUBTYPES

Rule = Callable[[Sequence[str]], tuple[str, ...]]
"""From the base types of a call's arguments to those that its result may have."""

ELEMENTS: dict[str, tuple[str, ...]] = {
    "Object": ("Cell",),
    "Objects": ("Object",),
    "Indices": ("IntegerTuple",),
    "IndicesSet": ("Indices",),
    "IntegerSet": ("Integer",),
    "IntegerTuple": ("Integer",),
    "GridTuple": (GRID,),
    GRID: (CONTAINER,),
    # Of a `Container` nothing is known but that it has been computed, so its elements may be any of what the seed
    # programs put in tuples; a wrong guess fails when the mutant runs.
    CONTAINER: ("Integer", "IntegerTuple", "Object", "Indices", GRID, CONTAINER),
}
"""For each container the base types that its elements may have."""

SET_OF: dict[str, str] = {ELEMENTS[container][0]: container for container in SETS}
"""For a base type the set whose elements have it."""


@dataclass(frozen=True, slots=True)
class BaseSignature:
    """One primitive on arguments of given base types.

    Attributes:
        name: the primitive.
        parameters: base type of each argument.
        result: base type of the result.
        required: the parameter types as a set, to compare with what is in scope.
    """

    name: str
    parameters: tuple[str, ...]
    result: str
    required: frozenset[str]


# Makers of rules. Those with a position speak of the argument there.


def _same_as(position: int) -> Rule:
    return lambda types: (types[position],)


# For sfilter, remove, combine and the like, which keep the kind and change the number.
def _part_of(position: int) -> Rule:
    """More or fewer elements: the same kind of container, but a pair of integers is no pair any more."""
    return lambda types: (CONTAINER if types[position] == "IntegerTuple" else types[position],)


def _elements_of(position: int) -> Rule:
    return lambda types: ELEMENTS[types[position]]


def _flattened(position: int) -> Rule:
    """Merged containers: the elements that are containers themselves."""
    return lambda types: tuple(base for base in ELEMENTS[types[position]] if base in ELEMENTS)


def _when(condition: Callable[[Sequence[str]], bool], rule: Rule) -> Rule:
    return lambda types: rule(types) if condition(types) else ()


def _equal(first: int, second: int) -> Callable[[Sequence[str]], bool]:
    return lambda types: types[first] == types[second]


def _element(value: int, container: int) -> Callable[[Sequence[str]], bool]:
    return lambda types: types[value] in ELEMENTS[types[container]]


def _always(*results: str) -> Rule:
    return lambda types: results


def _arithmetic(types: Sequence[str]) -> tuple[str, ...]:
    # An integer with a pair is added to both of its parts, so one pair among the arguments makes the result a pair.
    return ("Integer",) if set(types) == {"Integer"} else ("IntegerTuple",)


def _mapped(position: int) -> Rule:
    """Element-wise results: a set of anything from a set, a tuple of anything from a tuple."""
    # A tuple of rows is a grid: `apply` on a grid, row by row, may give one again.
    return lambda types: SETS if types[position] in SETS else (GRID, "GridTuple", CONTAINER)


def _flat_mapped(types: Sequence[str]) -> tuple[str, ...]:
    # Only what can be merged: a function that gives single values fails in `mapply`.
    return ("Indices", "Object", "Objects") if types[1] in SETS else ("GridTuple", CONTAINER)


def _product(types: Sequence[str]) -> tuple[str, ...]:
    # Pairs of integers are locations, and pairs of a color and a location are cells.
    results = {("IntegerSet", "IntegerSet"): "Indices", ("IntegerSet", "Indices"): "Object"}
    return (results.get((types[0], types[1]), CONTAINER),)


def _ordered(types: Sequence[str]) -> tuple[str, ...]:
    # Sorting makes a tuple of any set; a grid's rows in another order are still a grid.
    return (types[0],) if types[0] in (GRID, "GridTuple") else (CONTAINER,)


def _singleton(types: Sequence[str]) -> tuple[str, ...]:
    return (SET_OF[types[0]],) if types[0] in SET_OF else ()


def _is_tuple(types: Sequence[str]) -> bool:
    return types[0] not in SETS


def _is_set(types: Sequence[str]) -> bool:
    return types[0] in SETS


# The polymorphic primitives only; all others return what they are annotated with.
_RULES: dict[str, Rule] = {
    **dict.fromkeys(
        ("identity", "hmirror", "vmirror", "cmirror", "dmirror", "normalize", "shift", "upscale", "dedupe"), _same_as(0)
    ),
    **dict.fromkeys(
        (
            "add",
            "subtract",
            "multiply",
            "divide",
            "invert",
            "double",
            "halve",
            "increment",
            "decrement",
            "crement",
            "sign",
        ),
        _arithmetic,
    ),
    **dict.fromkeys(("argmax", "argmin", "extract", "first", "last"), _elements_of(0)),
    # In a set every element occurs once, so there is no most common one.
    **dict.fromkeys(("mostcommon", "leastcommon"), _when(_is_tuple, _elements_of(0))),
    **dict.fromkeys(("combine", "difference", "intersection"), _when(_equal(0, 1), _part_of(0))),
    **dict.fromkeys(("remove", "insert"), _when(_element(0, 1), _part_of(1))),
    **dict.fromkeys(("hsplit", "vsplit"), _always("GridTuple")),
    **dict.fromkeys(("interval", "pair", "totuple", "papply", "mpapply", "rapply"), _always(CONTAINER)),
    **dict.fromkeys(("merge", "mfilter"), _flattened(0)),
    "apply": _mapped(1),
    "branch": _when(_equal(1, 2), _same_as(1)),
    # Comparing values of two types gives False on every input: correct, and never of use.
    "contained": _when(_element(0, 1), _always("Boolean")),
    "equality": _when(_equal(0, 1), _always("Boolean")),
    "initset": _singleton,
    "mapply": _flat_mapped,
    "numcolors": _always("Integer"),  # annotated as a set of integers, but it counts
    "order": _ordered,
    "other": _when(_element(1, 0), _elements_of(0)),
    # A set of whatever its function returns, which the types of the arguments don't say.
    "prapply": _always(*SETS),
    "product": _product,
    "repeat": lambda types: ("GridTuple",) if types[0] == GRID else (CONTAINER,),
    "sfilter": _part_of(0),
    "sizefilter": _when(_is_set, _same_as(0)),
}

# Parameters that take functions of more than one argument; every other function parameter takes one. Only the first
# function of `fork` does: it is called with the results of the other two.
_BINARY_FUNCTIONS = {"fork": (0,), "lbind": (0,), "rbind": (0,), "papply": (0,), "mpapply": (0,), "prapply": (0,)}


def is_binary_function_parameter(name: str, position: int) -> bool:
    """Return whether a primitive calls its argument at `position` with more than one argument."""
    return position in _BINARY_FUNCTIONS.get(name, ())


def _base_signatures(signature: Signature) -> Iterator[BaseSignature]:
    rule = _RULES.get(signature.name, _always(signature.result))
    choices = [SUBTYPES[parameter.type] for parameter in signature.parameters]
    # Some 1,600 combinations for the whole table, once at import.
    for types in itertools.product(*choices):
        for result in rule(types):
            yield BaseSignature(signature.name, types, result, frozenset(types))


def _grouped() -> dict[str, dict[str, tuple[BaseSignature, ...]]]:
    groups: dict[str, defaultdict[str, list[BaseSignature]]] = {base: defaultdict(list) for base in BASE_TYPES}
    for signature in interpreter.SIGNATURES.values():
        for base_signature in _base_signatures(signature):
            groups[base_signature.result][signature.name].append(base_signature)
    return {base: {name: tuple(found) for name, found in group.items()} for base, group in groups.items()}


# Tables made once, at import: mutation looks things up here for every line that it draws.
BASE_SIGNATURES: dict[str, dict[str, tuple[BaseSignature, ...]]] = _grouped()
"""Base signatures by result type, then by primitive; both in the order of the signature table."""


def _same_signature() -> dict[str, tuple[str, ...]]:
    groups: defaultdict[tuple[tuple[str, ...], str], list[str]] = defaultdict(list)
    for signature in interpreter.SIGNATURES.values():
        groups[_annotated_types(signature)].append(signature.name)
    return {
        signature.name: tuple(name for name in groups[_annotated_types(signature)] if name != signature.name)
        for signature in interpreter.SIGNATURES.values()
    }


def _annotated_types(signature: Signature) -> tuple[tuple[str, ...], str]:
    # As annotated, not in base types: the paper replaces a function by one that is declared alike.
    return tuple(parameter.type for parameter in signature.parameters), signature.result


SAME_SIGNATURE: dict[str, tuple[str, ...]] = _same_signature()
"""For each primitive the others with the same annotated parameter and result types."""
