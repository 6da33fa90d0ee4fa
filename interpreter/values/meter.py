"""Deterministic work accounting: the units that a DSL call costs, and the sizes that it may reach.

One unit is about one container element visited or produced. The machine gives every line of a program a budget; a
primitive charges what it is about to do *before* it does it, so the verdict on a program never depends on the machine
or its load. The meter is one object per process because primitives must stay callable on plain values, without a
context argument.
"""

import math


class LimitExceeded(Exception):
    """Base of the two deterministic verdicts; no primitive may catch it."""


class WorkExceeded(LimitExceeded):
    """The line has used up its budget of work units."""


class SizeExceeded(LimitExceeded):
    """A value would grow beyond the allowed number of elements, or an integer beyond its magnitude."""


class Meter:
    """Work left for the running line, and the size bounds in force.

    Attributes:
        left: work units left; infinite outside the machine, where primitives are plain functions.
        max_items: most elements that one container may hold.
        max_integer: largest magnitude that an integer may have.
        depth: closures nested in the running higher-order calls, an upper bound on the frames that they use.
        compounding: running calls of closures long enough for the values that they nest to grow exponentially.
        max_depth: most closures that may be nested, whether by construction or by calling one another.
        max_nesting: most containers that may be nested in a value.
    """

    __slots__ = ("compounding", "depth", "left", "max_depth", "max_integer", "max_items", "max_nesting")

    def __init__(self) -> None:
        # Infinite outside the machine; inside it is an integer and stays one: no charge depends on floats.
        self.left: float = math.inf
        self.max_items: int = 1_000_000
        self.max_integer: int = 1 << 64
        self.compounding: int = 0
        self.depth: int = 0
        self.max_depth: int = 600
        self.max_nesting: int = 150


# One a process, so that primitives stay functions of plain values; two threads that run programs would mix charges.
METER = Meter()


def charge(units: int) -> None:
    """Take `units` from the running line's budget.

    Raises:
        WorkExceeded: the budget is used up.
    """
    # Taken even if it is too much: the line has failed, and what is left is set again before the next one.
    METER.left -= units
    if METER.left < 0:
        raise WorkExceeded


def reserve(items: int) -> None:
    """Charge for a container of `items` elements that is about to be allocated.

    Raises:
        SizeExceeded: more elements than one container may hold.
        WorkExceeded: the budget is used up.
    """
    # The size comes first: which of two limits is named must not depend on which was nearer.
    if items > METER.max_items:
        raise SizeExceeded(f"{items} elements, at most {METER.max_items}")
    METER.left -= items
    if METER.left < 0:
        raise WorkExceeded
