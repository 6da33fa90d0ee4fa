"""What a function gives for each of many elements together, without calling it on each.

Two calls in three of the dearest hundredth map a function that moves one pattern to many places: a fixed patch shifted
by vectors, rays from many cells, neighbours, and these recolored. What they give is described as copies of patterns.
What the calls would charge is known beforehand; where a call could fail, nothing is answered here.
"""

from collections.abc import Callable, Collection, Sequence
from types import FunctionType
from typing import NamedTuple

from interpreter.primitives.bounded_calls import enter, leave, made_by
from interpreter.primitives.bounds import bounds, integer_pairs
from interpreter.primitives.copies import Copies, Indices, Ray, union_of_copies
from interpreter.primitives.indices import Index
from interpreter.primitives.lines import SHOT, vfrontier
from interpreter.primitives.patches import dneighbors, ineighbors, neighbors
from interpreter.values.meter import METER, LimitExceeded, charge, reserve
from interpreter.values.order import Value

_FEW_ELEMENTS = 12
_FEW_INDICES = 1000  # are found faster by calls
_KEPT_RAY = 4  # takes as long as so many new indices, if no cells are made of it, because rays are kept (see `lines`)
_TOO_LONG = 11  # such functions watch what they nest (see `closures`)

_TUPLE = {tuple}
_INTEGER = {int}
_CONTAINERS = {tuple, frozenset}
_MARGINS = {"inbox": -1, "box": 0, "outbox": 1}
_ORIGIN = (0, 0)
_AROUND = {function.__name__: Indices(function(_ORIGIN)) for function in (dneighbors, ineighbors, neighbors)}
_FRONTIER = len(vfrontier(_ORIGIN))


class _Unknown(Exception):
    """Nothing can be said without calling the function."""


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


def union_of_images(function: Value, elements: frozenset[Value]) -> frozenset[Value] | None:
    """Return the union of function(x) for all elements x, or None if it must be found by calling the function.

    Raises:
        WorkExceeded, SizeExceeded: as the calls and the union would.
    """
    if len(elements) < _FEW_ELEMENTS or pattern_size(function, _KEPT_RAY, SHOT) * len(elements) < _FEW_INDICES:
        return None
    images = images_of(function, elements)
    if images is None:
        return None
    charge(images.work)
    reserve(images.size)
    return union_of_copies(images.copies)


def images_of(function: Value, elements: Collection[Value]) -> Images | None:
    """Return what the function gives for all elements, or None if that is unknown. Some of the work is charged."""
    left = METER.left
    frames = enter(function)
    try:
        return _images(function, list(elements))
    except (_Unknown, LimitExceeded, ArithmeticError, LookupError, TypeError, ValueError):
        METER.left = left
        return None
    finally:
        leave(frames)


def pattern_size(function: Value, ray: int, colored_ray: int) -> int:
    """Tell by its form about how many indices the function gives for an element; 0 if it isn't treated here.

    Args:
        function: any.
        ray: what to tell for functions that give a ray,
        colored_ray: and if they recolor it.
    """
    if type(function) is not FunctionType:
        return 0
    attributes = function.__dict__
    builder, parts = attributes.get("builder"), attributes.get("parts")
    if not parts:
        return _size_of_primitive(builder, ray)
    if attributes["length"] >= _TOO_LONG:
        return 0
    if builder == "lbind" and made_by(parts[0], "shift"):
        return len(parts[1]) if type(parts[1]) is frozenset else 0
    if builder == "rbind":
        return ray if made_by(parts[0], "shoot") else 0
    if builder == "lbind":
        return SHOT // 2 if made_by(parts[0], "shoot") else 0  # some directions may be so far that rays aren't kept
    if builder == "fork":
        return pattern_size(parts[2], colored_ray, colored_ray) if made_by(parts[0], "recolor") else 0
    if builder == "compose" and recolors(parts[0]):
        return pattern_size(parts[1], colored_ray, colored_ray)
    return pattern_size(parts[0], ray, colored_ray) if builder == "compose" or builder == "chain" else 0


def _size_of_primitive(name: str | None, ray: int) -> int:
    if name in _AROUND:
        return _AROUND[name].size
    return ray if name in _FRONTIERS else 2 * ray if name in _MARGINS else 0


def _images(function: Value, elements: list[Value]) -> Images:
    attributes = vars(function)
    builder, parts = attributes["builder"], attributes["parts"]
    if not parts:
        if builder in _MARGINS:
            return _joined([_image_of_box(patch, _MARGINS[builder]) for patch in elements])
        return _FRONTIERS[builder](elements) if builder in _FRONTIERS else _images_of_neighbors(elements, builder)
    images_of_closure = _CLOSURES.get(builder)
    if images_of_closure is None:
        raise _Unknown
    images = images_of_closure(elements, *parts)
    return images._replace(work=images.work + len(elements))  # a call of a closure costs one unit


def _images_of_neighbors(elements: list[Value], name: str) -> Images:
    return _moved(_AROUND[name], _as_places(elements))._replace(work=0)


def _images_of_columns(elements: list[Value]) -> Images:
    return _moved(Ray(_ORIGIN, (1, 0), _FRONTIER), Indices([(0, j) for _, j in _as_places(elements).listed]))


def _images_of_rows(elements: list[Value]) -> Images:
    return _moved(Ray(_ORIGIN, (0, 1), _FRONTIER), Indices([(i, 0) for i, _ in _as_places(elements).listed]))


def _image_of_box(patch: Value, margin: int) -> Images:
    """Return the outline of a patch's bounding box, moved outwards; its sides are rays."""
    top, left, bottom, right = bounds(patch)
    if type(patch) not in _CONTAINERS or not _INTEGER.issuperset(map(type, (top, left, bottom, right))):
        raise _Unknown
    top, bottom = sorted((top - margin, bottom + margin))
    left, right = sorted((left - margin, right + margin))
    height, width = bottom - top + 1, right - left + 1
    work = 2 * height + 2 * width
    if work > METER.max_items:
        raise _Unknown
    rows = Copies(None, Ray(_ORIGIN, (0, 1), width), Indices([(top, left), (bottom, left)]))
    columns = Copies(None, Ray(_ORIGIN, (1, 0), height), Indices([(top, left), (top, right)]))
    size = height * width - max(height - 2, 0) * max(width - 2, 0)
    return Images([rows, columns], size, len(patch) + work)


def _images_of_composition(elements: list[Value], outer: Value, *inner: Value) -> Images:
    """Treat compose(outer, inner), or chain(outer, inner, innermost)."""
    if recolors(outer):
        (function,) = inner
        images = _recolored(_images(function, elements), vars(outer)["parts"][1])
        return images._replace(work=images.work + len(elements))
    for function in reversed(inner):
        elements = _results(function, elements)
    return _images(outer, elements)


def _images_of_fork(elements: list[Value], outer: Value, color_of: Value, indices_of: Value) -> Images:
    if not made_by(outer, "recolor"):
        raise _Unknown
    elements_of: dict[Value, list[Value]] = {}
    for color, element in zip(_results(color_of, elements), elements, strict=True):
        elements_of.setdefault(color, []).append(element)
    images = [_recolored(_images(indices_of, members), color) for color, members in elements_of.items()]
    return _joined(images)


def _images_of_lbind(elements: list[Value], function: Value, fixed: Value) -> Images:
    if made_by(function, "shift"):
        return _images_of_shift(elements, fixed)
    if made_by(function, "shoot"):
        return _images_of_shots(_as_places([fixed]), _as_places(elements))
    raise _Unknown


def _images_of_shift(elements: list[Value], patch: Value) -> Images:
    if type(patch) is not frozenset or not _TUPLE.issuperset(map(type, patch)):
        raise _Unknown
    places = _as_places(elements)
    if not patch:
        return _joined([])
    if type(next(iter(patch))[1]) is not tuple:
        return _moved(_as_places(patch), places)
    indices_of: dict[Value, list[Index]] = {}
    for color, index in patch:
        indices_of.setdefault(color, []).append(index)
    return _joined([_colored(_moved(_as_places(indices), places), color) for color, indices in indices_of.items()])


def _images_of_rbind(elements: list[Value], function: Value, direction: Value) -> Images:
    if not made_by(function, "shoot"):
        raise _Unknown
    return _images_of_shots(_as_places(elements), _as_places([direction]))


def _images_of_shots(starts: Indices, directions: Indices) -> Images:
    """Treat rays from many cells in one direction or from one in many: of those in the same the longest has all."""
    lengths: dict[Index, int] = {}
    size = 0
    for down, right in directions.listed:
        if down and right and abs(down) != abs(right):
            continue
        length = SHOT * max(abs(down), abs(right)) + 1
        size += length * starts.size
        unit = ((down > 0) - (down < 0), (right > 0) - (right < 0))
        lengths[unit] = max(lengths.get(unit, 0), length)
    if max(lengths.values(), default=0) > METER.max_items:
        raise _Unknown
    return Images([Copies(None, _ray(unit, length), starts) for unit, length in lengths.items()], size, size)


def _ray(unit: Index, length: int) -> Ray:
    """Return the ray from the origin, taken from its upper or else left end."""
    if unit >= _ORIGIN:
        return Ray(_ORIGIN, unit, length)
    down, right = -unit[0], -unit[1]
    return Ray(((1 - length) * down, (1 - length) * right), (down, right), length)


_FRONTIERS: dict[str, Callable[[list[Value]], Images]] = {"vfrontier": _images_of_columns, "hfrontier": _images_of_rows}
_CLOSURES: dict[str, Callable[..., Images]] = {
    "compose": _images_of_composition,
    "chain": _images_of_composition,
    "fork": _images_of_fork,
    "lbind": _images_of_lbind,
    "rbind": _images_of_rbind,
}


def recolors(function: Value) -> bool:
    """Tell whether the function recolors patches in a fixed colour."""
    return made_by(function, "lbind") and made_by(vars(function)["parts"][0], "recolor")


def _results(function: Value, elements: list[Value]) -> list[Value]:
    if made_by(function, "last") and _TUPLE.issuperset(map(type, elements)):
        return [element[-1] for element in elements]
    return [function(element) for element in elements]


def _moved(pattern: Indices | Ray, places: Indices) -> Images:
    """Return the images of calls that charge a unit an index."""
    size = pattern.size * places.size
    return Images([Copies(None, pattern, places)], size, size)


def _joined(images: Sequence[Images]) -> Images:
    copies = [copies for image in images for copies in image.copies]
    return Images(copies, sum(image.size for image in images), sum(image.work for image in images))


def _colored(images: Images, color: Value) -> Images:
    if type(color) is not int:
        raise _Unknown
    return images._replace(copies=[copies._replace(color=color) for copies in images.copies])


def _recolored(images: Images, color: Value) -> Images:
    """Return what `recolor` makes of the images, which charges a unit an index."""
    if any(copies.color is not None for copies in images.copies):
        raise _Unknown  # cells of several colours may become one
    return _colored(images, color)._replace(work=images.work + images.size)


def _as_places(values: Collection[Value]) -> Indices:
    pairs = integer_pairs(values)
    if pairs is None:
        raise _Unknown
    return Indices(pairs)
