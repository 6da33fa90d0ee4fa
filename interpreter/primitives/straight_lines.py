"""Finding the rows and columns among many patches at once.

Programs connect all pairs of some indices and keep the segments that are a row or a column: thousands of patches,
nearly all of which two indices rule out.
"""

from functools import partial
from itertools import compress, islice
from typing import NamedTuple

from interpreter.primitives.bounded_calls import enter, leave, made_by
from interpreter.primitives.bounds import integer_pairs
from interpreter.values.meter import charge
from interpreter.values.order import Value

_FEW_PATCHES = 8
_SET = {frozenset}


def straight_lines(condition: Value, patches: frozenset[Value]) -> frozenset[Value] | None:
    """Return the patches that are a row or a column, as the condition asks.

    Args:
        condition: `hline`, `vline`, or one `either` the other; others, which must be called, give None,
        patches: as do these if some are no sets of indices.

    Raises:
        WorkExceeded, SizeExceeded: as calls of the condition would.
    """
    if len(patches) < _FEW_PATCHES:
        return None
    tests = line_tests(condition)
    if tests is None or not _SET.issuperset(map(type, patches)):
        return None
    if integer_pairs(frozenset().union(*patches)) is None:
        return None
    tests.charge(len(patches), sum(map(len, patches)))
    is_line = partial(_is_line, rows=tests.rows, columns=tests.columns)
    return frozenset(compress(patches, map(is_line, patches)))


class LineTests(NamedTuple):
    """What a condition tests."""

    condition: Value
    rows: bool
    columns: bool
    tests: int

    def charge(self, number: int, size: int) -> None:
        """Charge what calls of the condition on so many sets of indices, of so many indices together, charge."""
        leave(enter(self.condition))
        charge(self.tests * size + (number if self.condition.parts else 0))


def line_tests(condition: Value) -> LineTests | None:
    """Return what the condition tests, if it has the right form."""
    conditions = (
        condition.parts[1:] if made_by(condition, "fork") and made_by(condition.parts[0], "either") else (condition,)
    )
    rows, columns = [[made_by(part, name) for part in conditions] for name in ("hline", "vline")]
    if sum(rows) + sum(columns) < len(conditions):
        return None
    return LineTests(condition, any(rows), any(columns), len(conditions))


def _is_line(patch: frozenset[tuple[int, int]], rows: bool, columns: bool) -> bool:
    """Tell whether the patch is one unbroken row or column."""
    size = len(patch)
    if size < 2:
        return size == 1
    (i, j), (k, m) = islice(patch, 2)
    if (i == k and not rows) or (j == m and not columns) or (i != k and j != m):
        return False
    across, along = zip(*patch, strict=True)
    if i != k:
        across, along = along, across
    return across.count(across[0]) == size and max(along) - min(along) == size - 1
