"""Sets of indices or cells that are not built, but kept as bits and a color, with which grids are painted at once.

A program often maps a function over many elements only to fill or paint the union of what it gives: hundreds of tuples
would be made, hashed and walked once. If it does nothing else with the value, `mapply_lazy` may leave it lazy.
"""

from collections.abc import Collection, Iterable
from functools import cached_property, lru_cache, reduce
from itertools import chain, compress, repeat
from operator import or_
from typing import NamedTuple

from interpreter.primitives.bounds import Box
from interpreter.primitives.indices import Index, indices_in_box
from interpreter.primitives.raster import Raster, is_color, raster_of, selectors
from interpreter.values.order import Value

_INDEX_NODES, _CELL_NODES = 3, 5  # what (row, column), and a color with such a pair, weigh
_BYTE = 255
_FEW_BITS = 100


class Indices:
    """Some indices in any order, some perhaps twice."""

    def __init__(self, indices: Collection[Index]) -> None:
        self.listed, self.size = indices, len(indices)
        self._masks: dict[int, int] = {}

    @cached_property
    def box(self) -> Box:
        """The first row, first column, last row and last column."""
        rows, columns = zip(*self.listed, strict=True)
        return min(rows), min(columns), max(rows), max(columns)

    def mask(self, width: int) -> int:
        """Return the indices as bits of a window of this width whose upper left corner is the box's."""
        mask = self._masks.get(width)
        if mask is None:
            mask = self._masks[width] = self._new_mask(width)
        return mask

    def _new_mask(self, width: int) -> int:
        top, left, bottom, _ = self.box
        origin = top * width + left
        if self.size < _FEW_BITS:
            return reduce(or_, [1 << (i * width + j - origin) for i, j in self.listed])
        # Setting a bit of a long integer copies it, so many bits are set as digits of its text.
        digits = bytearray(b"0" * ((bottom - top + 1) * width))
        for i, j in self.listed:
            digits[origin - 1 - i * width - j] = ord("1")
        return int(digits, 2)


class Window(NamedTuple):
    """A box of indices, which are numbered row-major: the bits of a mask, the upper left one the lowest."""

    top: int
    left: int
    height: int
    width: int

    def mask_of_copies(self, pattern: Indices, places: Indices) -> int:
        """Return the bits of a pattern moved to many places, all within the window."""
        few, many = (pattern, places) if pattern.size < places.size else (places, pattern)
        mask = many.mask(self.width)
        origin = (many.box[0] - self.top) * self.width + many.box[1] - self.left
        return reduce(or_, [mask << (i * self.width + j + origin) for i, j in few.listed])

    def indices(self, mask: int) -> Iterable[Index]:
        """Return the indices of the bits of a mask, shared ones where there are."""
        box = indices_in_box(self.top, self.left, self.top + self.height - 1, self.left + self.width - 1)
        return compress(box, selectors(mask))


class LazyCells:
    """A set of indices, or of cells, as bits; what was charged for it is what the built one costs.

    The methods that paint charge nothing, and return None where the set must be built to tell what they give.

    Args:
        window: what the bits of the masks mean.
        masks: by color; the only key None stands for indices.

    Attributes:
        weight: how many nodes the set has as a tree (`execution.size_bounds`).
    """

    __slots__ = ("_masks", "_size", "_window", "weight")

    def __init__(self, window: Window, masks: dict[int | None, int]) -> None:
        self._window, self._masks = window, masks
        self._size = sum([mask.bit_count() for mask in masks.values()])
        self.weight = 1 + self._size * (_INDEX_NODES if None in masks else _CELL_NODES)

    def __len__(self) -> int:
        return self._size

    def built(self) -> frozenset[Value]:
        """Return the set itself, charging nothing."""
        indices_of = {color: self._window.indices(mask) for color, mask in self._masks.items()}
        if None in indices_of:
            return frozenset(indices_of[None])
        return frozenset(chain.from_iterable([zip(repeat(color), found) for color, found in indices_of.items()]))

    def filled(self, grid: Value, value: Value, background: Value = None) -> Value | None:
        """Return the grid with all indices in one color; given a background, only those that show it."""
        if not is_color(value):
            return None
        return self._painted(grid, [(value, reduce(or_, self._masks.values()))], background)

    def painted(self, grid: Value) -> Value | None:
        """Return the grid with the cells painted; of conflicting ones that of the largest color is on top."""
        if not all(map(is_color, self._masks)):
            return None
        colors = sorted([color for color in self._masks if color is not None])
        return self._painted(grid, [(color, self._masks[color]) for color in colors])

    def underpainted(self, grid: Value, background: Value) -> Value | None:
        """Return the grid with the cells painted where it shows its background; the least other color is on top."""
        if not all(map(is_color, self._masks)):
            return None
        colors = sorted([color for color in self._masks if color is not None and color != background], reverse=True)
        return self._painted(grid, [(color, self._masks[color]) for color in colors], background)

    def _painted(self, grid: Value, layers: list[tuple[int, int]], background: Value = None) -> Value | None:
        """Return the grid with masks painted one over the other, given with their colors."""
        raster = raster_of(grid)
        if raster is None:
            return None
        # The grid as an integer with a byte a cell, the upper left one the lowest, so that one operation paints all.
        cells = int.from_bytes(raster.cells, "little")
        paintable = _ones(raster.height, raster.width)
        if background is not None:
            shown = raster.cells.translate(bytes(background) + b"\1" + bytes(_BYTE - background))
            paintable &= int.from_bytes(shown, "little")
        for color, mask in layers:
            chosen = self._spread(mask, raster) & paintable
            cells ^= (cells ^ chosen * color) & chosen * _BYTE
        rows = cells.to_bytes(len(raster.cells), "little")
        stride = raster.width + 1
        return tuple([tuple(rows[k : k + raster.width]) for k in range(0, raster.height * stride, stride)])

    def _spread(self, mask: int, raster: Raster) -> int:
        """Return an integer whose lowest bits in the bytes are the mask's bits on the grid; in the guards are any."""
        top, left, height, width = self._window
        first_row, last_row = max(top, 0), min(top + height, raster.height)
        first, last = max(left, 0), min(left + width, raster.width)
        if first_row >= last_row or first >= last:
            return 0
        number = (last_row - first_row) * width
        mask = (mask >> (first_row - top) * width) & (1 << number) - 1
        digits = bin(mask | 1 << number)[:2:-1]
        rows = [digits[k + first - left : k + last - left] for k in range(0, number, width)]
        stride = raster.width + 1
        margin, between = "0" * (first_row * stride + first), "0" * (stride - last + first)
        return int.from_bytes((margin + between.join(rows)).encode(), "little")


@lru_cache(maxsize=512)
def _ones(height: int, width: int) -> int:
    """Return the integer whose bytes are 1 for cells and 0 for guards."""
    return int.from_bytes((b"\1" * width + b"\0") * height, "little")
