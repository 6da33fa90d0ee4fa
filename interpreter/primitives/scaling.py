"""Grids: enlarging, joining, splitting, and dropping single-colored lines."""

import operator
from itertools import chain
from itertools import compress as select

from interpreter.primitives.arithmetic import add
from interpreter.primitives.bounds import bounds
from interpreter.primitives.colors import count_cells
from interpreter.primitives.geometry import crop
from interpreter.primitives.raster import MAX_CELLS, index_table, is_regular, rows_of
from interpreter.values.meter import charge, reserve
from interpreter.values.order import Value, in_order
from interpreter.values.weight import charge_walking


def hupscale(grid: Value, factor: Value) -> Value:
    """Repeat every cell within its row."""
    if _has_cells(grid) and type(factor) is int and factor > 0:
        reserve(len(grid) * len(grid[0]) * factor)
        return _widened(grid, factor)
    rows = list(in_order(grid))
    if not any(map(len, rows)):  # then the factor may be anything
        return ((),) * len(rows)
    reserve(count_cells(grid) * max(factor, 1))
    steps = range(factor)
    return tuple([tuple([value for value in in_order(row) for _ in steps]) for row in rows])


def _has_cells(grid: Value) -> bool:
    """Return whether the value is a regular grid that is not empty."""
    return is_regular(grid) and len(grid[0]) > 0


def _widened(grid: Value, factor: int) -> Value:
    """Repeat every cell of a regular grid within its row."""
    return rows_of(_each_repeated(tuple(chain.from_iterable(grid)), factor), len(grid[0]) * factor)


def _each_repeated(values: Value, factor: int) -> list[Value]:
    """List each value `factor` times in a row."""
    repeated = [None] * (len(values) * factor)
    for k in range(factor):
        repeated[k::factor] = values
    return repeated


def vupscale(grid: Value, factor: Value) -> Value:
    """Repeat every row."""
    rows = list(in_order(grid))
    reserve(count_cells(grid) * max(factor, 1) if rows else 0)
    return tuple(chain.from_iterable([(row,) * factor for row in rows]))


def upscale(element: Value, factor: Value) -> Value:
    """Enlarge every cell to a square; indices fail."""
    if type(element) is tuple:
        if not element:
            return ()
        if _has_cells(element) and type(factor) is int and factor > 0:
            number = len(element) * len(element[0])
            reserve(number * factor * factor)
            charge(number * factor * (factor + 1))
            return tuple(_each_repeated(_widened(element, factor), factor))
        reserve(count_cells(element) * max(factor, 1) * max(factor, 1))
        return vupscale(hupscale(element, factor), factor)
    if not len(element):
        return frozenset()
    reserve(len(element) * max(factor, 1) * max(factor, 1))
    charge_walking(element, max(factor, 1) ** 2)
    top, left, _, _ = bounds(element)
    steps = range(factor)
    return frozenset(
        [
            (value, ((i - top) * factor + top + down, (j - left) * factor + left + right))
            for value, (i, j) in element
            for down in steps
            for right in steps
        ]
    )


def downscale(grid: Value, factor: Value) -> Value:
    """Keep every factor-th row and column; a zero factor fails."""
    width = len(grid[0])
    charge(count_cells(grid))
    columns = [j for j in range(width) if j % factor == 0]
    return tuple([tuple([grid[i][j] for j in columns]) for i in range(len(grid)) if i % factor == 0])


def hconcat(a: Value, b: Value) -> Value:
    """Join b to the right of a, row by row."""
    reserve(count_cells(a) + count_cells(b))
    return tuple(map(operator.add, in_order(a), in_order(b)))


def vconcat(a: Value, b: Value) -> Value:
    """Join b below a."""
    if type(a) is tuple and type(b) is tuple:
        reserve(len(a) + len(b))
        return a + b
    return add(a, b) if isinstance(a, int) and isinstance(b, int) else a + b


def hsplit(grid: Value, n: Value) -> Value:
    """Split into n pieces side by side; a one-wide separator is skipped."""
    width = len(grid[0])
    step = width // n + (width % n != 0)
    reserve(max(n, 0) * len(grid))
    return tuple([crop(grid, (0, k * step), (len(grid), width // n)) for k in range(n)])


def vsplit(grid: Value, n: Value) -> Value:
    """Split into n pieces one above the other; a one-high separator is skipped."""
    height = len(grid)
    step = height // n + (height % n != 0)
    reserve(max(n, 0))
    return tuple([crop(grid, (k * step, 0), (height // n, len(grid[0]))) for k in range(n)])


def _single_colored(lines: Value) -> list[int]:
    """List the numbers of the lines that have one color."""
    return [number for number, line in enumerate(lines) if len(set(line)) == 1]


def frontiers(grid: Value) -> Value:
    """Return the single-colored rows and columns as objects."""
    charge(2 * count_cells(grid))
    height, width = len(grid), len(grid[0])
    if _has_cells(grid) and height * width <= MAX_CELLS:
        return _frontiers_of_regular_grid(grid, height, width)
    rows = [frozenset([(grid[i][j], (i, j)) for j in range(width)]) for i in _single_colored(grid)]
    columns = _single_colored(zip(*map(in_order, grid), strict=False))
    return frozenset(rows + [frozenset([(grid[i][j], (i, j)) for i in range(height)]) for j in columns])


def _frontiers_of_regular_grid(grid: Value, height: int, width: int) -> Value:
    table = index_table(height, width)
    rows = [
        frozenset(zip(row, table[i * width : (i + 1) * width], strict=True))
        for i, row in enumerate(grid)
        if row.count(row[0]) == width
    ]
    columns = [
        frozenset(zip(column, table[j::width], strict=True))
        for j, column in enumerate(zip(*grid, strict=True))
        if column.count(column[0]) == height
    ]
    return frozenset(rows + columns)


def compress(grid: Value) -> Value:
    """Drop the single-colored rows and columns."""
    charge(2 * count_cells(grid))
    if _has_cells(grid):
        height, width = len(grid), len(grid[0])
        kept_columns = [column for column in zip(*grid, strict=True) if column.count(column[0]) != height]
        keeps_row = [row.count(row[0]) != width for row in grid]
        return tuple(select(zip(*kept_columns, strict=True), keeps_row)) if kept_columns else ((),) * sum(keeps_row)
    lines = [in_order(row) for row in in_order(grid)]
    rows = set(_single_colored(lines))
    columns = set(_single_colored(zip(*lines, strict=False)))
    kept = [row for i, row in enumerate(lines) if i not in rows]
    return tuple([tuple([value for j, value in enumerate(row) if j not in columns]) for row in kept])
