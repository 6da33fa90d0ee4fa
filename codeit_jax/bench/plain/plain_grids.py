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
    return frozenset(_colors(element))


def numcolors(element: Value) -> Value:
    return len(palette(element))


def mostcolor(element: Value) -> Value:
    colors = _colors(element)
    return max(listed(frozenset(colors)), key=colors.count)


def leastcolor(element: Value) -> Value:
    colors = _colors(element)
    return min(listed(frozenset(colors)), key=colors.count)


def colorcount(element: Value, value: Value) -> Value:
    if isinstance(element, tuple):
        return sum(row.count(value) for row in element)
    return sum(v == value for v in _colors(element))


def color(obj: Value) -> Value:
    return head(obj)[0]


def colorfilter(objs: Value, value: Value) -> Value:
    return frozenset(obj for obj in objs if color(obj) == value)


def replace(grid: Value, replacee: Value, replacer: Value) -> Value:
    return tuple(tuple(replacer if v == replacee else v for v in listed(row)) for row in listed(grid))


def switch(grid: Value, a: Value, b: Value) -> Value:
    return tuple(tuple(b if v == a else a if v == b else v for v in listed(row)) for row in listed(grid))


def asindices(grid: Value) -> Value:
    return frozenset((i, j) for i in range(len(grid)) for j in range(len(grid[0])))


def asobject(grid: Value) -> Value:
    return frozenset((v, (i, j)) for i, row in enumerate(listed(grid)) for j, v in enumerate(listed(row)))


def ofcolor(grid: Value, value: Value) -> Value:
    return frozenset((i, j) for i, row in enumerate(listed(grid)) for j, v in enumerate(listed(row)) if v == value)


def _inside(grid: Value, i: Value, j: Value) -> Value:
    return 0 <= i < len(grid) and 0 <= j < len(grid[0])


def index(grid: Value, loc: Value) -> Value:
    i, j = listed(loc)
    height, width = len(grid), len(grid[0])
    return grid[i][j] if 0 <= i < height and 0 <= j < width else None


def canvas(value: Value, dimensions: Value) -> Value:
    return tuple(tuple(value for _ in range(dimensions[1])) for _ in range(dimensions[0]))


def crop(grid: Value, start: Value, dims: Value) -> Value:
    return tuple(row[start[1] : start[1] + dims[1]] for row in grid[start[0] : start[0] + dims[0]])


def subgrid(patch: Value, grid: Value) -> Value:
    return crop(grid, ulcorner(patch), shape(patch))


def _transposed(rows: Value) -> Value:
    return tuple(zip(*[listed(row) for row in rows], strict=False))


def rot90(grid: Value) -> Value:
    return _transposed(grid[::-1])


def rot180(grid: Value) -> Value:
    return tuple(tuple(listed(row)[::-1]) for row in grid[::-1])


def rot270(grid: Value) -> Value:
    return _transposed(listed(grid))[::-1]


def _moved(patch: Value, move: Value) -> Value:
    if is_object(patch):
        return frozenset((v, move(i, j)) for v, (i, j) in patch)
    return frozenset(move(i, j) for i, j in patch)


def hmirror(piece: Value) -> Value:
    if isinstance(piece, tuple):
        return piece[::-1]
    both = uppermost(piece) + lowermost(piece)
    return _moved(piece, lambda i, j: (both - i, j))


def vmirror(piece: Value) -> Value:
    if isinstance(piece, tuple):
        return tuple(row[::-1] for row in piece)
    both = leftmost(piece) + rightmost(piece)
    return _moved(piece, lambda i, j: (i, both - j))


def dmirror(piece: Value) -> Value:
    if isinstance(piece, tuple):
        return _transposed(piece)
    a, b = ulcorner(piece)
    return _moved(piece, lambda i, j: (j - b + a, i - a + b))


def cmirror(piece: Value) -> Value:
    if isinstance(piece, tuple):
        return _transposed([row[::-1] for row in piece[::-1]])
    return vmirror(dmirror(vmirror(piece)))


def hupscale(grid: Value, factor: Value) -> Value:
    return tuple(tuple(v for v in listed(row) for _ in range(factor)) for row in listed(grid))


def vupscale(grid: Value, factor: Value) -> Value:
    return tuple(row for row in listed(grid) for _ in range(factor))


def upscale(element: Value, factor: Value) -> Value:
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
    height, width = len(grid), len(grid[0])
    return tuple(tuple(grid[i][j] for j in range(width) if j % factor == 0) for i in range(height) if i % factor == 0)


def hconcat(a: Value, b: Value) -> Value:
    return tuple(x + y for x, y in zip(listed(a), listed(b), strict=False))


def vconcat(a: Value, b: Value) -> Value:
    return a + b


def hsplit(grid: Value, n: Value) -> Value:
    width = len(grid[0]) // n
    step = width + (len(grid[0]) % n != 0)
    return tuple(crop(grid, (0, k * step), (len(grid), width)) for k in range(n))


def vsplit(grid: Value, n: Value) -> Value:
    height = len(grid) // n
    step = height + (len(grid) % n != 0)
    return tuple(crop(grid, (k * step, 0), (height, len(grid[0]))) for k in range(n))


def tophalf(grid: Value) -> Value:
    return grid[: len(grid) // 2]


def bottomhalf(grid: Value) -> Value:
    return grid[len(grid) - len(grid) // 2 :]


def lefthalf(grid: Value) -> Value:
    return rot270(tophalf(rot90(grid)))


def righthalf(grid: Value) -> Value:
    return rot270(bottomhalf(rot90(grid)))


def trim(grid: Value) -> Value:
    return tuple(row[1:-1] for row in grid[1:-1])


def cellwise(a: Value, b: Value, fallback: Value) -> Value:
    height, width = len(a), len(a[0])
    return tuple(tuple(a[i][j] if a[i][j] == b[i][j] else fallback for j in range(width)) for i in range(height))


def frontiers(grid: Value) -> Value:
    height, width = len(grid), len(grid[0])
    rows = [i for i, row in enumerate(grid) if len(set(row)) == 1]
    columns = [j for j, column in enumerate(_transposed(grid)) if len(set(column)) == 1]
    found = [frozenset((grid[i][j], (i, j)) for j in range(width)) for i in rows]
    return frozenset(found + [frozenset((grid[i][j], (i, j)) for i in range(height)) for j in columns])


def compress(grid: Value) -> Value:
    rows = [listed(row) for row in listed(grid)]
    columns = [j for j, column in enumerate(zip(*rows, strict=False)) if len(set(column)) == 1]
    return tuple(tuple(v for j, v in enumerate(row) if j not in columns) for row in rows if len(set(row)) != 1)


def toobject(patch: Value, grid: Value) -> Value:
    height, width = len(grid), len(grid[0])
    return frozenset((grid[i][j], (i, j)) for i, j in toindices(patch) if 0 <= i < height and 0 <= j < width)


def objects(grid: Value, univalued: Value, diagonal: Value, without_bg: Value) -> Value:
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
    return _of_colors(grid, palette(grid))


def fgpartition(grid: Value) -> Value:
    return _of_colors(grid, palette(grid) - {mostcolor(grid)})


def occurrences(grid: Value, obj: Value) -> Value:
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
    return _painted(grid, [(value, index) for index in toindices(patch)])


def _conflicts_in_order(obj: Value) -> Value:
    """The cells, in iteration order where two have the same index."""
    cells = elements_of(obj)
    return cells if len({index for _, index in cells}) == len(cells) else listed(obj)


def paint(grid: Value, obj: Value) -> Value:
    return _painted(grid, _conflicts_in_order(obj))


def cover(grid: Value, patch: Value) -> Value:
    return fill(grid, mostcolor(grid), patch)


def move(grid: Value, obj: Value, offset: Value) -> Value:
    return paint(cover(grid, obj), shift(obj, offset))


def underfill(grid: Value, value: Value, patch: Value) -> Value:
    background = mostcolor(grid)
    free = [(i, j) for i, j in toindices(patch) if _inside(grid, i, j) and grid[i][j] == background]
    return _painted(grid, [(value, index) for index in free])


def underpaint(grid: Value, obj: Value) -> Value:
    background = mostcolor(grid)
    height, width = len(grid), len(grid[0])
    rows = [list(row) for row in grid]
    for v, (i, j) in _conflicts_in_order(obj):
        if 0 <= i < height and 0 <= j < width and rows[i][j] == background:
            rows[i][j] = v
    return tuple(tuple(row) for row in rows)
