"""The calls made on one grid: every distinct one is made once.

Calls are keyed by the ids of the callee and of the arguments, and equal values have one id, so calls meet however
their arguments came about. A failed call is kept like any other.
"""

from functools import cache
from typing import Any

from interpreter.limits import Limits, Mode
from interpreter.machine import UNDEFINED, Failure, Machine, finish
from interpreter.outcome import Grid, Outcome, Status

UNDEFINED_ID = 0
"""The id of what a line that was not run yet stands for; only in mode "codeit" may a line name itself."""

_ENTRY_NODES = 8


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
        self._outcomes: dict[int, Outcome] = {}
        self._nodes = 0
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
        return self._values[number]

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
        return self._calls.get(key) or self._make(key)

    def _make(self, key: tuple[int, ...]) -> Entry | Failure:
        callee, *arguments = key
        values, weights = self._values, self._weights
        result = self._machine.call(values[callee], [values[k] for k in arguments], [weights[k] for k in key])
        if isinstance(result, Failure):
            if result.status is Status.DIED:  # out of memory: no property of the call
                self.clear()
            else:
                self._calls[key] = result
                self._nodes += _ENTRY_NODES
            return result
        value, work, weight = result
        entry = self._calls[key] = self._intern(value, weight), work
        # Both are upper bounds on what the call has allocated.
        self._nodes += min(weight, work) + _ENTRY_NODES
        return entry

    def _intern(self, value: Any, weight: int) -> int:
        number = _intern(value, self._ids)
        if number == len(self._values):
            self._values.append(int(value) if type(value) is bool else value)
            self._weights.append(weight)
        return number

    def outcome(self, value: int, work: int) -> Outcome:
        """Return the outcome of a program whose last line gave the value with this id."""
        outcome = self._outcomes.get(value)
        if outcome is None:
            outcome = self._outcomes[value] = finish(self._values[value], 0, self._machine.limits.mode)
        return outcome._replace(work=work)


def _intern(value: Any, ids: dict[Any, int]) -> int:
    """Return the id of a value, the next free one if it is new."""
    # True equals 1 and gets its id: let 1 stand for both, since the primitives' fast paths are for plain integers.
    return ids.setdefault(int(value) if type(value) is bool else value, len(ids))


@cache
def _fixed(mode: Mode) -> tuple[list[Any], list[int], dict[Any, int], list[int]]:
    """Return values and weights by id, ids by value, and ids by slot, of what all grids have in common."""
    machine = Machine(Limits(mode=mode))
    ids: dict[Any, int] = {UNDEFINED: UNDEFINED_ID}
    fixed_ids = [_intern(value, ids) for value in machine.environment]
    weights = dict(zip(fixed_ids, machine.weights, strict=True)) | {UNDEFINED_ID: 1}
    return list(ids), [weights[number] for number in range(len(ids))], ids, fixed_ids
