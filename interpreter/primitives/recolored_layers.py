"""Recolored patches that are not built: indices in one color each, of which no cells are made.

Many programs recolor a patch for every object, with whatever function finds the patch, and paint them all.
"""

from itertools import chain, repeat
from types import FunctionType

from interpreter.primitives.bounded_calls import enter, leave, made_by
from interpreter.primitives.bounds import integer_pairs, listed_indices
from interpreter.primitives.indices import fill_indices
from interpreter.primitives.lazy_value import CELL_NODES, LazyValue
from interpreter.primitives.moved_patterns import recolors
from interpreter.values.meter import METER, charge, reserve
from interpreter.values.order import Value

_TOO_LONG = 11  # such functions watch what they nest (see `closures`)


class LazyLayers(LazyValue):
    """A set of cells as layers, which are painted one over the other.

    Args:
        indices_of: the indices of each color.
    """

    __slots__ = ("_layers",)

    def __init__(self, indices_of: dict[int, frozenset[Value]]) -> None:
        self._layers = sorted(indices_of.items())  # in the canonical order of the cells
        size = sum([len(indices) for _, indices in self._layers])
        super().__init__(size, 1 + CELL_NODES * size)

    def built(self) -> frozenset[Value]:
        """Return the set itself."""
        return frozenset(chain.from_iterable([zip(repeat(color), indices) for color, indices in self._layers]))

    def painted(self, grid: Value) -> Value | None:
        """Return the grid with the layers painted."""
        for color, indices in self._layers:
            grid = fill_indices(grid, color, indices)
        return grid


def recolored_layers(function: Value, elements: frozenset[Value]) -> LazyLayers | None:
    """Return the union of function(x) for all elements x; None where it is to be found by calling the function.

    Raises:
        WorkExceeded, SizeExceeded: as the calls and the union would.
    """
    parts = _parts_of_recoloring(function)
    if parts is None:
        return None
    color_of, patch_of, closures = parts
    left = METER.left
    frames = enter(function)
    try:
        charge(closures * len(elements))
        colors = [color_of(element) for element in elements]
        patches = [patch_of(element) for element in elements]
        indices = [frozenset(listed_indices(patch)) for patch in patches]
        if set(map(type, colors)) != {int} or integer_pairs(frozenset().union(*indices)) is None:
            raise TypeError("colors or indices that are no integers")
        charge(sum(map(len, patches)))
        reserve(sum(map(len, indices)))
    except MemoryError:
        raise
    except Exception:  # which call fails first is found out by making them in order
        METER.left = left
        return None
    finally:
        leave(frames)
    sets_of: dict[int, list[frozenset[Value]]] = {}
    for color, found in zip(colors, indices, strict=True):
        sets_of.setdefault(color, []).append(found)
    return LazyLayers({color: frozenset().union(*sets) for color, sets in sets_of.items()})


def _parts_of_recoloring(function: Value) -> tuple[Value, Value, int] | None:
    """Return what gives the color and the patch, and how many closures a call of the whole calls."""
    described = function.__dict__ if type(function) is FunctionType else {}
    builder, parts = described.get("builder"), described.get("parts")
    if not parts or described["length"] >= _TOO_LONG:
        return None
    if builder == "fork" and made_by(parts[0], "recolor"):
        return parts[1], parts[2], 1
    if builder == "compose" and recolors(parts[0]):
        color = parts[0].parts[1]
        return lambda _: color, parts[1], 2
    return None
