"""Sums of eight consecutive numbers, many at a time."""

import functools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from codeit_jax.replay.tree.arrays import FloatArray

FANOUT = 8
CHUNK_NODES = 16_384
"""Nodes added up at a time: their children and the partial sums stay in the cache, and calls are few."""

_Couples = npt.NDArray[np.complex128]


class Chunk(NamedTuple):
    """Children of up to `CHUNK_NODES` neighbouring nodes, in couples, and the place for the sums."""

    even: _Couples
    odd: _Couples
    sums: FloatArray


def chunks(children: FloatArray, sums: FloatArray) -> Iterator[Chunk]:
    """Yield the chunks of contiguous children, eight to a sum."""
    couples = children.view(np.complex128)
    even, odd = couples[0::2], couples[1::2]
    for start in range(0, len(sums), CHUNK_NODES):
        stop = start + CHUNK_NODES
        yield Chunk(even[2 * start : 2 * stop], odd[2 * start : 2 * stop], sums[start:stop])


class NodeSums:
    """Adds up the children a to h of nodes, always as ((a+c)+(e+g)) + ((b+d)+(f+h)).

    A node then depends on its children alone and never on which batch recomputed it. A matrix product would not do:
    its rounding depends on the position of the row. NumPy adds strided numbers one by one, so they are added in
    couples, as complex numbers. Scratch memory is kept because fresh pages cost 3x the arithmetic.
    """

    def __init__(self, count: int) -> None:
        """Make scratch memory for `count` nodes."""
        self._halves = np.empty(2 * count, np.complex128)
        self._wholes = np.empty(count, np.complex128)
        self._even_halves, self._odd_halves = self._halves[0::2], self._halves[1::2]
        self._real, self._imaginary = self._wholes.real, self._wholes.imag

    def add_up(self, chunk: Chunk) -> None:
        """Write the sums of a chunk of `count` nodes."""
        np.add(chunk.even, chunk.odd, out=self._halves)
        np.add(self._even_halves, self._odd_halves, out=self._wholes)
        np.add(self._real, self._imaginary, out=chunk.sums)


class PickedNodes:
    """Children of some nodes, copied, and their sums."""

    def __init__(self, count: int) -> None:
        self.children = np.empty((count, FANOUT))
        self.sums = np.empty(count)
        (chunk,) = chunks(self.children.reshape(-1), self.sums)
        self.add_up = functools.partial(NodeSums(count).add_up, chunk)
