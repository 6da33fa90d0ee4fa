"""Recolored patches as layers: indices in one colour, of which no cells are made."""

from collections.abc import Iterable
from itertools import chain, islice, repeat
from math import inf
from types import FunctionType

from interpreter.primitives.bounded_calls import enter, leave, made_by
from interpreter.primitives.bounds import integer_pairs, listed_indices
from interpreter.primitives.unbuilt import CELL_NODES, Unbuilt
from interpreter.primitives.unions import recolors
from interpreter.values.meter import METER, charge, reserve
from interpreter.values.order import Value, in_order

_TOO_LONG = 11  # such functions watch what they nest (see `closures`)
_TUPLE = {tuple}
_INTEGER = {int}

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
        super().__init__(length, 1 + CELL_NODES * length)
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
        layers = self._layers[::-1]
        layers.sort(key=lambda layer: layer[0] != background)  # those that leave the grid as it is never go on top
        return _painted(grid, layers, background)


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
    left = METER.left
    frames = enter(function)
    try:
        charge((1 + closures) * len(container))
        colors = [color_of(element) for element in container]
        return _layers(type(container), colors, [indices_of(element) for element in container])
    except MemoryError:
        raise
    except Exception:  # which call fails first is found out by making them in order
        METER.left = left
        return None
    finally:
        leave(frames)


def layers_of_pairs(function: Value, colors: Value, patches: Value) -> CellLayers | None:
    """Do what `mpapply` does with `recolor`; None for other functions, or where it must be called by itself."""
    if not made_by(function, "recolor"):
        return None
    left = METER.left
    frames = enter(function)
    try:
        number = min(len(colors), len(patches))
        charge(number)
        return _layers(tuple, list(islice(in_order(colors), number)), list(islice(in_order(patches), number)))
    except MemoryError:
        raise
    except Exception:
        METER.left = left
        return None
    finally:
        leave(frames)


def _layers(kind: type, colors: list[Value], patches: list[Value]) -> CellLayers:
    """Recolor the patches and merge them, charging what that does.

    Raises:
        TypeError: something isn't as usual.
    """
    indices = list(map(_indices_of, patches))
    if not _INTEGER.issuperset(map(type, colors)):
        raise TypeError("colours that are no integers")
    size = sum(map(len, indices))
    charge(sum(map(len, patches)))
    reserve(size if kind is frozenset else size + len(patches))
    if kind is tuple:
        if integer_pairs(frozenset().union(*indices)) is None:
            raise TypeError("indices that it takes work to order")
        return CellLayers(tuple, list(zip(colors, indices, strict=True)), size)
    if len(colors) > 1:
        colors, indices = _united(colors, indices)
        size = sum(map(len, indices))
    if not _TUPLE.issuperset(map(type, chain.from_iterable(indices))):
        raise TypeError("indices that are no tuples")
    return CellLayers(frozenset, list(zip(colors, indices, strict=True)), size)


def _parts_of_recoloring(function: Value) -> tuple[Value, Value, int] | None:
    """Return the functions that give the colour and the indices, and how many closures a call of the whole calls."""
    if type(function) is not FunctionType:
        return None
    attributes = function.__dict__
    builder, parts = attributes.get("builder"), attributes.get("parts")
    if not parts or attributes["length"] >= _TOO_LONG:
        return None
    if builder == "fork" and made_by(parts[0], "recolor"):
        return parts[1], parts[2], 1
    if builder == "compose" and recolors(parts[0]):
        color = parts[0].parts[1]
        return lambda _: color, parts[1], 2
    return None


def _indices_of(patch: Value) -> frozenset[Value]:
    if type(patch) is not frozenset and type(patch) is not tuple:
        raise TypeError("a patch that is no container")
    return frozenset(listed_indices(patch))


def _united(colors: list[int], many_indices: list[frozenset[Value]]) -> tuple[list[int], list[frozenset[Value]]]:
    """Return the different colours, in order, and the indices of each."""
    indices_of: dict[int, list[frozenset[Value]]] = {}
    for color, indices in zip(colors, many_indices, strict=True):
        indices_of.setdefault(color, []).append(indices)
    ordered = sorted(indices_of)
    return ordered, [frozenset().union(*indices_of[color]) for color in ordered]
