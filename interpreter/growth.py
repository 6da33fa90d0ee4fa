"""How large the results of calls can be, counted as trees, without looking at every one.

Values share parts: `x2 = combine(x1, x1)`, line after line, is a tree of 2^k nodes in few objects, and hashing or
comparing it takes 2^k steps. So the weight of every line's value is bounded. Weighing takes about 20 ns a node, as
much as many primitives; so the results of primitives that only rearrange their arguments are not weighed while a bound
that follows from the arguments' bounds suffices. The verdict is that of the exact weight either way.
"""

from itertools import chain
from typing import Any, NamedTuple

from interpreter.signatures import SIGNATURES
from interpreter.work import SizeExceeded

_CONTAINERS = frozenset({tuple, frozenset})
_SLACK = 32

# A part of an argument occurs at most once in the result, or twice counting the rows of a transposed grid.
_REARRANGING = (
    *("identity", "branch", "both", "either", "astuple", "pair"),
    *("combine", "intersection", "difference", "dedupe", "order", "merge", "initset", "insert", "remove", "totuple"),
    *("other", "first", "last", "sfilter", "mfilter", "extract", "argmax", "argmin", "mostcommon", "leastcommon"),
    *("sizefilter", "colorfilter", "rot90", "rot180", "rot270", "hmirror", "vmirror", "dmirror", "cmirror"),
    *("crop", "subgrid", "trim", "tophalf", "bottomhalf", "lefthalf", "righthalf", "compress", "downscale"),
    *("hconcat", "vconcat", "cellwise", "replace", "switch", "fill", "paint", "underfill", "underpaint"),
    *("recolor", "toindices", "shift", "normalize"),
)
# Every cell of the grid gives at most two cells (colour, (row, column)), each perhaps in a set of its own.
_TAKING_APART = ("asindices", "asobject", "ofcolor", "objects", "partition", "fgpartition", "frontiers", "toobject")


class Growth(NamedTuple):
    """How a primitive's result grows with its arguments.

    Attributes:
        factor: the result weighs at most this many times what the arguments weigh together.
        repeated: positions of arguments that may occur many times in the result; the factor holds if these are single
            nodes.
    """

    factor: int
    repeated: tuple[int, ...]

    def bound(self, weights: list[int]) -> int | None:
        """Return an upper bound on the result's weight, given those of the arguments; None where there is none."""
        for position in self.repeated:
            if weights[position] > 1:
                return None
        return self.factor * sum(weights) + _SLACK


GROWTH: dict[str, Growth] = {
    name: Growth(factor, tuple(k for k, p in enumerate(SIGNATURES[name].parameters) if p.type == "Integer"))
    for factor, names in ((2, _REARRANGING), (12, _TAKING_APART))
    for name in names
}
"""The primitives that only rearrange their arguments."""


def weigh(value: Any, max_weight: int) -> int:
    """Return the number of nodes of `value` as a tree.

    Raises:
        SizeExceeded: more nodes than allowed.
    """
    if type(value) not in _CONTAINERS:
        return 1
    weight = 1
    level: list[Any] = [value]
    while level:
        weight += sum(map(len, level))
        if weight > max_weight:
            raise SizeExceeded(f"value of more than {max_weight} nodes")
        children = list(chain.from_iterable(level))
        kinds = set(map(type, children))
        if kinds.isdisjoint(_CONTAINERS):
            return weight
        level = children if kinds <= _CONTAINERS else [child for child in children if type(child) in _CONTAINERS]
    return weight
