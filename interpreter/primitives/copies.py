"""One pattern at many places: the indices that it covers there, as a set or as bits of an integer."""

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from itertools import chain, compress, product
from typing import NamedTuple

from interpreter.primitives.bounds import Box
from interpreter.primitives.indices import Index, indices_in_box, indices_on_line
from interpreter.primitives.raster import selectors

_FEW_COPIES = 100
_FEW_BITS = 100
_MAX_BITS = 1 << 16
_SET = ord("1")


class Ray(NamedTuple):
    """A straight line of indices.

    Attributes:
        start: its first index.
        step: from one to the next, down or else to the right.
        length: how many there are, at least one.
    """

    start: Index
    step: Index
    length: int

    @property
    def size(self) -> int:
        """The number of indices."""
        return self.length

    @property
    def listed(self) -> Collection[Index]:
        """The indices."""
        (i, j), (down, right), last = self.start, self.step, self.length - 1
        return indices_on_line(i, j, i + last * down, j + last * right)

    @property
    def box(self) -> Box:
        """The first row, first column, last row and last column."""
        (i, j), (down, right), last = self.start, self.step, self.length - 1
        return i, min(j, j + last * right), i + last * down, max(j, j + last * right)


class Indices:
    """Some indices, in any order, some perhaps twice."""

    def __init__(self, indices: Collection[Index]) -> None:
        self.listed, self.size = indices, len(indices)
        self._masks: dict[int, int] = {}

    @cached_property
    def box(self) -> Box:
        """The first row, first column, last row and last column."""
        rows, columns = zip(*self.listed, strict=True)
        return min(rows), min(columns), max(rows), max(columns)

    def mask(self, width: int) -> int:
        """Return the indices as bits of a window whose upper left corner is the box's."""
        mask = self._masks.get(width)
        if mask is None:
            mask = self._masks[width] = self._new_mask(width)
        return mask

    def _new_mask(self, width: int) -> int:
        top, left, bottom, _ = self.box
        origin = top * width + left
        if len(self.listed) < _FEW_BITS:
            mask = 0
            for i, j in self.listed:
                mask |= 1 << (i * width + j - origin)
            return mask
        bits = bytearray(b"0" * ((bottom - top + 1) * width))
        for i, j in self.listed:
            bits[origin - 1 - i * width - j] = _SET
        return int(bits, 2)


class Copies(NamedTuple):
    """A pattern, moved to many places, in one colour or none."""

    color: int | None
    pattern: Indices | Ray
    places: Indices

    def indices(self) -> Iterable[Index]:
        """Return all indices, each once or more."""
        if self.pattern.size * self.places.size > _FEW_COPIES:
            window = Window.around([self])
            if window is not None:
                return window.indices(window.mask(self))
        return [(i + k, j + m) for k, m in self.pattern.listed for i, j in self.places.listed]


class Window(NamedTuple):
    """A box of indices, which are numbered row-major: the bits of a mask."""

    top: int
    left: int
    height: int
    width: int

    @staticmethod
    def around(many_copies: Iterable[Copies]) -> "Window | None":
        """Return a window that holds all the copies; None if there are none or it would be very large."""
        boxes = [_box(copies) for copies in many_copies if copies.pattern.size and copies.places.size]
        if not boxes:
            return None
        tops, lefts, bottoms, rights = zip(*boxes, strict=True)
        top, left = min(tops), min(lefts)
        window = Window(top, left, max(bottoms) - top + 1, max(rights) - left + 1)
        return window if window.height * window.width <= _MAX_BITS else None

    def mask(self, copies: Copies) -> int:
        """Return the bits of all indices of the copies."""
        _, pattern, places = copies
        if not pattern.size or not places.size:
            return 0
        if isinstance(pattern, Ray):
            return self._mask_of_rays(pattern, places)
        few, many = (pattern, places) if pattern.size < places.size else (places, pattern)
        origin, mask = self._number(many.box[:2]), many.mask(self.width)
        union = 0
        for i, j in few.listed:
            union |= mask << (i * self.width + j + origin)
        return union

    def _mask_of_rays(self, ray: Ray, places: Indices) -> int:
        (i, j), (down, right), length = ray
        top, left, _, _ = places.box
        mask = places.mask(self.width) << self._number((top + i, left + j))
        step, done = down * self.width + right, 1
        while done < length:
            more = min(done, length - done)
            mask |= mask << (more * step)
            done += more
        return mask

    def _number(self, index: Index) -> int:
        return (index[0] - self.top) * self.width + index[1] - self.left

    def indices(self, mask: int) -> Iterable[Index]:
        """Return the indices of the bits."""
        bottom, right = self.top + self.height - 1, self.left + self.width - 1
        return compress(indices_in_box(self.top, self.left, bottom, right), selectors(mask))


def union_of_copies(many_copies: Iterable[Copies]) -> frozenset[object]:
    """Return the set of all indices, as cells where they have a colour."""
    return _union([(copies.color, copies.indices()) for copies in many_copies])


def union_of_masks(window: Window, masks: Mapping[int | None, int]) -> frozenset[object]:
    """Return the set of the indices in masks of a window, given by colour; as cells where that is not None."""
    return _union([(color, window.indices(mask)) for color, mask in masks.items()])


def _union(indices_by_color: Iterable[tuple[int | None, Iterable[Index]]]) -> frozenset[object]:
    cells = [indices if color is None else product((color,), indices) for color, indices in indices_by_color]
    return frozenset(chain.from_iterable(cells))


def _box(copies: Copies) -> Box:
    first, last = copies.places.box, copies.pattern.box
    return first[0] + last[0], first[1] + last[1], first[2] + last[2], first[3] + last[3]
