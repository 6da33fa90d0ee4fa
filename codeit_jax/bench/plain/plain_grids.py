"""Grids and colors: cutting, turning, splitting, painting, finding objects."""

from codeit_jax.bench.plain.plain_order import Value, elements_of, head, listed
from codeit_jax.bench.plain.plain_patches import (
    is_object,
    leftmost,
    lowermost,
    normalize,
    rightmost,
    shape,
    shift,
    toindices,
    ulcorner,
    uppermost,
)


def _colors(element: Value) -> Value:
    if isinstance(element, tuple):
        return [v for row in element for v in row]
    return [v for v, _ in map(listed, element)]


def palette(element: Value) -> Value:
    """Return the set of colors."""
    return frozenset(_colors(element))


def numcolors(element: Value) -> Value:
    """Count the different colors."""
    return len(palette(element))


def mostcolor(element: Value) -> Value:
    """Return the color of most cells, the smallest of several; no cells fail."""
    colors = _colors(element)
    return max(listed(frozenset(colors)), key=colors.count)


def leastcolor(element: Value) -> Value:
    """Return the color of fewest cells, the smallest of several; no cells fail."""
    colors = _colors(element)
    return min(listed(frozenset(colors)), key=colors.count)


def colorcount(element: Value, value: Value) -> Value:
    """Count the cells of one color."""
    if isinstance(element, tuple):
        return sum(row.count(value) for row in element)
    return sum(v == value for v in _colors(element))


def color(obj: Value) -> Value:
    """Return the color of the first cell, hence of a single-colored object; empty fails."""
    return head(obj)[0]


def colorfilter(objs: Value, value: Value) -> Value:
    """Return the set of the objects whose first cell has the color; an empty object fails."""
    return frozenset(obj for obj in objs if color(obj) == value)


def replace(grid: Value, replacee: Value, replacer: Value) -> Value:
    """Recolor every cell of one color."""
    return tuple(tuple(replacer if v == replacee else v for v in listed(row)) for row in listed(grid))


def switch(grid: Value, a: Value, b: Value) -> Value:
    """Exchange two colors."""
    return tuple(tuple(b if v == a else a if v == b else v for v in listed(row)) for row in listed(grid))


def asindices(grid: Value) -> Value:
    """Return all indices of a grid."""
    return frozenset((i, j) for i in range(len(grid)) for j in range(len(grid[0])))


def asobject(grid: Value) -> Value:
    """Return all cells of a grid as an object."""
    return frozenset((v, (i, j)) for i, row in enumerate(listed(grid)) for j, v in enumerate(listed(row)))


def ofcolor(grid: Value, value: Value) -> Value:
    """Return the indices of the cells of one color."""
    return frozenset((i, j) for i, row in enumerate(listed(grid)) for j, v in enumerate(listed(row)) if v == value)


def _inside(grid: Value, i: Value, j: Value) -> Value:
    return 0 <= i < len(grid) and 0 <= j < len(grid[0])


def index(grid: Value, loc: Value) -> Value:
    """Return the color at a location, or none outside the grid."""
    i, j = listed(loc)
    height, width = len(grid), len(grid[0])
    return grid[i][j] if 0 <= i < height and 0 <= j < width else None


def canvas(value: Value, dimensions: Value) -> Value:
    """Return a grid of one color."""
    return tuple(tuple(value for _ in range(dimensions[1])) for _ in range(dimensions[0]))


def crop(grid: Value, start: Value, dims: Value) -> Value:
    """Cut out a rectangle, by slices: negative bounds count from the far end."""
    return tuple(row[start[1] : start[1] + dims[1]] for row in grid[start[0] : start[0] + dims[0]])


def subgrid(patch: Value, grid: Value) -> Value:
    """Cut out the patch's bounding box; empty fails."""
    return crop(grid, ulcorner(patch), shape(patch))


def _transposed(rows: Value) -> Value:
    return tuple(zip(*[listed(row) for row in rows], strict=False))


def rot90(grid: Value) -> Value:
    """Turn clockwise."""
    return _transposed(grid[::-1])


def rot180(grid: Value) -> Value:
    """Turn by half."""
    return tuple(tuple(listed(row)[::-1]) for row in grid[::-1])


def rot270(grid: Value) -> Value:
    """Turn anticlockwise."""
    return _transposed(listed(grid))[::-1]


def _moved(patch: Value, move: Value) -> Value:
    if is_object(patch):
        return frozenset((v, move(i, j)) for v, (i, j) in patch)
    return frozenset(move(i, j) for i, j in patch)


def hmirror(piece: Value) -> Value:
    """Flip top and bottom."""
    if isinstance(piece, tuple):
        return piece[::-1]
    both = uppermost(piece) + lowermost(piece)
    return _moved(piece, lambda i, j: (both - i, j))


def vmirror(piece: Value) -> Value:
    """Flip left and right."""
    if isinstance(piece, tuple):
        return tuple(row[::-1] for row in piece)
    both = leftmost(piece) + rightmost(piece)
    return _moved(piece, lambda i, j: (i, both - j))


def dmirror(piece: Value) -> Value:
    """Transpose, a patch about the diagonal through its upper left corner."""
    if isinstance(piece, tuple):
        return _transposed(piece)
    a, b = ulcorner(piece)
    return _moved(piece, lambda i, j: (j - b + a, i - a + b))


def cmirror(piece: Value) -> Value:
    """Reflect in the other diagonal; the upper left corner of a patch's box stays."""
    if isinstance(piece, tuple):
        return _transposed([row[::-1] for row in piece[::-1]])
    return vmirror(dmirror(vmirror(piece)))


def hupscale(grid: Value, factor: Value) -> Value:
    """Repeat every cell within its row."""
    return tuple(tuple(v for v in listed(row) for _ in range(factor)) for row in listed(grid))


def vupscale(grid: Value, factor: Value) -> Value:
    """Repeat every row."""
    return tuple(row for row in listed(grid) for _ in range(factor))


def upscale(element: Value, factor: Value) -> Value:
    """Enlarge every cell to a square; indices fail."""
    if isinstance(element, tuple):
        return vupscale(hupscale(element, factor), factor)
    if len(element) == 0:
        return frozenset()
    a, b = ulcorner(element)
    return frozenset(
        (v, (a + (i - a) * factor + down, b + (j - b) * factor + right))
        for v, (i, j) in element
        for down in range(factor)
        for right in range(factor)
    )


def downscale(grid: Value, factor: Value) -> Value:
    """Keep every factor-th row and column; a zero factor fails."""
    height, width = len(grid), len(grid[0])
    return tuple(tuple(grid[i][j] for j in range(width) if j % factor == 0) for i in range(height) if i % factor == 0)


def hconcat(a: Value, b: Value) -> Value:
    """Join b to the right of a, row by row."""
    return tuple(x + y for x, y in zip(listed(a), listed(b), strict=False))


def vconcat(a: Value, b: Value) -> Value:
    """Join b below a."""
    return a + b


def hsplit(grid: Value, n: Value) -> Value:
    """Split into n pieces side by side; a one-wide separator is skipped."""
    width = len(grid[0]) // n
    step = width + (len(grid[0]) % n != 0)
    return tuple(crop(grid, (0, k * step), (len(grid), width)) for k in range(n))


def vsplit(grid: Value, n: Value) -> Value:
    """Split into n pieces one above the other; a one-high separator is skipped."""
    height = len(grid) // n
    step = height + (len(grid) % n != 0)
    return tuple(crop(grid, (k * step, 0), (height, len(grid[0]))) for k in range(n))


def tophalf(grid: Value) -> Value:
    """Return the upper half of the rows, without the middle one."""
    return grid[: len(grid) // 2]


def bottomhalf(grid: Value) -> Value:
    """Return the lower half of the rows, without the middle one."""
    return grid[len(grid) - len(grid) // 2 :]


def lefthalf(grid: Value) -> Value:
    """Return the left half of the columns, without the middle one."""
    return rot270(tophalf(rot90(grid)))


def righthalf(grid: Value) -> Value:
    """Return the right half of the columns, without the middle one."""
    return rot270(bottomhalf(rot90(grid)))


def trim(grid: Value) -> Value:
    """Drop the outermost rows and columns."""
    return tuple(row[1:-1] for row in grid[1:-1])


def cellwise(a: Value, b: Value, fallback: Value) -> Value:
    """Keep the cells where two grids agree and put the fallback elsewhere; a smaller b fails."""
    height, width = len(a), len(a[0])
    return tuple(tuple(a[i][j] if a[i][j] == b[i][j] else fallback for j in range(width)) for i in range(height))


def frontiers(grid: Value) -> Value:
    """Return the single-colored rows and columns as objects."""
    height, width = len(grid), len(grid[0])
    rows = [i for i, row in enumerate(grid) if len(set(row)) == 1]
    columns = [j for j, column in enumerate(_transposed(grid)) if len(set(column)) == 1]
    found = [frozenset((grid[i][j], (i, j)) for j in range(width)) for i in rows]
    return frozenset(found + [frozenset((grid[i][j], (i, j)) for i in range(height)) for j in columns])


def compress(grid: Value) -> Value:
    """Drop the single-colored rows and columns."""
    rows = [listed(row) for row in listed(grid)]
    columns = [j for j, column in enumerate(zip(*rows, strict=False)) if len(set(column)) == 1]
    return tuple(tuple(v for j, v in enumerate(row) if j not in columns) for row in rows if len(set(row)) != 1)


def toobject(patch: Value, grid: Value) -> Value:
    """Return the object with the grid's colors at the patch's indices, as far as they are inside."""
    height, width = len(grid), len(grid[0])
    return frozenset((grid[i][j], (i, j)) for i, j in toindices(patch) if 0 <= i < height and 0 <= j < width)


def objects(grid: Value, univalued: Value, diagonal: Value, without_bg: Value) -> Value:
    """Return the connected components of equal (univalued) or any foreground colors; the empty grid fails."""
    background = mostcolor(grid) if without_bg else None
    steps = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0) and (diagonal or i == 0 or j == 0)]
    height, width = len(grid), len(grid[0])
    free = {(i, j) for i in range(height) for j in range(width) if grid[i][j] != background}
    found = set()
    while free:
        start = free.pop()
        component, frontier = {start}, [start]
        while frontier:
            i, j = frontier.pop()
            for down, right in steps:
                near = (i + down, j + right)
                if near in free and (not univalued or grid[near[0]][near[1]] == grid[i][j]):
                    free.remove(near)
                    component.add(near)
                    frontier.append(near)
        found.add(frozenset((grid[i][j], (i, j)) for i, j in component))
    return frozenset(found)


def _of_colors(grid: Value, colors: Value) -> Value:
    return frozenset(frozenset((v, index) for v, index in asobject(grid) if v == color) for color in colors)


def partition(grid: Value) -> Value:
    """Return one object for each color."""
    return _of_colors(grid, palette(grid))


def fgpartition(grid: Value) -> Value:
    """Return one object for each color but the background."""
    return _of_colors(grid, palette(grid) - {mostcolor(grid)})


def occurrences(grid: Value, obj: Value) -> Value:
    """Return the upper left corners at which the object is found in the grid; non-empty indices fail."""
    obj = normalize(obj)
    height, width = len(grid), len(grid[0])
    rows, columns = shape(obj)
    return frozenset(
        (i, j)
        for i in range(height - rows + 1)
        for j in range(width - columns + 1)
        if all(_inside(grid, i + a, j + b) and grid[i + a][j + b] == v for v, (a, b) in obj)
    )


def _painted(grid: Value, cells: Value) -> Value:
    height, width = len(grid), len(grid[0])
    rows = [list(row) for row in grid]
    for v, (i, j) in cells:
        if 0 <= i < height and 0 <= j < width:
            rows[i][j] = v
    return tuple(tuple(row) for row in rows)


def fill(grid: Value, value: Value, patch: Value) -> Value:
    """Set the patch's indices to one color."""
    return _painted(grid, [(value, index) for index in toindices(patch)])


def _conflicts_in_order(obj: Value) -> Value:
    """The cells, in iteration order where two have the same index."""
    cells = elements_of(obj)
    return cells if len({index for _, index in cells}) == len(cells) else listed(obj)


def paint(grid: Value, obj: Value) -> Value:
    """Set the object's cells; the last of conflicting cells stays."""
    return _painted(grid, _conflicts_in_order(obj))


def cover(grid: Value, patch: Value) -> Value:
    """Fill the patch's indices with the background color."""
    return fill(grid, mostcolor(grid), patch)


def move(grid: Value, obj: Value, offset: Value) -> Value:
    """Cover the object and paint it shifted."""
    return paint(cover(grid, obj), shift(obj, offset))


def underfill(grid: Value, value: Value, patch: Value) -> Value:
    """Set the patch's indices to one color where the grid shows its background."""
    background = mostcolor(grid)
    free = [(i, j) for i, j in toindices(patch) if _inside(grid, i, j) and grid[i][j] == background]
    return _painted(grid, [(value, index) for index in free])


def underpaint(grid: Value, obj: Value) -> Value:
    """Set the object's cells where the grid shows its background; the first other color of conflicting cells stays."""
    background = mostcolor(grid)
    height, width = len(grid), len(grid[0])
    rows = [list(row) for row in grid]
    for v, (i, j) in _conflicts_in_order(obj):
        if 0 <= i < height and 0 <= j < width and rows[i][j] == background:
            rows[i][j] = v
    return tuple(tuple(row) for row in rows)
