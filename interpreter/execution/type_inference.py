"""The types of a program's variables, as seen by running it: what typed mutation goes by."""

from collections.abc import Iterable
from typing import Any

from interpreter.execution.machine import DEFAULT_LIMITS, Machine
from interpreter.execution.single_run import execute
from interpreter.language.limits import Limits
from interpreter.language.outcome import Grid
from interpreter.language.program import Program
from interpreter.primitives.lazy_cells import LazyCells


def infer_types(program: Program, grids: Iterable[Grid], limits: Limits = DEFAULT_LIMITS) -> list[str | None]:
    """Return the type name of each line's value.

    A line has the type that it gives on the first grid on which it does not fail; None if it fails on all of them, or
    gives none.
    """
    machine = Machine(limits)
    types: list[str | None] = [None] * len(program.lines)
    known = 0
    for grid in grids:
        values, _, _ = execute(program, grid, machine)
        # Both slices are empty where this grid got no further than those before.
        types[known : len(values)] = [
            type_name(value.built() if isinstance(value, LazyCells) else value) for value in values[known:]
        ]
        known = max(known, len(values))
        if known == len(types):
            break
    return types


def type_name(value: Any) -> str | None:
    """Classify a value; the first match wins, in the order of CodeIt's mutator. None is for none and undefined."""
    if isinstance(value, tuple):
        return _tuple_type(value)
    if isinstance(value, frozenset):
        return _set_type(value)
    if isinstance(value, int):
        return "Boolean" if isinstance(value, bool) else "Integer"  # every bool is an int as well
    return "Callable" if callable(value) else None


# `all` of nothing holds, so that the order decides: the empty tuple is a Grid, the empty set an IntegerSet.
def _tuple_type(value: tuple[Any, ...]) -> str:
    if _is_integer_pair(value):
        return "IntegerTuple"
    if _is_grid(value):
        return "Grid"
    if _is_cell(value):
        return "Cell"
    return "GridTuple" if all(map(_is_grid, value)) else "Container"


def _set_type(value: frozenset[Any]) -> str:
    if all(isinstance(element, int) for element in value):
        return "IntegerSet"
    if _is_object(value):
        return "Object"
    if all(map(_is_object, value)):
        return "Objects"
    if _is_indices(value):
        return "Indices"
    return "IndicesSet" if all(map(_is_indices, value)) else "Container"


def _is_integer_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], int) and isinstance(value[1], int)


def _is_grid(value: Any) -> bool:
    return isinstance(value, tuple) and all(
        isinstance(row, tuple) and all(isinstance(cell, int) for cell in row) for row in value
    )


def _is_cell(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], int) and _is_integer_pair(value[1])


def _is_object(value: Any) -> bool:
    return isinstance(value, frozenset) and all(map(_is_cell, value))


def _is_indices(value: Any) -> bool:
    return isinstance(value, frozenset) and all(map(_is_integer_pair, value))
