"""Finding objects, colors and occurrences in a grid."""

from collections.abc import Callable, Iterable
from functools import partial

from interpreter.primitives.colors import count_cells, mostcolor, palette
from interpreter.primitives.measurements import shape
from interpreter.primitives.patches import normalize
from interpreter.primitives.raster import (
    GUARD,
    Raster,
    corner_region,
    padded_cell_table,
    padded_index_table,
    pick,
    raster_of,
)
from interpreter.values.meter import charge, reserve
from interpreter.values.order import Value, in_order
from interpreter.values.weight import walking_units

_SIDES = ((-1, 0), (1, 0), (0, -1), (0, 1))
_ALL_AROUND = (*_SIDES, (-1, -1), (-1, 1), (1, -1), (1, 1))


def objects(grid: Value, univalued: Value, diagonal: Value, without_bg: Value) -> Value:
    """Return the connected components of equal (univalued) or any foreground colors; the empty grid fails."""
    raster = raster_of(grid)
    counts = None if raster is None else raster.counts
    # Grids with other values than colors come up when programs put patches or booleans in them.
    if raster is None or counts is None:
        background = mostcolor(grid) if without_bg else None
        return _objects_by_cell(grid, univalued, _ALL_AROUND if diagonal else _SIDES, background)
    charge(4 * len(raster.cells))
    question = "objects", not univalued, not diagonal, not without_bg
    known = raster.kept.get(question)
    if known is not None:
        return known
    return raster.keep(question, _objects(raster, counts, univalued, diagonal, without_bg))


def _objects(raster: Raster, counts: list[int], univalued: Value, diagonal: Value, without_bg: Value) -> Value:
    background = counts.index(max(counts)) if without_bg else GUARD
    found: list[Value] = []
    for mask, cells_at in _layers(raster, counts, univalued, background):
        singles, components = _components(mask, raster.width + 1, diagonal)
        if singles:
            found += [frozenset((cell,)) for cell in cells_at(singles)]
        found += [frozenset(cells_at(component)) for component in components]
    return frozenset(found)


_CellsAt = Callable[[int], Iterable[Value]]


def _layers(raster: Raster, counts: list[int], univalued: Value, background: int) -> list[tuple[int, _CellsAt]]:
    """List what is split into components: each color, or all of the foreground; and what gives the cells of a mask."""
    if univalued:
        return [
            (raster.mask(color), partial(pick, padded_cell_table(color, raster.height, raster.width)))
            for color, count in enumerate(counts)
            if count and color != background
        ]
    mask = corner_region(raster.height, raster.width, raster.width + 1)
    if background != GUARD:
        mask &= ~raster.mask(background)
    return [(mask, raster.pick)]


def _components(mask: int, stride: int, diagonal: Value) -> tuple[int, list[int]]:
    """Split a mask into its connected components: those of one bit in one mask, and a list of the others."""
    wide = mask | mask << 1 | mask >> 1 if diagonal else mask
    singles = mask & ~(mask << 1 | mask >> 1 | wide << stride | wide >> stride)
    mask ^= singles
    components = []
    while mask:
        # Adding the lowest bit carries through its run, which is the first row of a component.
        grown = (mask ^ (mask + (mask & -mask))) & mask
        component = 0
        while grown != component:
            component = grown
            wide = component | component << 1 | component >> 1
            if diagonal:
                grown = (wide | wide << stride | wide >> stride) & mask
            else:
                grown = (wide | component << stride | component >> stride) & mask
        components.append(component)
        mask ^= component
    return singles, components


def _objects_by_cell(grid: Value, univalued: Value, steps: Value, background: Value) -> Value:
    """Find the objects of any grid, cell by cell; none is never part of an object unless it has a background."""
    width = len(grid[0])
    charge(4 * count_cells(grid))
    remaining = {(i, j): grid[i][j] for i in range(len(grid)) for j in range(width)}
    remaining = {index: color for index, color in remaining.items() if color != background}
    found = []
    while remaining:
        index, color = remaining.popitem()
        component = [(color, index)]
        for _, (i, j) in component:  # grows while it is walked
            for down, right in steps:
                near = (i + down, j + right)
                if near in remaining and (not univalued or remaining[near] == color):
                    component.append((remaining.pop(near), near))
        found.append(frozenset(component))
    return frozenset(found)


def _of_colors(grid: Value, colors: Value) -> Value:
    """Return one object for each of the colors."""
    charge(count_cells(grid))
    cells_of: dict[Value, list[Value]] = {color: [] for color in colors}
    for i, row in enumerate(in_order(grid)):
        for j, color in enumerate(in_order(row)):
            if color in cells_of:
                cells_of[color].append((color, (i, j)))
    return frozenset(map(frozenset, cells_of.values()))


def _of_all_colors(raster: Raster, counts: list[int], background: int = GUARD) -> Value:
    """Return one object for each color of the grid but the background."""
    question = "of all colors", background
    known = raster.kept.get(question)
    if known is not None:
        return known
    height, width = raster.height, raster.width
    found = [
        frozenset(raster.select(color, padded_cell_table(color, height, width)))
        for color, count in enumerate(counts)
        if count and color != background
    ]
    return raster.keep(question, frozenset(found))


def partition(grid: Value) -> Value:
    """Return one object for each color."""
    raster = raster_of(grid)
    if raster is None or raster.counts is None:
        return _of_colors(grid, palette(grid))
    charge(2 * raster.height * raster.width)
    return _of_all_colors(raster, raster.counts)


def fgpartition(grid: Value) -> Value:
    """Return one object for each color but the background."""
    raster = raster_of(grid)
    if raster is None or raster.counts is None:
        return _of_colors(grid, palette(grid).difference((mostcolor(grid),)))
    charge(3 * raster.height * raster.width)
    return _of_all_colors(raster, raster.counts, raster.counts.index(max(raster.counts)))


def occurrences(grid: Value, obj: Value) -> Value:
    """Return the upper left corners at which the object is found in the grid; non-empty indices fail."""
    normalized = normalize(obj)
    height, width = len(grid), len(grid[0])
    rows, columns = shape(normalized)
    charge(count_cells(grid) + len(obj))
    free_rows, free_columns = height - rows + 1, width - columns + 1
    if free_rows <= 0 or free_columns <= 0:
        return frozenset()
    raster = raster_of(grid)
    if raster is None or not normalized or not set(map(type, [value for value, _ in normalized])) <= {int, bool}:
        return _occurrences_by_cell(grid, normalized, free_rows, free_columns)
    stride = width + 1
    charge(len(normalized) * (1 + len(raster.cells) // 64))
    places = corner_region(free_rows, free_columns, stride)
    masks = {color: raster.mask(color) for color in {value for value, _ in normalized} if 0 <= color < GUARD}
    for value, (i, j) in normalized:
        places &= masks.get(value, 0) >> (i * stride + j)
        if not places:
            return frozenset()
    return frozenset(pick(padded_index_table(height, width), places))


def _occurrences_by_cell(grid: Value, normalized: Value, rows: int, columns: int) -> Value:
    """Try every place, for grids and objects of any kind."""
    reserve(rows * columns * (max(len(normalized), 1) + walking_units(normalized)))
    height, width = len(grid), len(grid[0])
    places = [(i, j) for i in range(rows) for j in range(columns)]
    for value, (down, right) in normalized:
        places = [
            (i, j)
            for i, j in places
            if 0 <= i + down < height and 0 <= j + right < width and grid[i + down][j + right] == value
        ]
    return frozenset(places)
