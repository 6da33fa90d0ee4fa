"""Values that are not built, because all that is done with them can be done in a cheaper form.

A program often maps a function over many elements only to fill or paint the union of what it gives: hundreds of tuples
would be made, hashed and walked once. Or it connects all pairs of some indices, and keeps the horizontal segments.
Where a program does nothing else with the value, the primitives that end in `_lazy` may leave it lazy.
"""

from interpreter.values.order import Value

INDEX_NODES, CELL_NODES = 3, 5
"""What (row, column), and a color with such a pair, count as nodes."""


class LazyValue:
    """A set that was not built; what was charged for it is what the built one costs.

    The other methods return None where the set must be built to tell what they give. Those that paint charge nothing.

    Args:
        size: how many elements the set has.
        weight: how many nodes it has as a tree (`execution.size_bounds`).
    """

    __slots__ = ("_size", "weight")

    def __init__(self, size: int, weight: int) -> None:
        self._size, self.weight = size, weight

    def __len__(self) -> int:
        return self._size

    def built(self) -> frozenset[Value]:
        """Return the set itself, charging nothing."""
        raise NotImplementedError

    def filled(self, grid: Value, value: Value, background: Value = None) -> Value | None:
        """Return the grid with all indices in one color; given a background, only those that show it."""
        return None

    def painted(self, grid: Value) -> Value | None:
        """Return the grid with the cells painted; of conflicting ones the last, of the largest color, is on top."""
        return None

    def underpainted(self, grid: Value, background: Value) -> Value | None:
        """Return the grid with the cells painted where it shows its background; the first of another color stays."""
        return None

    def merged(self) -> frozenset[Value] | None:
        """Return what `merge` gives, charging what it charges."""
        return None

    def merged_lines(self, condition: Value) -> frozenset[Value] | None:
        """Return what `mfilter` gives with a condition that asks for rows or columns, charging what it charges."""
        return None
