"""Recolored patches as layers: indices in one colour, of which no cells are made."""

from collections.abc import Iterable
from itertools import chain, repeat
from math import inf
from operator import itemgetter
from types import FunctionType

from interpreter.primitives.bounds import listed_indices
from interpreter.primitives.calls import enter, leave
from interpreter.primitives.unbuilt import Unbuilt
from interpreter.values import Value, in_order
from interpreter.work import METER, charge, reserve

_TOO_LONG = 11  # such functions watch what they nest (see `closures`)
_TUPLE = {tuple}

_Layer = tuple[int, frozenset[Value]]


class CellLayers(Unbuilt):
    """Cells as layers, which are painted one over the other.

    Args:
        kind: of the built value.
        layers: colours and indices, in the canonical order of the cells if the built value is a set.
        length: as for `Unbuilt`.
    """

    __slots__ = ("_kind", "_layers")

    def __init__(self, kind: type, layers: list[_Layer], length: int) -> None:
        super().__init__(length, colored=True)
        self._kind, self._layers = kind, layers

    def built(self) -> Value:
        cells: Iterable[Iterable[Value]] = [zip(repeat(color), indices) for color, indices in self._layers]
        if self._kind is tuple:
            left, METER.left = METER.left, inf
            cells = [in_order(frozenset(layer)) for layer in cells]
            METER.left = left
        return self._kind(chain.from_iterable(cells))

    def filled(self, grid: Value, value: Value, background: Value = None) -> Value | None:
        return _painted(grid, [(value, indices) for _, indices in self._layers], background)

    def painted(self, grid: Value) -> Value | None:
        return _painted(grid, self._layers)

    def underpainted(self, grid: Value, background: Value) -> Value | None:
        return _painted(grid, [layer for layer in reversed(self._layers) if layer[0] != background], background)


def _painted(grid: Value, layers: Iterable[tuple[Value, frozenset[Value]]], background: Value = None) -> Value | None:
    if type(grid) is not tuple or not _TUPLE.issuperset(map(type, grid)):
        return None
    rows = [*grid]
    try:
        height, width = len(grid), len(grid[0])
        for color, indices in layers:
            for i, j in indices:
                if 0 <= i < height and 0 <= j < width and (background is None or grid[i][j] == background):
                    row = rows[i]
                    if type(row) is not list:
                        row = rows[i] = list(row)
                    row[j] = color
    except (TypeError, ValueError, IndexError):
        return None
    return tuple([row if type(row) is tuple else tuple(row) for row in rows])


def layers_of_images(function: Value, container: Value) -> CellLayers | None:
    """Map and flatten a function that recolors patches; None if it isn't one, or where it must be called by itself.

    Args:
        function: what is mapped, over
        container: this set or tuple.

    Raises:
        WorkExceeded, SizeExceeded: as the calls and the union would.
    """
    parts = _parts_of_recoloring(function)
    if parts is None:
        return None
    color_of, indices_of, closures = parts
    frames, left = enter(function), METER.left
    try:
        colors = [color_of(element) for element in container]
        patches = [indices_of(element) for element in container]
        indices = [_indices_of(patch) for patch in patches]
        charge(closures * len(container) + sum(map(len, patches)))
    except MemoryError:
        raise
    except Exception:
        METER.left = left
        return None  # which call fails first is found out by making them in order
    finally:
        leave(frames)
    if not {int}.issuperset(map(type, colors)):
        METER.left = left
        return None
    size = sum(map(len, indices))
    if type(container) is tuple:
        reserve(size + len(container))
        return CellLayers(tuple, list(zip(colors, indices, strict=True)), size)
    reserve(size)
    layers = _united(zip(colors, indices, strict=True))
    return CellLayers(frozenset, layers, sum([len(together) for _, together in layers]))


def _parts_of_recoloring(function: Value) -> tuple[Value, Value, int] | None:
    """Return the functions that give the colour and the indices, and how many closures a call of the whole calls."""
    if type(function) is not FunctionType or vars(function).get("length", _TOO_LONG) >= _TOO_LONG:
        return None
    builder, parts = vars(function)["builder"], vars(function)["parts"]
    if builder == "fork" and parts[0].builder == "recolor":
        return parts[1], parts[2], 1
    if builder == "compose" and parts[0].builder == "lbind" and parts[0].parts[0].builder == "recolor":
        color = parts[0].parts[1]
        return lambda _: color, parts[1], 2
    return None


def _indices_of(patch: Value) -> frozenset[Value]:
    if type(patch) is not frozenset:
        raise TypeError("a patch that is no set")
    indices = listed_indices(patch)
    if not _TUPLE.issuperset(map(type, indices)):
        raise TypeError("indices that are no pairs")
    return frozenset(indices)


def _united(layers: Iterable[_Layer]) -> list[_Layer]:
    """Return one layer for each colour, in the order of the colours."""
    indices_of: dict[int, list[frozenset[Value]]] = {}
    for color, indices in layers:
        indices_of.setdefault(color, []).append(indices)
    return [(color, frozenset().union(*many)) for color, many in sorted(indices_of.items(), key=itemgetter(0))]
