"""Plain twins of the primitives on grids and colours, written line by line from the specification."""

from slow_twins_patches import (
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
from slow_twins_values import head, listed


def _colors(element):
    if isinstance(element, tuple):
        return [v for row in element for v in row]
    return [v for v, _ in map(listed, element)]


def palette(element):
    return frozenset(_colors(element))


def numcolors(element):
    return len(palette(element))


def mostcolor(element):
    colors = _colors(element)
    return max(listed(frozenset(colors)), key=colors.count)


def leastcolor(element):
    colors = _colors(element)
    return min(listed(frozenset(colors)), key=colors.count)


def colorcount(element, value):
    if isinstance(element, tuple):
        return sum(row.count(value) for row in element)
    return sum(v == value for v in _colors(element))


def color(obj):
    return head(obj)[0]


def colorfilter(objs, value):
    return frozenset(obj for obj in objs if color(obj) == value)


def replace(grid, replacee, replacer):
    return tuple(tuple(replacer if v == replacee else v for v in listed(row)) for row in listed(grid))


def switch(grid, a, b):
    return tuple(tuple(b if v == a else a if v == b else v for v in listed(row)) for row in listed(grid))


def asindices(grid):
    return frozenset((i, j) for i in range(len(grid)) for j in range(len(grid[0])))


def asobject(grid):
    return frozenset((v, (i, j)) for i, row in enumerate(listed(grid)) for j, v in enumerate(listed(row)))


def ofcolor(grid, value):
    return frozenset((i, j) for i, row in enumerate(listed(grid)) for j, v in enumerate(listed(row)) if v == value)


def _inside(grid, i, j):
    return 0 <= i < len(grid) and 0 <= j < len(grid[0])


def index(grid, loc):
    i, j = listed(loc)
    height, width = len(grid), len(grid[0])
    return grid[i][j] if 0 <= i < height and 0 <= j < width else None


def canvas(value, dimensions):
    return tuple(tuple(value for _ in range(dimensions[1])) for _ in range(dimensions[0]))


def crop(grid, start, dims):
    return tuple(row[start[1] : start[1] + dims[1]] for row in grid[start[0] : start[0] + dims[0]])


def subgrid(patch, grid):
    return crop(grid, ulcorner(patch), shape(patch))


def _transposed(rows):
    return tuple(zip(*[listed(row) for row in rows], strict=False))


def rot90(grid):
    return _transposed(grid[::-1])


def rot180(grid):
    return tuple(tuple(listed(row)[::-1]) for row in grid[::-1])


def rot270(grid):
    return _transposed(listed(grid))[::-1]


def _moved(patch, move):
    if is_object(patch):
        return frozenset((v, move(i, j)) for v, (i, j) in patch)
    return frozenset(move(i, j) for i, j in patch)


def hmirror(piece):
    if isinstance(piece, tuple):
        return piece[::-1]
    both = uppermost(piece) + lowermost(piece)
    return _moved(piece, lambda i, j: (both - i, j))


def vmirror(piece):
    if isinstance(piece, tuple):
        return tuple(row[::-1] for row in piece)
    both = leftmost(piece) + rightmost(piece)
    return _moved(piece, lambda i, j: (i, both - j))


def dmirror(piece):
    if isinstance(piece, tuple):
        return _transposed(piece)
    a, b = ulcorner(piece)
    return _moved(piece, lambda i, j: (j - b + a, i - a + b))


def cmirror(piece):
    if isinstance(piece, tuple):
        return _transposed([row[::-1] for row in piece[::-1]])
    return vmirror(dmirror(vmirror(piece)))


def hupscale(grid, factor):
    return tuple(tuple(v for v in listed(row) for _ in range(factor)) for row in listed(grid))


def vupscale(grid, factor):
    return tuple(row for row in listed(grid) for _ in range(factor))


def upscale(element, factor):
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


def downscale(grid, factor):
    height, width = len(grid), len(grid[0])
    return tuple(tuple(grid[i][j] for j in range(width) if j % factor == 0) for i in range(height) if i % factor == 0)


def hconcat(a, b):
    return tuple(x + y for x, y in zip(listed(a), listed(b), strict=False))


def vconcat(a, b):
    return a + b


def hsplit(grid, n):
    width = len(grid[0]) // n
    step = width + (len(grid[0]) % n != 0)
    return tuple(crop(grid, (0, k * step), (len(grid), width)) for k in range(n))


def vsplit(grid, n):
    height = len(grid) // n
    step = height + (len(grid) % n != 0)
    return tuple(crop(grid, (k * step, 0), (height, len(grid[0]))) for k in range(n))


def tophalf(grid):
    return grid[: len(grid) // 2]


def bottomhalf(grid):
    return grid[len(grid) - len(grid) // 2 :]


def lefthalf(grid):
    return rot270(tophalf(rot90(grid)))


def righthalf(grid):
    return rot270(bottomhalf(rot90(grid)))


def trim(grid):
    return tuple(row[1:-1] for row in grid[1:-1])


def cellwise(a, b, fallback):
    height, width = len(a), len(a[0])
    return tuple(tuple(a[i][j] if a[i][j] == b[i][j] else fallback for j in range(width)) for i in range(height))


def frontiers(grid):
    height, width = len(grid), len(grid[0])
    rows = [i for i, row in enumerate(grid) if len(set(row)) == 1]
    columns = [j for j, column in enumerate(_transposed(grid)) if len(set(column)) == 1]
    found = [frozenset((grid[i][j], (i, j)) for j in range(width)) for i in rows]
    return frozenset(found + [frozenset((grid[i][j], (i, j)) for i in range(height)) for j in columns])


def compress(grid):
    rows = [listed(row) for row in listed(grid)]
    columns = [j for j, column in enumerate(zip(*rows, strict=False)) if len(set(column)) == 1]
    return tuple(tuple(v for j, v in enumerate(row) if j not in columns) for row in rows if len(set(row)) != 1)


def toobject(patch, grid):
    height, width = len(grid), len(grid[0])
    return frozenset((grid[i][j], (i, j)) for i, j in toindices(patch) if 0 <= i < height and 0 <= j < width)


def objects(grid, univalued, diagonal, without_bg):
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


def _of_colors(grid, colors):
    return frozenset(frozenset((v, index) for v, index in asobject(grid) if v == color) for color in colors)


def partition(grid):
    return _of_colors(grid, palette(grid))


def fgpartition(grid):
    return _of_colors(grid, palette(grid) - {mostcolor(grid)})


def occurrences(grid, obj):
    obj = normalize(obj)
    height, width = len(grid), len(grid[0])
    rows, columns = shape(obj)
    return frozenset(
        (i, j)
        for i in range(height - rows + 1)
        for j in range(width - columns + 1)
        if all(_inside(grid, i + a, j + b) and grid[i + a][j + b] == v for v, (a, b) in obj)
    )


def _painted(grid, cells):
    height, width = len(grid), len(grid[0])
    rows = [list(row) for row in grid]
    for v, (i, j) in cells:
        if 0 <= i < height and 0 <= j < width:
            rows[i][j] = v
    return tuple(tuple(row) for row in rows)


def fill(grid, value, patch):
    return _painted(grid, [(value, index) for index in toindices(patch)])


def paint(grid, obj):
    return _painted(grid, listed(obj))


def cover(grid, patch):
    return fill(grid, mostcolor(grid), patch)


def move(grid, obj, offset):
    return paint(cover(grid, obj), shift(obj, offset))


def underfill(grid, value, patch):
    background = mostcolor(grid)
    free = [(i, j) for i, j in toindices(patch) if _inside(grid, i, j) and grid[i][j] == background]
    return _painted(grid, [(value, index) for index in free])


def underpaint(grid, obj):
    background = mostcolor(grid)
    height, width = len(grid), len(grid[0])
    rows = [list(row) for row in grid]
    for v, (i, j) in listed(obj):
        if 0 <= i < height and 0 <= j < width and rows[i][j] == background:
            rows[i][j] = v
    return tuple(tuple(row) for row in rows)
