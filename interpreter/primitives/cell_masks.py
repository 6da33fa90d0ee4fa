"""Sets of cells as integer bit masks, one a colour: painting is a few operations on integers as long as the grid."""

from collections.abc import Callable, Iterable
from functools import lru_cache, partial, reduce
from math import inf
from operator import or_
from typing import cast

from interpreter.primitives.copies import Window, union_of_masks
from interpreter.primitives.lines import SHOT
from interpreter.primitives.raster import GUARD, Raster, raster_of
from interpreter.primitives.unbuilt import CELL_NODES, INDEX_NODES, Unbuilt
from interpreter.primitives.unions import images_of, pattern_size
from interpreter.values.meter import METER, charge, reserve
from interpreter.values.order import Value

_BYTE = 255
_FEW_INDICES = 150  # are sooner built
_KEPT_RAY = 6  # takes as long as so many new indices, because rays are kept (see `lines`)
_SORTING = 3  # so many times as long it takes to make an index and to put it in order for a tuple


class CellMasks(Unbuilt):
    """Indices, or cells, as bits.

    Args:
        window: what the bits of the masks mean.
        masks: by colour; the only key None stands for indices without colour.
        length: as for `Unbuilt`.
        build: makes the built value if that is a tuple; else it is a set.
    """

    __slots__ = ("_build", "_masks", "_window")

    def __init__(
        self, window: Window, masks: dict[int | None, int], length: int, build: Callable[[], Value] | None = None
    ) -> None:
        super().__init__(length, 1 + (INDEX_NODES if None in masks else CELL_NODES) * length)
        self._window, self._masks, self._build = window, masks, build

    def built(self) -> Value:
        if self._build is None:
            return union_of_masks(self._window, self._masks)
        left, METER.left = METER.left, inf
        try:
            return self._build()
        finally:
            METER.left = left

    def filled(self, grid: Value, value: Value, background: Value = None) -> Value | None:
        raster = raster_of(grid)
        if raster is None or not _is_byte(value):
            return None
        canvas = _Canvas(raster, self._window, background)
        canvas.paint(_union(self._masks), value)
        return canvas.grid()

    def painted(self, grid: Value) -> Value | None:
        raster = raster_of(grid)
        if raster is None or not all(map(_is_byte, self._masks)):
            return None
        canvas = _Canvas(raster, self._window)
        for color, mask in sorted(cast(Iterable[tuple[int, int]], self._masks.items())):
            canvas.paint(mask, color)
        return canvas.grid()

    def underpainted(self, grid: Value, background: Value) -> Value | None:
        raster = raster_of(grid)
        if raster is None or not all(map(_is_byte, self._masks)):
            return None
        canvas = _Canvas(raster, self._window, background)
        for color, mask in sorted(cast(Iterable[tuple[int, int]], self._masks.items()), reverse=True):
            if color != background:
                canvas.paint(mask, color)
        return canvas.grid()


def masks_of_images(function: Value, container: Value, mapply: Callable[[Value, Value], Value]) -> CellMasks | None:
    """Map and flatten a function that moves a pattern; None if it isn't one, or where that is no faster.

    Args:
        function: what is mapped, over
        container: this set or tuple.
        mapply: does so by calling the function.

    Raises:
        WorkExceeded, SizeExceeded: as the calls and the union would.
    """
    ray, sorting = (_KEPT_RAY, 1) if type(container) is frozenset else (SHOT, _SORTING)
    size = pattern_size(function, ray, ray)
    if not size or sorting * size * len(container) < _FEW_INDICES:
        return None
    charge(len(container))
    images = images_of(function, container)
    if images is None:
        return None
    window = Window.around(images.copies)
    masks: dict[int | None, int] = {}
    if window is None:
        return None
    for copies in images.copies:
        masks[copies.color] = masks.get(copies.color, 0) | window.mask(copies)
    length = sum([mask.bit_count() for mask in masks.values()])
    if type(container) is frozenset:
        charge(images.work)
        reserve(images.size)
        return CellMasks(window, masks, length)
    if len(masks) > 1 and _union(masks).bit_count() < length:
        return None  # which of the conflicting cells stays depends on the order
    charge(images.work)
    reserve(images.size + len(container))
    return CellMasks(window, masks, images.size, partial(mapply, function, container))


def _union(masks: dict[int | None, int]) -> int:
    return reduce(or_, masks.values())


class _Canvas:
    """A grid that is being painted, as an integer with a byte a cell, the upper left one the lowest."""

    def __init__(self, raster: Raster, window: Window, background: Value = None) -> None:
        self._raster, self._window = raster, window
        self._cells = int.from_bytes(raster.cells, "little")
        self._free = _ones(raster.height, raster.width)
        if background is not None:
            shown = raster.cells.translate(bytes(background) + b"\1" + bytes(_BYTE - background))
            self._free &= int.from_bytes(shown, "little")
        top, left, height, width = window
        self._top, self._bottom = max(top, 0), min(top + height, raster.height)
        self._left, self._right = max(left, 0), min(left + width, raster.width)

    def paint(self, mask: int, color: int) -> None:
        """Paint the bits of a mask of the window."""
        if self._top >= self._bottom or self._left >= self._right:
            return
        cells = self._spread(mask) & self._free
        self._cells ^= (self._cells ^ cells * color) & cells * _BYTE

    def _spread(self, mask: int) -> int:
        """Return an integer whose lowest bits in the bytes are the mask's bits on the grid; in the guards are any."""
        top, left, _, width = self._window
        stride = self._raster.width + 1
        mask = (mask >> (self._top - top) * width) & (1 << (self._bottom - self._top) * width) - 1
        digits = bin(mask | 1 << (self._bottom - self._top) * width)[:2:-1]
        first, last = self._left - left, self._right - left
        rows = [digits[k + first : k + last] for k in range(0, len(digits), width)]
        between = "0" * (stride - last + first)
        return int.from_bytes(("0" * (self._top * stride + self._left) + between.join(rows)).encode(), "little")

    def grid(self) -> Value:
        """Return the grid as it is now."""
        raster, stride = self._raster, self._raster.width + 1
        cells = self._cells.to_bytes(len(raster.cells), "little")
        rows = [tuple(cells[k : k + raster.width]) for k in range(self._top * stride, self._bottom * stride, stride)]
        return raster.grid[: self._top] + tuple(rows) + raster.grid[max(self._top, self._bottom) :]


@lru_cache(maxsize=512)
def _ones(height: int, width: int) -> int:
    """Return the integer whose bytes are 1 for cells and 0 for guards."""
    return int.from_bytes((b"\1" * width + b"\0") * height, "little")


def _is_byte(value: Value) -> bool:
    return type(value) is int and 0 <= value < GUARD
