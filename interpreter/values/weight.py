"""The logical size of nested values: what hashing, comparing or ordering them can cost.

Sharing makes a nested value cheap to build and exponentially dear to walk (a pair of a pair of a pair ...), so
every primitive that can nest values weighs what it is about to nest. Weighing costs more than most primitives. So
where one call adds one level, it is left out unless many such calls can follow one another within a line: inside a
long closure, or inside a function mapped by a mapped function. What a line as a whole gives is the machine's to
weigh.

Hashing and comparing walk a value again and again: a tuple keeps no hash, and equal ones need not be the same. A call
may walk its arguments once for the units that it charges anyway. What can make it many calls, or many tuples that share
what they hold, charges for what is walked: a bound value in each call, a set of such tuples when it is made.
"""

from collections.abc import Collection
from itertools import chain

from interpreter.values.meter import METER, SizeExceeded, charge
from interpreter.values.order import Value

_ONE_MAPPING = 16  # frames of a higher-order primitive and of the short closure that it calls
_CONTAINERS = {tuple, frozenset}
_NUMBERS = {int, bool}
_NODES_PAID = 8
NODES_WALKED_A_UNIT = 32
"""So many nodes are hashed, compared or weighed in the time that a unit stands for; it takes half a microsecond."""


def charge_tree_size(values: Collection[Value], copies: int = 1) -> None:
    """Charge the elements inside `values`, at every level and as often as they occur, times `copies`.

    Raises:
        SizeExceeded: more elements than one container may hold, or nested too deeply.
        WorkExceeded: the budget is used up.
    """
    charge(_num_nodes(values, METER.left, copies))


def _num_nodes(values: Collection[Value], most: float, copies: int = 1) -> int:
    """Count the elements inside `values` as `charge_tree_size` does; beyond `most`, some number beyond."""
    level: Collection[Value] = values
    total = 0
    for _ in range(METER.max_nesting):
        kinds = set(map(type, level))
        if kinds.isdisjoint(_CONTAINERS):
            return total
        containers = level if kinds <= _CONTAINERS else [value for value in level if type(value) in _CONTAINERS]
        total += copies * sum(map(len, containers))
        # Stopped before the next level is listed: it has as many elements as were just added.
        if total > METER.max_items:
            raise SizeExceeded(f"{total} nested elements, at most {METER.max_items}")
        if total > most:
            return total
        try:
            sum(chain.from_iterable(containers))
            return total  # nothing but numbers can be added to a number; half as long as asking for the types of a list
        except TypeError:
            level = list(chain.from_iterable(containers))
    raise SizeExceeded(f"nested more than {METER.max_nesting} levels deep")


def walking_units(values: Collection[Value]) -> int:
    """Return what hashing or comparing these values costs beyond the units that their number stands for.

    Raises:
        SizeExceeded: as `charge_tree_size`.
    """
    paid = _NODES_PAID * len(values)
    nodes = _num_nodes(values, paid + NODES_WALKED_A_UNIT * METER.left)
    return (nodes - paid) // NODES_WALKED_A_UNIT if nodes > paid else 0


def charge_walking(values: Collection[Value], copies: int = 1) -> None:
    """Charge for walking these values `copies` times, beyond the units that are charged for them; fails as weighing."""
    if copies:
        charge(copies * walking_units(values))


def bound_units(value: Value) -> int:
    """Charge for binding a value in a function, and return what each call of it costs: it may walk the value."""
    # Mapped functions bind thousands of objects; to weigh each would take a fiftieth of the time of all programs.
    if type(value) not in _CONTAINERS or (METER.depth and type(value) is frozenset):
        return 1
    if _NUMBERS.issuperset(map(type, value)):
        return 1
    units = walking_units(value)
    charge(units)
    return 1 + units


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
