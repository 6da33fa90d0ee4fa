"""Program texts: written from a list of calls, or at random with arguments that mostly fit the annotated types."""

import random

from interpreter import CONSTANTS, SIGNATURES

_PATCHES = ("Object", "Indices", "Patch")
_CONTAINERS = ("Container", "FrozenSet", "Tuple", "Objects", "IndicesSet", "Object", "Indices", "Grid")
_FITTING = {
    "Numerical": ("Integer", "IntegerTuple", "Numerical"),
    "Patch": _PATCHES,
    "Element": ("Grid", "Object", "Element"),
    "Piece": ("Grid", *_PATCHES, "Piece"),
    "Container": _CONTAINERS,
    "ContainerContainer": ("Objects", "IndicesSet", "Grid", "TupleTuple"),
    "FrozenSet": ("FrozenSet", *_PATCHES, "Objects", "IndicesSet"),
    "Tuple": ("Tuple", "TupleTuple", "Grid"),
    "Objects": ("Objects", "FrozenSet"),
}


def program_text(*calls: str) -> str:
    """Write a program of these calls, assigned to x1, x2, ... and O; `@` stands for the line before."""
    names = [f"x{number}" for number in range(1, len(calls))] + ["O"]
    lines = zip(names, ["I", *names[:-1]], calls, strict=True)
    return "\n".join(f"{name} = {call.replace('@', before)}" for name, before, call in lines)


def random_program(rng: random.Random) -> str:
    """Write a program of one to nine lines that ends with a primitive annotated to return a grid."""
    names = {name: _type_of(value) for name, value in CONSTANTS.items()} | {"I": "Grid"}
    lines = []
    num_lines = rng.randint(1, 9)
    for number in range(1, num_lines + 1):
        signatures = [s for s in SIGNATURES.values() if s.result == "Grid" or number < num_lines]
        signature = rng.choice(signatures)
        arguments = [_argument(rng, parameter.type, names) for parameter in signature.parameters]
        name = "O" if number == num_lines else f"x{number}"
        lines.append(f"{name} = {signature.name}({', '.join(arguments)})")
        names[name] = signature.result
    return "\n".join(lines)


def _argument(rng: random.Random, wanted: str, names: dict[str, str]) -> str:
    if wanted == "Callable" and rng.random() < 0.7:
        return rng.choice(list(SIGNATURES))
    fitting = [name for name, kind in names.items() if kind in _FITTING.get(wanted, (wanted,))]
    if rng.random() < 0.1 or not fitting:
        return rng.choice(list(names))
    variables = [name for name in fitting if name not in CONSTANTS]
    return rng.choice(variables if variables and rng.random() < 0.8 else fitting)


def _type_of(value: object) -> str:
    if isinstance(value, tuple):
        return "IntegerTuple"
    return "Boolean" if isinstance(value, bool) else "Integer"
