"""The logical size of nested values: what hashing, comparing or ordering them can cost.

Sharing makes a nested value cheap to build and exponentially dear to walk (a pair of a pair of a pair ...), so
every primitive that can nest values weighs what it is about to nest. Weighing costs more than most primitives. So
where one call adds one level, it is left out unless many such calls can follow one another within a line: inside a
long closure, or inside a function mapped by a mapped function. What a line as a whole gives is the machine's to
weigh.

Hashing and comparing walk a value again and again: a tuple keeps no hash, and equal ones need not be the same. The
unit that is charged for a value pays for some nodes. What is heavier is charged by weight: always where a call makes
many tuples that share what they hold; where it walks its arguments once, only if it can be one of many calls of a line.
"""

from collections.abc import Collection
from itertools import chain

from interpreter.values.meter import METER, SizeExceeded, charge
from interpreter.values.order import Value

_ONE_MAPPING = 16  # frames of a higher-order primitive and of the short closure that it calls
_CONTAINERS: set[type] = {tuple, frozenset}
_TUPLES: set[type] = {tuple}
NODES_WALKED_A_UNIT = 32
"""So many nodes are hashed, compared or weighed in the time that a unit stands for; it takes half a microsecond."""


def charge_tree_size(values: Collection[Value], copies: int = 1) -> None:
    """Charge the elements inside `values`, at every level and as often as they occur, times `copies`.

    Raises:
        SizeExceeded: more elements than one container may hold, or nested too deeply.
        WorkExceeded: the budget is used up.
    """
    charge(_num_nodes(values, METER.left, _CONTAINERS, copies))


def _num_nodes(values: Collection[Value], most: float, kinds_walked: set[type], copies: int = 1) -> int:
    """Count the elements inside `values` as `charge_tree_size` does; beyond `most`, some number beyond."""
    level: Collection[Value] = values
    total = 0
    for _ in range(METER.max_nesting):
        kinds = set(map(type, level))
        if kinds.isdisjoint(kinds_walked):
            return total
        containers = level if kinds <= kinds_walked else [value for value in level if type(value) in kinds_walked]
        total += copies * sum(map(len, containers))
        # Stopped before the next level is listed: it has as many elements as were just added.
        if total > METER.max_items:
            raise SizeExceeded(f"{total} nested elements, at most {METER.max_items}")
        if total > most:
            return total
        level = list(chain.from_iterable(containers))
    raise SizeExceeded(f"nested more than {METER.max_nesting} levels deep")


def charge_hashing(values: Collection[Value], copies: int = 1) -> None:
    """Charge for `copies` containers that hash each of the values; fails as weighing does."""
    if not copies:
        return
    charge_nested(values)
    # Sets keep their hashes, so that only tuples are walked.
    paid = NODES_WALKED_A_UNIT * len(values)
    nodes = _num_nodes(values, NODES_WALKED_A_UNIT * METER.left + paid, _TUPLES)
    if nodes > paid:
        charge(copies * (nodes - paid) // NODES_WALKED_A_UNIT)


def charge_hashing_again(values: Collection[Value]) -> None:
    """Charge for hashing values that a call was given, where it can be one of many; fails as weighing does."""
    if METER.depth or METER.compounding:
        charge_hashing(values)


def charge_comparing(value: Value, times: int = 1) -> None:
    """Charge for comparing a value with others, where that can be one of many calls; fails as weighing does."""
    if times and (METER.depth or METER.compounding) and type(value) in _CONTAINERS:
        charge(times * comparing_units(value))


def comparing_units(value: Value) -> int:
    """Return what comparing a container costs beyond a unit; fails as weighing does."""
    return _num_nodes((value,), NODES_WALKED_A_UNIT * METER.left, _CONTAINERS) // NODES_WALKED_A_UNIT


def nesting_compounds() -> bool:
    """Return whether values nested one level deeper must be weighed here (see the module's docstring)."""
    return METER.compounding > 0 or METER.depth > _ONE_MAPPING


def charge_nested(values: Collection[Value]) -> None:
    """Weigh values that a primitive nests one level deeper, where such calls may compound; fails as weighing does."""
    if nesting_compounds():
        charge_tree_size(values)


def reserve_copies(value: Value, copies: int) -> None:
    """Reserve room for `copies` references to `value`, with all that is inside it; fails as `charge_tree_size` does."""
    if copies > METER.max_items:
        raise SizeExceeded(f"{copies} elements, at most {METER.max_items}")
    charge(max(copies, 0))
    if type(value) is not int and copies > 0:
        charge_tree_size((value,), copies)
