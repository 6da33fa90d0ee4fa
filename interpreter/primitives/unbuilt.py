"""Values that are not built, because all that is done with them can be done in a cheaper form.

A program often maps a function over many elements to fill or paint the union of what it gives: hundreds of tuples are
made, hashed and walked once. Or it connects all pairs of some indices, and keeps the horizontal ones of the segments.
Only where a program does nothing else with the value may the primitives that end in `_unbuilt` make it.
"""

from interpreter.values.order import Value

INDEX_NODES = 3
CELL_NODES = 5


class Unbuilt:
    """A value that was not built; what was charged for it is the same.

    The other methods return None where the value must be built to tell what they give. Those that paint charge nothing.

    Args:
        length: how many elements the built value has.
        weight: how many nodes it has as a tree (`execution.size_bounds`).
    """

    __slots__ = ("_length", "weight")

    def __init__(self, length: int, weight: int) -> None:
        self._length, self.weight = length, weight

    def __len__(self) -> int:
        return self._length

    def built(self) -> Value:
        """Return the value itself, charging nothing."""
        raise NotImplementedError

    def filled(self, grid: Value, value: Value, background: Value = None) -> Value | None:
        """Return the grid with all indices in one colour; given a background, only those that show it."""
        return None

    def painted(self, grid: Value) -> Value | None:
        """Return the grid with the cells painted, the last of conflicting ones on top."""
        return None

    def underpainted(self, grid: Value, background: Value) -> Value | None:
        """Return the grid with the cells painted where it shows its background; the first of another colour stays."""
        return None

    def merged(self) -> Value | None:
        """Do what `merge` does."""
        return None

    def merged_lines(self, condition: Value) -> Value | None:
        """Do what `mfilter` does, with a condition that asks for rows or columns."""
        return None
