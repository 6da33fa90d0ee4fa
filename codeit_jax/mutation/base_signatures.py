"""The signatures of the primitives in base types: one annotated signature stands for many.

`first(container: Container) -> Any` says little; in base types it is Objects -> Object, Indices -> IntegerTuple and so
on. The rules below say what a polymorphic primitive returns for arguments of given base types; where the rule depends
on a function argument (`apply`, `mapply`, ...), several results are possible. A combination without a result is no call
worth trying.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import interpreter
from codeit_jax.mutation.elements import ELEMENTS, SET_OF
from interpreter.language.signatures import Signature
from interpreter.language.type_names import BASE_TYPES, CONTAINER, GRID, SETS, SUBTYPES

Rule = Callable[[Sequence[str]], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class BaseSignature:
    """One primitive on arguments of given base types.

    Attributes:
        name: the primitive.
        parameters: base type of each argument.
        result: base type of the result.
        required: the parameter types as a set.
    """

    name: str
    parameters: tuple[str, ...]
    result: str
    required: frozenset[str]


def _same_as(position: int) -> Rule:
    return lambda types: (types[position],)


def _part_of(position: int) -> Rule:
    """More or fewer elements: the same kind of container, but a pair of integers stays no pair."""
    return lambda types: (CONTAINER if types[position] == "IntegerTuple" else types[position],)


def _elements_of(position: int) -> Rule:
    return lambda types: ELEMENTS[types[position]]


def _flattened(position: int) -> Rule:
    """Elements that are containers: the result of merging."""
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
    return ("Integer",) if set(types) == {"Integer"} else ("IntegerTuple",)


def _mapped(position: int) -> Rule:
    """Element-wise results: a set of anything from a set, a tuple of anything from a tuple."""
    return lambda types: SETS if types[position] in SETS else (GRID, "GridTuple", CONTAINER)


def _flat_mapped(types: Sequence[str]) -> tuple[str, ...]:
    return ("Indices", "Object", "Objects") if types[1] in SETS else ("GridTuple", CONTAINER)


def _product(types: Sequence[str]) -> tuple[str, ...]:
    results = {("IntegerSet", "IntegerSet"): "Indices", ("IntegerSet", "Indices"): "Object"}
    return (results.get((types[0], types[1]), CONTAINER),)


def _ordered(types: Sequence[str]) -> tuple[str, ...]:
    return (types[0],) if types[0] in (GRID, "GridTuple") else (CONTAINER,)


def _singleton(types: Sequence[str]) -> tuple[str, ...]:
    return (SET_OF[types[0]],) if types[0] in SET_OF else ()


def _is_tuple(types: Sequence[str]) -> bool:
    return types[0] not in SETS


def _is_set(types: Sequence[str]) -> bool:
    return types[0] in SETS


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
    **dict.fromkeys(("mostcommon", "leastcommon"), _when(_is_tuple, _elements_of(0))),
    **dict.fromkeys(("combine", "difference", "intersection"), _when(_equal(0, 1), _part_of(0))),
    **dict.fromkeys(("remove", "insert"), _when(_element(0, 1), _part_of(1))),
    **dict.fromkeys(("hsplit", "vsplit"), _always("GridTuple")),
    **dict.fromkeys(("interval", "pair", "totuple", "papply", "mpapply", "rapply"), _always(CONTAINER)),
    **dict.fromkeys(("merge", "mfilter"), _flattened(0)),
    "apply": _mapped(1),
    "branch": _when(_equal(1, 2), _same_as(1)),
    "contained": _when(_element(0, 1), _always("Boolean")),
    "equality": _when(_equal(0, 1), _always("Boolean")),
    "initset": _singleton,
    "mapply": _flat_mapped,
    "numcolors": _always("Integer"),  # annotated as a set of integers, but it counts
    "order": _ordered,
    "other": _when(_element(1, 0), _elements_of(0)),
    "prapply": _always(*SETS),
    "product": _product,
    "repeat": lambda types: ("GridTuple",) if types[0] == GRID else (CONTAINER,),
    "sfilter": _part_of(0),
    "sizefilter": _when(_is_set, _same_as(0)),
}

# Parameters that take functions of more than one argument; every other function parameter takes one.
_BINARY_FUNCTIONS = {"fork": (0,), "lbind": (0,), "rbind": (0,), "papply": (0,), "mpapply": (0,), "prapply": (0,)}


def is_binary_function_parameter(name: str, position: int) -> bool:
    """Tell whether a primitive calls its argument at `position` with more than one argument."""
    return position in _BINARY_FUNCTIONS.get(name, ())


def _base_signatures(signature: Signature) -> Iterator[BaseSignature]:
    rule = _RULES.get(signature.name, _always(signature.result))
    choices = [SUBTYPES[parameter.type] for parameter in signature.parameters]
    for types in itertools.product(*choices):
        for result in rule(types):
            yield BaseSignature(signature.name, types, result, frozenset(types))


def _grouped() -> dict[str, dict[str, tuple[BaseSignature, ...]]]:
    groups: dict[str, defaultdict[str, list[BaseSignature]]] = {base: defaultdict(list) for base in BASE_TYPES}
    for signature in interpreter.SIGNATURES.values():
        for base_signature in _base_signatures(signature):
            groups[base_signature.result][signature.name].append(base_signature)
    return {base: {name: tuple(found) for name, found in group.items()} for base, group in groups.items()}


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
    return tuple(parameter.type for parameter in signature.parameters), signature.result


SAME_SIGNATURE: dict[str, tuple[str, ...]] = _same_signature()
"""For each primitive the others with the same annotated parameter and result types."""
