"""The calls made on one grid: every distinct one is made once.

Calls are keyed by the ids of the callee and of the arguments, and equal values have one id, so calls meet however
their arguments came about. A failed call is kept like any other.
"""

from functools import cache
from typing import Any

from interpreter.execution.machine import OUT_OF_MEMORY, UNDEFINED, Failure, Machine
from interpreter.execution.output import finish
from interpreter.language.limits import Limits, Mode
from interpreter.language.outcome import Grid, Outcome, Status
from interpreter.language.slots import INPUT_SLOT
from interpreter.primitives.lazy_cells import LazyCells

UNDEFINED_ID = 0
"""The id of what a line that was not run yet stands for; only in mode "codeit" may a line name itself."""

_ENTRY_NODES = 8
_LAZY_NODES = 512


Entry = tuple[int, int]
"""A call that did not fail: the id of its result, and its work."""


class CallTable:
    """Values and calls, with ids.

    Args:
        grid: the value of `I`.
        machine: makes the calls.
        max_nodes: about how many nodes of values the table is to keep; its user empties it when it is `full`.
    """

    def __init__(self, grid: Grid, machine: Machine, max_nodes: int) -> None:
        self._grid = grid
        self._machine = machine
        self._max_nodes = max_nodes
        self.clear()

    def clear(self) -> None:
        """Forget all calls and values; all ids but the fixed ones are void then."""
        values, weights, ids, fixed_ids = _fixed(self._machine.limits.mode)
        self._values, self._weights, self._ids = [*values], [*weights], ids.copy()
        self._calls: dict[tuple[int, ...], Entry | Failure] = {}
        # By id of the last line's value: half of the outputs of a batch are the same again.
        self._outcomes: dict[int, Outcome] = {}
        self._nodes = 0
        # Ids of values that are not built, and those of the same values built, or None as long as nobody needed them.
        self._lazy: dict[int, int | None] = {}
        self._fixed_ids = [*fixed_ids, self.add_grid(self._grid)]

    @property
    def nodes(self) -> int:
        """About how many nodes of values the table keeps."""
        return self._nodes

    @property
    def full(self) -> bool:
        """Whether the table keeps more than it should."""
        return self._nodes > self._max_nodes

    def fixed_ids(self) -> list[int]:
        """Return the ids of what needs no call: primitives, constants and the grid, by slot."""
        return self._fixed_ids.copy()

    def add_grid(self, grid: Grid) -> int:
        """Return the id of another grid, which calls may then take too."""
        return self._intern(grid, 1 + len(grid) + sum(map(len, grid)))

    def value(self, number: int) -> Any:
        """Return the value that an id stands for."""
        return self._values[self._built(number) if number in self._lazy else number]

    def call(self, key: tuple[int, ...]) -> int | None:
        """Make a call given as the ids of the callee and of the arguments, within `Machine.metered`.

        Returns:
            The id of the result; None if the call fails.

        Raises:
            MemoryError: memory ran out; the table is empty now and all ids are void.
        """
        entry = self.look_up(key)
        if not isinstance(entry, Failure):
            return entry[0]
        if entry.status is Status.DIED:
            raise MemoryError(entry.reason)
        return None

    def look_up(self, key: tuple[int, ...]) -> Entry | Failure:
        """Return what a call gives, as `call` takes it; if memory ran out, the table is empty now."""
        return self._calls.get(key) or self._make(key)  # no entry is false: both kinds are tuples with elements

    def _make(self, key: tuple[int, ...]) -> Entry | Failure:
        if not self._lazy.keys().isdisjoint(key):
            try:
                built = self._with_built_arguments(key)
            except MemoryError:
                self.clear()
                return OUT_OF_MEMORY
            if built != key:
                entry = self.look_up(built)
                if entry is not OUT_OF_MEMORY:  # else the table was emptied, and the ids in `key` are void
                    self._calls[key] = entry
                return entry
        values, weights = self._values, self._weights
        function, *arguments = [values[k] for k in key]
        function = self._machine.lazy_variants.get(function, function)
        result = self._machine.call(function, arguments, [weights[k] for k in key])
        if isinstance(result, Failure):
            if result is OUT_OF_MEMORY:  # no property of the call
                self.clear()
            else:
                self._calls[key] = result
                self._nodes += _ENTRY_NODES
            return result
        value, work, weight = result
        number = self._intern(value, weight)
        if isinstance(value, LazyCells):
            self._lazy.setdefault(number, None)
            self._nodes += _LAZY_NODES
        else:
            # Both are upper bounds on what the call has allocated.
            self._nodes += (weight if weight < work else work) + _ENTRY_NODES
        entry = self._calls[key] = number, work
        return entry

    def _with_built_arguments(self, key: tuple[int, ...]) -> tuple[int, ...]:
        """Return a call's key with built values for lazy ones, but for one that the callee takes as it is."""
        taking = self._machine.takes_lazy.get(self._values[key[0]])
        return tuple([self._built(k) if k in self._lazy and n - 1 != taking else k for n, k in enumerate(key)])

    def _built(self, number: int) -> int:
        """Return the id of a built value, given that of the lazy one."""
        built = self._lazy[number]
        if built is None:
            weight = self._weights[number]
            built = self._lazy[number] = self._intern(self._values[number].built(), weight)
            self._nodes += weight
        return built

    def _intern(self, value: Any, weight: int) -> int:
        if type(value) is bool:
            value = int(value)  # True equals 1 and gets its id, and the primitives' fast paths are for plain integers
        # One look-up: hashing a grid takes as long as many a call.
        number = self._ids.setdefault(value, len(self._values))
        if number == len(self._values):
            # The first weight stays: any upper bound leads to the same verdicts (`execution.size_bounds`).
            self._values.append(value)
            self._weights.append(weight)
        return number

    def outcome(self, value: int, work: int) -> Outcome:
        """Return the outcome of a program whose last line gave the value with this id."""
        outcome = self._outcomes.get(value)
        if outcome is None:
            outcome = self._outcomes[value] = finish(self.value(value), 0, self._machine.limits.mode)
        return Outcome(outcome.status, outcome.grid, outcome.message, work)


@cache
def _fixed(mode: Mode) -> tuple[list[Any], list[int], dict[Any, int], list[int]]:
    """Return values and weights by id, ids by value, and ids by slot, of what all grids have in common."""
    machine = Machine(Limits(mode=mode))
    ids: dict[Any, int] = {UNDEFINED: UNDEFINED_ID}
    values = [int(value) if type(value) is bool else value for value in machine.values[:INPUT_SLOT]]
    fixed_ids = [ids.setdefault(value, len(ids)) for value in values]
    weights = dict(zip(fixed_ids, machine.weights, strict=False)) | {UNDEFINED_ID: 1}
    return list(ids), [weights[number] for number in range(len(ids))], ids, fixed_ids
