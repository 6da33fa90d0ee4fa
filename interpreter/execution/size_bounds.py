"""How large the results of calls can be, counted as trees, without looking at every one.

Values share parts: `x2 = combine(x1, x1)`, line after line, is a tree of 2^k nodes in few objects, and hashing or
comparing it takes 2^k steps. So the weight of every line's value is bounded. Weighing takes about 20 ns a node, as
much as many primitives; so a result is not weighed while a bound suffices that follows from the weights of the
arguments and from the work that was charged. The verdict is that of the exact weight either way.
"""

import sys
from collections.abc import Collection, Sequence
from itertools import chain
from types import FunctionType
from typing import Any

from interpreter.language.signatures import SIGNATURES
from interpreter.values.meter import SizeExceeded, charge
from interpreter.values.weight import NODES_WALKED_A_UNIT

_CONTAINERS = frozenset({tuple, frozenset})

# A primitive's result weighs at most FACTORS[name] times what its arguments weigh, plus NODES_A_UNIT times its work,
# plus SLACK. A part of an argument occurs at most once in it, or twice counting the rows of a transposed grid; what
# occurs more often is charged as often (see `values.weight`), and so is a new index, which is three nodes.
_USUAL_FACTOR = 2
# These hold every part of an argument at most once, or charge for more, and for new indices and cells. Programs call
# many of them one after the other: with factor 2 the bound would double until every result must be weighed.
KEEPING = (
    *("asindices", "asobject", "ofcolor", "toobject", "toindices", "recolor", "shift", "normalize"),
    *("fill", "underfill", "paint", "underpaint", "replace", "switch", "crop", "subgrid"),
    *("hmirror", "vmirror", "hconcat", "vconcat", "identity", "branch"),
    *("combine", "merge", "difference", "intersection", "insert", "remove", "sfilter", "mfilter", "extract"),
)
NODES_A_UNIT = 4
SLACK = 32
# Every cell of the grid gives at most two cells (color, (row, column)), each perhaps in a set of its own.
_TAKING_APART = ("objects", "partition", "fgpartition", "frontiers")
# How often a part of the first argument is in the result: so many times multiplied by the second.
_UPSCALING = {"upscale": 2, "hupscale": 1, "vupscale": 1}
# Parts of arguments are repeated without a charge for what is inside them, or functions give the result.
_OTHERS = (
    *("product", "cover", "move", "valmax", "valmin"),
    *("apply", "rapply", "mapply", "papply", "mpapply", "prapply"),
)
FACTORS = {
    name: 12 if name in _TAKING_APART else 1 if name in KEEPING else _USUAL_FACTOR
    for name in SIGNATURES
    if name not in _OTHERS and name not in _UPSCALING
}

BUILDERS = ("compose", "chain", "fork", "lbind", "matcher", "rbind")
"""What makes a new closure whenever it is called, which weighs what it was given."""

CLOSURE_MAKERS = (
    *BUILDERS,
    *("power", "valmax", "valmin", "apply", "rapply", "mapply", "papply", "mpapply", "prapply"),
)
"""What makes closures, or calls functions that may and gives what they give."""

LIGHT = 1 << 17
"""So many nodes are hashed and weighed once a line, in a millisecond or two; what is heavier is charged for."""

NO_BOUND = 1 << 62
_LONG = 64  # closures may share parts as values do, and are walked as trees


def bound(function: Any, arguments: Sequence[Any], weights: Sequence[int], work: int) -> int:
    """Return an upper bound on the weight of what a call gave, beyond all limits where there is none.

    Args:
        function: the callee, a primitive or a closure.
        arguments: its arguments.
        weights: upper bounds on the weights of the callee and of the arguments; a closure's is that of all that its
            builders were given.
        work: the units that the call charged.
    """
    # Every bound is a sum of what the arguments weigh and what was charged: no result is looked at.
    charged = NODES_A_UNIT * work
    name = function.__dict__["builder"]
    # Without elements to repeat or to pair the other arguments may be anything.
    if name in _UPSCALING and not any(arguments[0]):
        return weights[1]
    if (name == "product" or name == "prapply") and not arguments[-1]:
        return 1
    if name == "product":
        a, b = arguments
        return 1 + len(a) * len(b) + weights[1] * len(b) + weights[2] * len(a)
    if name in _UPSCALING:
        times: int = max(arguments[1], 1) ** _UPSCALING[name]
        return 1 + weights[1] * times
    if name == "cover" or name == "move":
        return sum(weights) + weights[1] * len(arguments[1])  # the background color may be any value
    if name == "apply" or name == "mapply":
        mapped, container = arguments
        return 1 + _bound_of_all(mapped, weights[2], len(container), charged, weights[1])
    if name == "prapply":
        mapped, a, b = arguments
        both = weights[2] * len(b) + weights[3] * len(a)
        return 1 + _bound_of_all(mapped, both, len(a) * len(b), charged, weights[1])
    return _bound_of_all(function, sum(weights), 1, charged, weights[0])


def _bound_of_all(function: Any, weight: int, number: int, charged: int, fixed: int) -> int:
    """Bound the weight of all results of `number` calls together.

    Args:
        function: what is called.
        weight: of all arguments together.
        number: of calls.
        charged: nodes that the calls may have newly made.
        fixed: weight of what is fixed in the function.
    """
    if type(function) is not FunctionType or function.__dict__["length"] > _LONG:
        return NO_BOUND
    name, parts = function.__dict__["builder"], function.__dict__["parts"]
    if not parts:
        return FACTORS.get(name, NO_BOUND) * weight + charged + SLACK * number
    if name == "matcher":
        return number
    if name == "lbind" or name == "rbind":
        return _bound_of_all(parts[0], weight + number * fixed, number, charged, fixed)
    if name == "fork":
        outer, a, b = parts
        both = _bound_of_all(a, weight, number, charged, fixed) + _bound_of_all(b, weight, number, charged, fixed)
        return _bound_of_all(outer, both, number, charged, fixed)
    if name == "power":
        return NO_BOUND
    for part in reversed(parts):
        weight = _bound_of_all(part, weight, number, charged, fixed)
    return weight


def charged_weight(weight: int) -> int:
    """Charge for what every line walks of a heavy value, and return its weight."""
    if weight > LIGHT:
        charge(weight // NODES_WALKED_A_UNIT)
    return weight


def tree_size(value: Any, max_weight: int = sys.maxsize) -> int:
    """Return the number of nodes of `value` as a tree.

    Raises:
        SizeExceeded: more nodes than allowed.
    """
    if type(value) not in _CONTAINERS:
        return 1
    weight = 1
    level: Collection[Any] = (value,)
    while True:
        weight += sum(map(len, level))
        # Checked before the next level is walked, which may be as large as the square of this one.
        if weight > max_weight:
            raise SizeExceeded(f"value of more than {max_weight} nodes")
        try:
            sum(chain.from_iterable(level))
            return weight  # nothing but numbers can be added to a number; half as long as asking for their types
        except TypeError:
            level = [child for child in chain.from_iterable(level) if type(child) in _CONTAINERS]
