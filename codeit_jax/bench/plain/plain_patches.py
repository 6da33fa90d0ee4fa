"""Patches: where they are, what they measure, moving and building them."""

from codeit_jax.bench.plain.plain_order import Value, head, listed


def is_object(patch: Value) -> Value:
    """Whether the second component of the first element is a tuple; only sets that mix kinds need the order for it."""
    try:
        answers = {isinstance(element[1], tuple) for element in patch}
    except (TypeError, IndexError):
        answers = set()
    return answers.pop() if len(answers) == 1 else isinstance(head(patch)[1], tuple)


def toindices(patch: Value) -> Value:
    """Return the indices of an object; indices stay as they are."""
    if len(patch) == 0:
        return frozenset()
    return frozenset(index for _, index in patch) if is_object(patch) else patch


def _rows(patch: Value) -> Value:
    return [i for i, j in toindices(patch)]


def _columns(patch: Value) -> Value:
    return [j for i, j in toindices(patch)]


def uppermost(patch: Value) -> Value:
    """Return the first row; empty fails."""
    return min(_rows(patch))


def lowermost(patch: Value) -> Value:
    """Return the last row; empty fails."""
    return max(_rows(patch))


def leftmost(patch: Value) -> Value:
    """Return the first column; empty fails."""
    return min(_columns(patch))


def rightmost(patch: Value) -> Value:
    """Return the last column; empty fails."""
    return max(_columns(patch))


def height(piece: Value) -> Value:
    """Count the rows of a grid or of a patch's bounding box."""
    if isinstance(piece, tuple) or len(piece) == 0:
        return len(piece)
    return lowermost(piece) - uppermost(piece) + 1


def width(piece: Value) -> Value:
    """Count the columns of a grid or of a patch's bounding box."""
    if len(piece) == 0:
        return 0
    return len(piece[0]) if isinstance(piece, tuple) else rightmost(piece) - leftmost(piece) + 1


def shape(piece: Value) -> Value:
    """Return height and width."""
    return (height(piece), width(piece))


def portrait(piece: Value) -> Value:
    """Return whether it is higher than wide."""
    return height(piece) > width(piece)


def square(piece: Value) -> Value:
    """Return whether a grid is square, or a patch a completely filled square."""
    if isinstance(piece, tuple):
        return len(piece) == len(piece[0])
    return height(piece) == width(piece) and height(piece) * width(piece) == len(piece)


def vline(patch: Value) -> Value:
    """Return whether the patch is one unbroken column."""
    return height(patch) == len(patch) and width(patch) == 1


def hline(patch: Value) -> Value:
    """Return whether the patch is one unbroken row."""
    return width(patch) == len(patch) and height(patch) == 1


def ulcorner(patch: Value) -> Value:
    """Return the upper left corner of the bounding box; () for an empty patch."""
    return (uppermost(patch), leftmost(patch)) if len(patch) else ()


def urcorner(patch: Value) -> Value:
    """Return the upper right corner of the bounding box; () for an empty patch."""
    return (uppermost(patch), rightmost(patch)) if len(patch) else ()


def llcorner(patch: Value) -> Value:
    """Return the lower left corner of the bounding box; () for an empty patch."""
    return (lowermost(patch), leftmost(patch)) if len(patch) else ()


def lrcorner(patch: Value) -> Value:
    """Return the lower right corner of the bounding box; () for an empty patch."""
    return (lowermost(patch), rightmost(patch)) if len(patch) else ()


def corners(patch: Value) -> Value:
    """Return the four corners; the set of () for an empty patch."""
    return frozenset([ulcorner(patch), urcorner(patch), llcorner(patch), lrcorner(patch)])


def center(patch: Value) -> Value:
    """Return the middle of the bounding box, the lower right of two; empty fails."""
    return (uppermost(patch) + height(patch) // 2, leftmost(patch) + width(patch) // 2)


def centerofmass(patch: Value) -> Value:
    """Return the mean index, rounded down; () for an empty patch."""
    return tuple(sum(axis) // len(patch) for axis in zip(*toindices(patch), strict=False))


def hmatching(a: Value, b: Value) -> Value:
    """Return whether two patches share a row."""
    return not set(_rows(a)).isdisjoint(_rows(b))


def vmatching(a: Value, b: Value) -> Value:
    """Return whether two patches share a column."""
    return not set(_columns(a)).isdisjoint(_columns(b))


def manhattan(a: Value, b: Value) -> Value:
    """Return the smallest distance between two patches, in rows plus columns; empty fails."""
    return min(abs(i - k) + abs(j - m) for i, j in toindices(a) for k, m in toindices(b))


def adjacent(a: Value, b: Value) -> Value:
    """Return whether the distance of two patches is exactly one; empty fails."""
    return manhattan(a, b) == 1


def bordering(patch: Value, grid: Value) -> Value:
    """Return whether the bounding box touches the edge of the grid; empty fails."""
    return (
        uppermost(patch) == 0
        or leftmost(patch) == 0
        or lowermost(patch) == len(grid) - 1
        or rightmost(patch) == len(grid[0]) - 1
    )


def position(a: Value, b: Value) -> Value:
    """Return the direction from a's center to b's; (0, -1) where they coincide."""
    (i, j), (k, m) = center(toindices(a)), center(toindices(b))
    if i == k:
        return (0, 1 if j < m else -1)
    if j == m:
        return (1 if i < k else -1, 0)
    return (1 if i < k else -1, 1 if j < m else -1)


def recolor(value: Value, patch: Value) -> Value:
    """Return the object with the patch's indices in one color."""
    return frozenset((value, index) for index in toindices(patch))


def shift(patch: Value, directions: Value) -> Value:
    """Translate by rows and columns; an empty patch is returned as it is."""
    if len(patch) == 0:
        return patch
    down, right = listed(directions)
    if is_object(patch):
        return frozenset((v, (i + down, j + right)) for v, (i, j) in patch)
    return frozenset((i + down, j + right) for i, j in patch)


def normalize(patch: Value) -> Value:
    """Translate to the origin; an empty patch is returned as it is."""
    return shift(patch, (-uppermost(patch), -leftmost(patch))) if len(patch) else patch


def hperiod(obj: Value) -> Value:
    """Return the smallest shift to the left that maps the object into itself, or its width; wide indices fail."""
    obj = normalize(obj)
    for p in range(1, width(obj)):
        if frozenset((v, (i, j - p)) for v, (i, j) in obj if j - p >= 0) <= obj:
            return p
    return width(obj)


def vperiod(obj: Value) -> Value:
    """Return the smallest shift upwards that maps the object into itself, or its height; high indices fail."""
    obj = normalize(obj)
    for p in range(1, height(obj)):
        if frozenset((v, (i - p, j)) for v, (i, j) in obj if i - p >= 0) <= obj:
            return p
    return height(obj)


def dneighbors(loc: Value) -> Value:
    """Return the four side neighbors."""
    return frozenset([(loc[0] + d, loc[1]) for d in (-1, 1)] + [(loc[0], loc[1] + d) for d in (-1, 1)])


def ineighbors(loc: Value) -> Value:
    """Return the four diagonal neighbors."""
    return frozenset((loc[0] + d, loc[1] + e) for d in (-1, 1) for e in (-1, 1))


def neighbors(loc: Value) -> Value:
    """Return all eight neighbors."""
    return dneighbors(loc) | ineighbors(loc)


def vfrontier(location: Value) -> Value:
    """Return rows 0 to 29 of the location's column."""
    return frozenset((i, location[1]) for i in range(30))


def hfrontier(location: Value) -> Value:
    """Return columns 0 to 29 of the location's row."""
    return frozenset((location[0], j) for j in range(30))


def connect(a: Value, b: Value) -> Value:
    """Return the straight segment between two indices, empty if it is neither axis-parallel nor diagonal."""
    (i, j), (k, m) = a[:2], b[:2]
    if not (i == k or j == m or abs(i - k) == abs(j - m)):
        return frozenset()
    length = max(abs(k - i), abs(m - j))
    down, right = (k > i) - (k < i), (m > j) - (m < j)
    return frozenset((i + step * down, j + step * right) for step in range(length + 1))


def shoot(start: Value, direction: Value) -> Value:
    """Return the segment from the start to 42 times the direction away."""
    return connect(start, (start[0] + 42 * direction[0], start[1] + 42 * direction[1]))


def backdrop(patch: Value) -> Value:
    """Return all indices of the bounding box; empty for an empty patch."""
    if len(patch) == 0:
        return frozenset()
    rows, columns = range(uppermost(patch), lowermost(patch) + 1), range(leftmost(patch), rightmost(patch) + 1)
    return frozenset((i, j) for i in rows for j in columns)


def delta(patch: Value) -> Value:
    """Return the indices of the bounding box that the patch leaves free."""
    return backdrop(patch).difference(toindices(patch)) if len(patch) else frozenset()


def _outline(patch: Value, grown: Value) -> Value:
    top, bottom = sorted([uppermost(patch) - grown, lowermost(patch) + grown])
    left, right = sorted([leftmost(patch) - grown, rightmost(patch) + grown])
    upright = [(i, j) for i in range(top, bottom + 1) for j in (left, right)]
    return frozenset(upright + [(i, j) for i in (top, bottom) for j in range(left, right + 1)])


def box(patch: Value) -> Value:
    """Return the outline of the bounding box; an empty patch is returned as it is."""
    return _outline(patch, 0) if len(patch) else patch


def outbox(patch: Value) -> Value:
    """Return the outline one step outside the bounding box; empty fails."""
    return _outline(patch, 1)


def inbox(patch: Value) -> Value:
    """Return the outline one step inside the bounding box; empty fails."""
    return _outline(patch, -1)


def gravitate(source: Value, destination: Value) -> Value:
    """Return the offset that moves the source towards the destination until they are adjacent, 42 steps at most."""
    if vmatching(source, destination):
        direction = (1 if center(source)[0] < center(destination)[0] else -1, 0)
    else:
        direction = (0, 1 if center(source)[1] < center(destination)[1] else -1)
    steps = 0
    while steps < 42 and not adjacent(source, destination):
        source = shift(source, direction)
        steps += 1
    return (steps * direction[0], steps * direction[1])
