"""What a call at some place of a program may name: constants, the input grid, earlier lines, functions."""

from collections.abc import Iterator, Sequence

import interpreter
from codeit_jax.mutation.base_signatures import is_binary_function_parameter
from interpreter.language.slots import FIRST_LINE_SLOT, FIXED_NAMES, INPUT_SLOT, NUM_PRIMITIVES
from interpreter.language.type_names import CALLABLE, GRID

PRIMITIVE_SLOTS = {name: FIXED_NAMES.index(name) for name in interpreter.PRIMITIVES}
"""The slot of each primitive by name."""


def _constant_type(value: object) -> str:
    # A bool is an int for Python; the language keeps them apart.
    if isinstance(value, bool):
        return "Boolean"
    return "Integer" if isinstance(value, int) else "IntegerTuple"


def _constants_by_type() -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for name, value in interpreter.CONSTANTS.items():
        groups.setdefault(_constant_type(value), []).append(FIXED_NAMES.index(name))
    return groups


def _primitives_by_arity(accepted: Sequence[int]) -> list[int]:
    return [
        PRIMITIVE_SLOTS[name]
        for name, signature in interpreter.SIGNATURES.items()
        if len(signature.parameters) in accepted
    ]


CONSTANTS_BY_TYPE = _constants_by_type()
"""Slots of the constants by base type."""

UNARY_PRIMITIVES = _primitives_by_arity((1,))
"""Slots of the primitives of one argument, which most function parameters call."""

# With three parameters, too: `lbind` and `rbind` fix one of them.
BINARY_PRIMITIVES = _primitives_by_arity((2, 3))
"""Slots of the primitives for parameters that call a function with more than one argument."""


class Scope:
    """The slots that a line may use as arguments, grouped by base type.

    Attributes:
        available: the base types of which at least one value can be named; functions always can.
    """

    def __init__(self, line_types: Sequence[str | None]) -> None:
        """Collect the scope after lines whose results have the given types; None (unknown) is never used."""
        # Lists are copied: `add` appends to them, and the constants' own are shared by all scopes.
        self._slots: dict[str, list[int]] = {base: list(slots) for base, slots in CONSTANTS_BY_TYPE.items()}
        self._slots.setdefault(GRID, []).append(INPUT_SLOT)
        self.available = {*self._slots, CALLABLE}
        for slot, base in enumerate(line_types, FIRST_LINE_SLOT):
            self.add(slot, base)

    def add(self, slot: int, base: str | None) -> None:
        """Add the result in `slot`, which later calls may use."""
        if base is not None:
            self._slots.setdefault(base, []).append(slot)
            self.available.add(base)

    def values(self, base: str) -> list[int]:
        """Return the constants, the input grid and the variables of a base type; for functions only the variables."""
        # Which primitives fit depends on who calls them: see `arguments`.
        return self._slots.get(base, [])

    def arguments(self, base: str, *, callee: str, position: int) -> list[int]:
        """Return what can stand at a parameter of the primitive `callee`: values, or functions that it can call."""
        if base != CALLABLE:
            return self.values(base)
        binary = is_binary_function_parameter(callee, position)
        return [*self.values(CALLABLE), *(BINARY_PRIMITIVES if binary else UNARY_PRIMITIVES)]


def fixed_types() -> Iterator[tuple[int, str]]:
    """Yield the slot and base type of every name that needs no line: primitives, constants, the input grid."""
    yield from ((slot, CALLABLE) for slot in range(NUM_PRIMITIVES))
    yield from ((slot, base) for base, slots in CONSTANTS_BY_TYPE.items() for slot in slots)
    yield INPUT_SLOT, GRID
