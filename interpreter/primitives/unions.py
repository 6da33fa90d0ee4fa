"""The union of what a function gives for each of many elements, without calling it on each.

Two calls in three of the dearest hundredth map a function that moves one pattern to many places: a fixed patch shifted
by vectors, rays from many cells, neighbours, and these recolored. All the copies are set as bits of one integer. What
the calls would charge is known beforehand; where a call could fail, nothing is answered here.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import chain, compress, product, repeat
from types import FunctionType
from typing import NamedTuple

from interpreter.primitives.bounds import integer_pairs
from interpreter.primitives.calls import enter, leave
from interpreter.primitives.lines import SHOT, segment, shoot
from interpreter.primitives.patches import dneighbors, ineighbors, neighbors
from interpreter.values import Value
from interpreter.work import METER, LimitExceeded, charge, reserve

_FEW_ELEMENTS = 24
_TOO_LONG = 11  # such functions watch what they nest (see `closures`)
_FEW_COPIES = 100
_MAX_BITS = 1 << 16
_SET = ord("1")
_FLAGS = bytes(_SET) + b"\1" + bytes(255 - _SET)  # the digits "0" and "1" as 0 and 1

_Index = tuple[int, int]
_TUPLE = {tuple}
_ORIGIN = (0, 0)
_AROUND = {function.__name__: function(_ORIGIN) for function in (dneighbors, ineighbors, neighbors)}


class _Unknown(Exception):
    """Nothing can be said without calling the function."""


class _Copies(NamedTuple):
    """A pattern, moved to many places, in one colour or none."""

    color: int | None
    pattern: Collection[_Index]
    places: Collection[_Index]


class _Images(NamedTuple):
    """What a function gives for many elements.

    Attributes:
        copies: the union of what it gives.
        size: the sum of the sizes of what it gives.
        work: what its calls charge beyond what was charged already.
    """

    copies: list[_Copies]
    size: int
    work: int


def union_of_images(function: Value, elements: frozenset[Value]) -> frozenset[Value] | None:
    """Return the union of function(x) for all elements x, or None if it must be found by calling the function.

    Raises:
        WorkExceeded, SizeExceeded: as the calls and the union would.
    """
    if len(elements) < _FEW_ELEMENTS or not _moves_a_pattern(function) or vars(function)["length"] >= _TOO_LONG:
        return None
    left = METER.left
    frames = enter(function)
    try:
        copies, size, work = _images(function, list(elements))
    except (_Unknown, LimitExceeded, ArithmeticError, LookupError, TypeError, ValueError):
        METER.left = left
        return None
    finally:
        leave(frames)
    charge(work)
    reserve(size)
    return frozenset(chain.from_iterable(map(_union_of_copies, copies)))


def _moves_a_pattern(function: Value) -> bool:
    """Tell by its form whether the function is one of those treated here, before anything is called in vain."""
    if type(function) is not FunctionType or "builder" not in vars(function):
        return False
    builder, parts = vars(function)["builder"], vars(function)["parts"]
    if not parts:
        return builder in _AROUND
    if builder == "lbind":
        return _is(parts[0], "shift") or _is(parts[0], "shoot")
    if builder == "rbind":
        return _is(parts[0], "shoot")
    if builder == "fork":
        return _is(parts[0], "recolor") and _moves_a_pattern(parts[2])
    if builder == "compose" and _is(parts[0], "lbind") and _is(vars(parts[0])["parts"][0], "recolor"):
        return _moves_a_pattern(parts[1])
    return builder in ("compose", "chain") and _moves_a_pattern(parts[0])


def _images(function: Value, elements: list[Value]) -> _Images:
    attributes = vars(function)
    builder, parts = attributes["builder"], attributes["parts"]
    if builder in _AROUND and not parts:
        return _moved(_AROUND[builder], _as_places(elements), charged=len(_AROUND[builder]) * len(elements))
    images_of = _IMAGES.get(builder)
    if images_of is None:
        raise _Unknown
    images = images_of(elements, *parts)
    return images._replace(work=images.work + len(elements))  # a call of a closure costs one unit


def _images_of_composition(elements: list[Value], outer: Value, *inner: Value) -> _Images:
    """Treat compose(outer, inner), or chain(outer, inner, innermost)."""
    if _is(outer, "lbind") and _is(vars(outer)["parts"][0], "recolor"):
        (function,) = inner
        images = _recolored(_images(function, elements), vars(outer)["parts"][1])
        return images._replace(work=images.work + len(elements))
    for function in reversed(inner):
        elements = _results(function, elements)
    return _images(outer, elements)


def _images_of_fork(elements: list[Value], outer: Value, color_of: Value, indices_of: Value) -> _Images:
    if not _is(outer, "recolor"):
        raise _Unknown
    elements_of: dict[Value, list[Value]] = {}
    for color, element in zip(_results(color_of, elements), elements, strict=True):
        elements_of.setdefault(color, []).append(element)
    images = [_recolored(_images(indices_of, members), color) for color, members in elements_of.items()]
    return _joined(images)


def _images_of_lbind(elements: list[Value], function: Value, fixed: Value) -> _Images:
    if _is(function, "shift"):
        return _images_of_shift(elements, fixed)
    if _is(function, "shoot"):
        return _images_of_shots(_as_places([fixed])[0], _as_places(elements))
    raise _Unknown


def _images_of_shift(elements: list[Value], patch: Value) -> _Images:
    if type(patch) is not frozenset or not _TUPLE.issuperset(map(type, patch)):
        raise _Unknown
    places = _as_places(elements)
    if not patch:
        return _joined([])
    if type(next(iter(patch))[1]) is not tuple:
        return _moved(_as_places(patch), places)
    indices_of: dict[Value, list[_Index]] = {}
    for color, index in patch:
        indices_of.setdefault(color, []).append(index)
    return _joined([_colored(_moved(_as_places(indices), places), c) for c, indices in indices_of.items()])


def _images_of_shots(start: _Index, directions: list[_Index]) -> _Images:
    """Treat rays from one cell in many directions: of those in the same direction the longest has all."""
    aligned = [(down, right) for down, right in directions if not down or not right or abs(down) == abs(right)]
    lengths: dict[_Index, int] = {}
    size = 0
    for down, right in aligned:
        length = max(abs(down), abs(right))
        size += SHOT * length + 1
        unit = ((down > 0) - (down < 0), (right > 0) - (right < 0))
        lengths[unit] = max(lengths.get(unit, 0), length)
    if SHOT * max(lengths.values(), default=0) >= METER.max_items:
        raise _Unknown
    i, j = start
    rays = [segment(i, j, i + SHOT * n * down, j + SHOT * n * right) for (down, right), n in lengths.items()]
    return _Images([_Copies(None, ray, [_ORIGIN]) for ray in rays], size, size)


def _images_of_rbind(elements: list[Value], function: Value, direction: Value) -> _Images:
    if not _is(function, "shoot"):
        raise _Unknown
    ray = shoot(_ORIGIN, _as_places([direction])[0])
    return _moved(ray, _as_places(elements), charged=len(ray))


_IMAGES: dict[str, Callable[..., _Images]] = {
    "compose": _images_of_composition,
    "chain": _images_of_composition,
    "fork": _images_of_fork,
    "lbind": _images_of_lbind,
    "rbind": _images_of_rbind,
}


def _is(function: Value, builder: str) -> bool:
    return type(function) is FunctionType and vars(function).get("builder") == builder


def _results(function: Value, elements: list[Value]) -> list[Value]:
    if _is(function, "last") and _TUPLE.issuperset(map(type, elements)):
        return [element[-1] for element in elements]
    return [function(element) for element in elements]


def _moved(pattern: Collection[_Index], places: Collection[_Index], charged: int = 0) -> _Images:
    """Return the images of calls that charge a unit an index, of which so many were charged already."""
    size = len(pattern) * len(places)
    return _Images([_Copies(None, pattern, places)], size, size - charged)


def _joined(images: Sequence[_Images]) -> _Images:
    copies = [copies for image in images for copies in image.copies]
    return _Images(copies, sum(image.size for image in images), sum(image.work for image in images))


def _colored(images: _Images, color: Value) -> _Images:
    color = _as_color(color)
    return images._replace(copies=[copies._replace(color=color) for copies in images.copies])


def _recolored(images: _Images, color: Value) -> _Images:
    """Return what `recolor` makes of the images, which charges a unit an index."""
    if any(copies.color is not None for copies in images.copies):
        raise _Unknown  # cells of several colours may become one
    return _colored(images, color)._replace(work=images.work + images.size)


def _as_color(value: Value) -> int:
    if type(value) is not int:
        raise _Unknown
    return value


def _as_places(values: Collection[Value]) -> list[_Index]:
    pairs = integer_pairs(values)
    if pairs is None:
        raise _Unknown
    return pairs


def _union_of_copies(copies: _Copies) -> Iterable[Value]:
    color, pattern, places = copies
    indices = _sums(pattern, places)
    return indices if color is None else zip(repeat(color), indices)


def _sums(pattern: Collection[_Index], places: Collection[_Index]) -> Iterable[_Index]:
    """Return the sums of an index of the pattern and a place, not empty, each once or more."""
    few, many = sorted((pattern, places), key=len)
    if not few or len(few) * len(many) <= _FEW_COPIES:
        return [(i + k, j + m) for k, m in few for i, j in many]
    (top, left, height, width), (few_top, few_left, few_height, few_width) = _box(many), _box(few)
    rows, columns = height + few_height - 1, width + few_width - 1
    if rows * columns > _MAX_BITS:
        return [(i + k, j + m) for k, m in few for i, j in many]
    bits = bytearray(b"0" * (height * columns))
    for i, j in many:
        bits[(top - i) * columns + left - j - 1] = _SET
    union, mask = 0, int(bits, 2)
    for i, j in few:
        union |= mask << ((i - few_top) * columns + j - few_left)
    top, left = top + few_top, left + few_left
    flags = bin(union)[:1:-1].encode().translate(_FLAGS)
    return compress(product(range(top, top + rows), range(left, left + columns)), flags)


def _box(indices: Collection[_Index]) -> tuple[int, int, int, int]:
    """Return the first row, the first column, the height and the width."""
    rows, columns = zip(*indices, strict=True)
    top, left = min(rows), min(columns)
    return top, left, max(rows) - top + 1, max(columns) - left + 1
