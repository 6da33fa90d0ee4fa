"""Sets of cells that are not built, because they are only painted on grids.

A program often maps a function over many elements to fill or paint the union of what it gives: hundreds of tuples are
made, hashed and walked once. Where the program uses the value for nothing else, it may stay in a cheaper form.
"""

from abc import ABC, abstractmethod

from interpreter.values import Value

_NODES_OF_INDEX = 3
_NODES_OF_CELL = 5


class Unbuilt(ABC):
    """A set or a tuple of indices or cells that was not built.

    The methods that paint charge nothing. They return None where the value must be built to tell what they give.

    Args:
        length: how many elements the built value has.
        colored: whether these are cells.
    """

    __slots__ = ("_colored", "_length")

    def __init__(self, length: int, colored: bool) -> None:
        self._length, self._colored = length, colored

    def __len__(self) -> int:
        return self._length

    @property
    def weight(self) -> int:
        """The number of nodes of the built value as a tree (`interpreter.growth`)."""
        return 1 + self._length * (_NODES_OF_CELL if self._colored else _NODES_OF_INDEX)

    @abstractmethod
    def built(self) -> Value:
        """Return the value itself, charging nothing: that was done when it was left unbuilt."""

    @abstractmethod
    def filled(self, grid: Value, value: Value, background: Value = None) -> Value | None:
        """Return the grid with all indices in one colour; given a background, only those that show it."""

    @abstractmethod
    def painted(self, grid: Value) -> Value | None:
        """Return the grid with the cells painted, the last of conflicting ones on top."""

    @abstractmethod
    def underpainted(self, grid: Value, background: Value) -> Value | None:
        """Return the grid with the cells painted where it shows its background; the first of another colour stays."""
