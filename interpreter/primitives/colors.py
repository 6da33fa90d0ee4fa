"""Colors of grids and objects."""

from collections import Counter
from collections.abc import Iterable
from itertools import chain

from interpreter.primitives.bounds import components_of
from interpreter.primitives.raster import is_color, known_raster_of, raster_of
from interpreter.values.meter import charge
from interpreter.values.order import Value, first_of, in_order
from interpreter.values.weight import charge_nested, charge_tree_size

_TUPLE = {tuple}


def count_cells(grid: Value) -> int:
    """Count the cells of a tuple of rows; anything else counts its own elements."""
    try:
        return sum(map(len, grid))
    except TypeError:
        return len(grid)


def _colors(element: Value) -> Iterable[Value]:
    """Return the colors, one a cell."""
    if type(element) is tuple:
        charge(count_cells(element))
        return chain.from_iterable(element)
    charge(len(element))
    if frozenset in set(map(type, element)):
        return [components_of(cell)[0] for cell in element]
    return [color for color, _ in element]


def palette(element: Value) -> Value:
    """Return the set of colors."""
    return frozenset(_colors(element))


def numcolors(element: Value) -> Value:
    """Count the different colors."""
    return len(palette(element))


def _by_count(element: Value, largest: bool) -> Value:
    raster = raster_of(element)
    if raster is not None:
        charge(raster.height * raster.width)
        counts = raster.counts
        if counts is not None:
            return counts.index(max(counts) if largest else min(filter(None, counts)))
    colors = Counter(_colors(element))
    best = max(colors.values()) if largest else min(colors.values())
    return first_of(frozenset([color for color, count in colors.items() if count == best]))


def mostcolor(element: Value) -> Value:
    """Return the color of most cells, the smallest of several; no cells fail."""
    return _by_count(element, largest=True)


def leastcolor(element: Value) -> Value:
    """Return the color of fewest cells, the smallest of several; no cells fail."""
    return _by_count(element, largest=False)


def colorcount(element: Value, value: Value) -> Value:
    """Count the cells of one color."""
    if type(element) is tuple:
        charge(count_cells(element))
        return sum([row.count(value) for row in element])
    return [color == value for color in _colors(element)].count(True)


def first_color(obj: Value) -> Value:
    """Return the color of the first cell; empty fails."""
    if type(obj) is tuple:
        return obj[0][0]
    try:
        colors = {cell[0] for cell in obj}
    except (TypeError, IndexError):
        return first_of(obj)[0]
    if len(colors) == 1:
        return colors.pop()
    return min(colors) if set(map(type, colors)) == {int} else first_of(obj)[0]


def color(obj: Value) -> Value:
    """Return the color of the first cell, hence of a single-colored object; empty fails."""
    charge(len(obj))
    return first_color(obj)


def colorfilter(objs: Value, value: Value) -> Value:
    """Return the set of the objects whose first cell has the color; an empty object fails."""
    charge(len(objs) + sum(map(len, objs)))
    if type(objs) is tuple:
        charge_nested(objs)
    return frozenset([obj for obj in objs if first_color(obj) == value])


def _rows(grid: Value) -> Value:
    """Return the rows, as tuples."""
    charge(count_cells(grid))
    if type(grid) is tuple and _TUPLE.issuperset(map(type, grid)):
        return grid
    return [row if type(row) is tuple else tuple(in_order(row)) for row in in_order(grid)]


def replace(grid: Value, replacee: Value, replacer: Value) -> Value:
    """Recolor every cell of one color."""
    raster = known_raster_of(grid)
    if raster is not None and is_color(replacee) and is_color(replacer):
        charge(raster.height * raster.width)
        return raster.with_cells(raster.cells.replace(bytes((replacee,)), bytes((replacer,))))
    rows = _rows(grid)
    if type(replacer) is not int:
        charge_tree_size((replacer,), copies=sum(map(len, rows)))
    return tuple(
        [tuple([replacer if cell == replacee else cell for cell in row]) if replacee in row else row for row in rows]
    )


def switch(grid: Value, a: Value, b: Value) -> Value:
    """Exchange two colors."""
    raster = known_raster_of(grid)
    if raster is not None and is_color(a) and is_color(b):
        charge(raster.height * raster.width)
        return raster.with_cells(raster.cells.translate(bytes.maketrans(bytes((a, b)), bytes((b, a)))))
    rows = _rows(grid)
    if type(a) is not int or type(b) is not int:
        charge_tree_size((a, b), copies=sum(map(len, rows)))
    return tuple([tuple([b if cell == a else a if cell == b else cell for cell in row]) for row in rows])
