"""What a function that moves one pattern gives for many elements together, without calling it on each.

Two calls in three of the dearest hundredth map such a function: a fixed patch shifted by vectors, rays from many cells,
neighbors, and these recolored. What they give is described as copies of patterns, and found as bits. What the calls
would charge is known beforehand; where a call could fail, nothing is answered here.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from itertools import chain, repeat
from types import FunctionType
from typing import NamedTuple

from interpreter.primitives.bounded_calls import enter, leave, made_by
from interpreter.primitives.bounds import integer_pairs
from interpreter.primitives.indices import Index, indices_on_line
from interpreter.primitives.lazy_cells import Indices, LazyCells, Window
from interpreter.primitives.lines import SHOT, vfrontier
from interpreter.primitives.patches import dneighbors, ineighbors, neighbors
from interpreter.values.meter import METER, LimitExceeded, charge, reserve
from interpreter.values.order import Value

_MAX_BITS = 1 << 16  # of a window; operations on longer integers lose to lists of indices
_MAX_RAY = 10_000
_TOO_LONG = 11  # such functions watch what they nest (see `closures`)
_KEPT_RAY = 6  # takes as long as so many new indices, because rays are kept (see `lines`)

_TUPLE = {tuple}
_ORIGIN = (0, 0)
_AROUND = {function.__name__: Indices(function(_ORIGIN)) for function in (dneighbors, ineighbors, neighbors)}
_COLUMN = Indices(vfrontier(_ORIGIN))
_ROW = Indices([(j, i) for i, j in _COLUMN.listed])
_SIZES: dict[Value, int] = {name: pattern.size for name, pattern in _AROUND.items()} | {
    "vfrontier": _KEPT_RAY,
    "hfrontier": _KEPT_RAY,
}


class _Unknown(Exception):
    """Nothing can be said without calling the function."""


class Copies(NamedTuple):
    """A pattern, moved to many places, in one color or none."""

    color: int | None
    pattern: Indices
    places: Indices

    def listed(self) -> Iterable[Value]:
        """Return all indices, or cells if they have a color, each once or more."""
        indices = [(i + k, j + m) for k, m in self.pattern.listed for i, j in self.places.listed]
        return indices if self.color is None else zip(repeat(self.color), indices, strict=False)


class Images(NamedTuple):
    """What a function gives for many elements.

    Attributes:
        copies: the union of what it gives.
        size: the sum of the sizes of what it gives.
        work: what its calls charge beyond what was charged already.
    """

    copies: list[Copies]
    size: int
    work: int


def lazy_images(function: Value, elements: frozenset[Value], few_indices: int) -> LazyCells | frozenset[Value] | None:
    """Return the union of function(x) for all elements x; None where it is to be found by calling the function.

    Args:
        function: any function.
        elements: what it would be called on.
        few_indices: so few are faster found by calls.

    Raises:
        WorkExceeded, SizeExceeded: as the calls and the union would.
    """
    if _pattern_size(function) * len(elements) < few_indices:
        return None
    left = METER.left  # given back if the calls must be made after all: they charge themselves
    frames = enter(function)
    try:
        images = _images(function, list(elements))
    except (_Unknown, LimitExceeded, ArithmeticError, LookupError, TypeError, ValueError):
        METER.left = left
        return None
    finally:
        leave(frames)
    charge(images.work)
    reserve(images.size)
    window = _window_around(images.copies)
    if window is None:
        return frozenset(chain.from_iterable([copies.listed() for copies in images.copies]))
    masks: dict[int | None, int] = {}
    for color, pattern, places in images.copies:
        masks[color] = masks.get(color, 0) | window.mask_of_copies(pattern, places)
    return LazyCells(window, masks)


def _window_around(many_copies: Sequence[Copies]) -> Window | None:
    """Return a window that holds all the copies; None if there are none or it would be very large."""
    if not many_copies:
        return None
    boxes = [(copies.places.box, copies.pattern.box) for copies in many_copies]
    tops, lefts, bottoms, rights = zip(*[[a + b for a, b in zip(*both, strict=True)] for both in boxes], strict=True)
    window = Window(min(tops), min(lefts), max(bottoms) - min(tops) + 1, max(rights) - min(lefts) + 1)
    return window if window.height * window.width <= _MAX_BITS else None


def _pattern_size(function: Value) -> int:
    """Return by its form about how many indices the function gives for an element; 0 if it isn't treated here."""
    if type(function) is not FunctionType:
        return 0
    described = function.__dict__
    builder, parts = described.get("builder"), described.get("parts")
    if not parts:
        return _SIZES.get(builder, 0)
    if described["length"] >= _TOO_LONG:
        return 0
    if made_by(parts[0], "shoot"):
        return _KEPT_RAY if builder == "rbind" else SHOT // 2 if builder == "lbind" else 0
    if builder == "lbind":
        return len(parts[1]) if made_by(parts[0], "shift") and type(parts[1]) is frozenset else 0
    if builder == "fork":
        return _pattern_size(parts[2]) if made_by(parts[0], "recolor") else 0
    if builder == "compose" and _recolors(parts[0]):
        return _pattern_size(parts[1])
    return _pattern_size(parts[0]) if builder == "compose" or builder == "chain" else 0


def _images(function: Value, elements: list[Value]) -> Images:
    builder, parts = function.builder, function.parts
    if not parts:
        return _images_of_primitive(builder, _as_places(elements))
    images_of_closure = _CLOSURES.get(builder)
    if images_of_closure is None:
        raise _Unknown
    images = images_of_closure(elements, *parts)
    return images._replace(work=images.work + len(elements))  # a call of a closure costs one unit


def _images_of_primitive(name: str, places: Indices) -> Images:
    if name == "vfrontier":
        return _moved(_COLUMN, Indices([(0, j) for _, j in places.listed]))
    if name == "hfrontier":
        return _moved(_ROW, Indices([(i, 0) for i, _ in places.listed]))
    return _moved(_AROUND[name], places)._replace(work=0)


def _composition(elements: list[Value], outer: Value, *inner: Value) -> Images:
    """Treat compose(outer, inner), or chain(outer, inner, innermost)."""
    if _recolors(outer):
        (function,) = inner
        images = _recolored(function, elements, outer.parts[1])
        return images._replace(work=images.work + len(elements))
    for function in reversed(inner):
        elements = [function(element) for element in elements]
    return _images(outer, elements)


def _fork(elements: list[Value], outer: Value, color_of: Value, indices_of: Value) -> Images:
    if not made_by(outer, "recolor"):
        raise _Unknown
    elements_of: dict[Value, list[Value]] = {}
    for element in elements:
        elements_of.setdefault(color_of(element), []).append(element)
    return _joined([_recolored(indices_of, members, color) for color, members in elements_of.items()])


def _lbind(elements: list[Value], function: Value, fixed: Value) -> Images:
    if made_by(function, "shift"):
        return _shifts(elements, fixed)
    if made_by(function, "shoot"):
        return _shots(_as_places([fixed]), _as_places(elements))
    raise _Unknown


def _rbind(elements: list[Value], function: Value, direction: Value) -> Images:
    if not made_by(function, "shoot"):
        raise _Unknown
    return _shots(_as_places(elements), _as_places([direction]))


def _shifts(elements: list[Value], patch: Value) -> Images:
    if type(patch) is not frozenset or not patch or not _TUPLE.issuperset(map(type, patch)):
        raise _Unknown
    places = _as_places(elements)
    if type(next(iter(patch))[1]) is not tuple:
        return _moved(_as_places(patch), places)
    indices_of: dict[Value, list[Index]] = {}
    for color, index in patch:
        indices_of.setdefault(color, []).append(index)
    return _joined([_colored(_moved(_as_places(indices), places), color) for color, indices in indices_of.items()])


def _shots(starts: Indices, directions: Indices) -> Images:
    """Treat rays from many cells in one direction or from one in many: of those in the same the longest has all."""
    lengths: dict[Index, int] = {}
    size = 0
    for down, right in directions.listed:
        if down and right and abs(down) != abs(right):
            continue
        length = SHOT * max(abs(down), abs(right)) + 1
        if length > min(_MAX_RAY, METER.max_items):
            raise _Unknown
        size += length * starts.size
        unit = ((down > 0) - (down < 0), (right > 0) - (right < 0))
        lengths[unit] = max(lengths.get(unit, 0), length)
    return Images([Copies(None, _ray(unit, length), starts) for unit, length in lengths.items()], size, size)


@lru_cache(maxsize=64)
def _ray(unit: Index, length: int) -> Indices:
    """Return the ray from the origin; its upper or else left end comes first."""
    ends = sorted([_ORIGIN, ((length - 1) * unit[0], (length - 1) * unit[1])])
    return Indices(indices_on_line(*chain.from_iterable(ends)))


_CLOSURES: dict[str, Callable[..., Images]] = {
    "compose": _composition,
    "chain": _composition,
    "fork": _fork,
    "lbind": _lbind,
    "rbind": _rbind,
}


def _recolors(function: Value) -> bool:
    """Return whether the function recolors patches in a fixed color."""
    return made_by(function, "lbind") and made_by(function.parts[0], "recolor")


def _moved(pattern: Indices, places: Indices) -> Images:
    """Return the images of calls that charge a unit an index."""
    size = pattern.size * places.size
    return Images([Copies(None, pattern, places)], size, size)


def _joined(images: list[Images]) -> Images:
    copies = [copies for image in images for copies in image.copies]
    return Images(copies, sum([image.size for image in images]), sum([image.work for image in images]))


def _colored(images: Images, color: Value) -> Images:
    if type(color) is not int:
        raise _Unknown
    return images._replace(copies=[copies._replace(color=color) for copies in images.copies])


def _recolored(function: Value, elements: list[Value], color: Value) -> Images:
    """Return what `recolor` makes of the function's images, which charges a unit an index."""
    images = _images(function, elements)
    if any(copies.color is not None for copies in images.copies):
        raise _Unknown  # cells of several colors may become one
    return _colored(images, color)._replace(work=images.work + images.size)


def _as_places(values: Collection[Value]) -> Indices:
    pairs = integer_pairs(values)
    if pairs is None:
        raise _Unknown
    return Indices(pairs)
