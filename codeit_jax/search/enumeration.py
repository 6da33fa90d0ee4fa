"""Searching a program for one task: values of growing size, until some call gives every wanted output.

A candidate is a call on *all* inputs together, a tuple of values. The size of a value is the number of calls in its
smallest expression; of several expressions with the same values on all inputs only the first is kept, since any program
goes on from it as from the others (observational equivalence). A program of this size has at most so many lines.

Every size has two passes. The first only asks which calls give the outputs: most candidates end with a call on the
smallest input, and nothing is kept, since it would soon fill the memory. The second makes the values that larger sizes
go on from; its calls share one table (`interpreter.execution.call_table`), whichever input they are made on.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import interpreter
from codeit_jax.arc import Example
from codeit_jax.search.bank import Bank, Entry, compositions, to_program
from codeit_jax.search.budget import Budget, BudgetSpent, Spending
from codeit_jax.search.functions import built_type, primitive_types
from codeit_jax.search.grammar import Production, constants_for, productions
from interpreter.execution.call_table import CallTable
from interpreter.execution.machine import Failure, Machine
from interpreter.execution.size_bounds import tree_size
from interpreter.execution.type_inference import type_name
from interpreter.language.outcome import Status
from interpreter.language.slots import FIXED_NAMES, INPUT_SLOT
from interpreter.language.type_names import CONTAINER, GRID

MAX_PROGRAMS = 3
"""Programs returned for a task at most: as many as pass@3 looks at."""

MAX_NODES = 8_000_000
"""About how many nodes of values a search keeps before it grows no more; a node is about 30 bytes."""

# One slow call must not eat a task's share of a short budget, nor large values the memory. The largest grid is 3,601
# nodes as an object.
LIMITS = interpreter.Limits(work_per_line=100_000, max_items=5_000)

_ENTRY_NODES = 20
_PRIMITIVE_WEIGHT = 1
_EMPTY: tuple[object, ...] = ((), frozenset())


class SearchResult(NamedTuple):
    """What a search came to.

    Attributes:
        programs: up to MAX_PROGRAMS that reproduce all demonstrations, of the smallest size that has any, in the order
            of finding.
        tried: programs tried; what is only a part of larger ones counts, too.
        is_complete: it ended before its budget, with programs or with nothing left to try.
    """

    programs: list[interpreter.Program]
    tried: int
    is_complete: bool


def search_program(
    demonstrations: Sequence[Example],
    budget: Budget,
    max_lines: int,
    *,
    names: Sequence[str] = tuple(interpreter.SIGNATURES),
) -> SearchResult:
    """Search programs that reproduce all demonstrations.

    Args:
        demonstrations: inputs and wanted outputs.
        budget: when to end without having tried everything; by programs the result depends on nothing else.
        max_lines: the largest size of a program.
        names: the primitives to use.
    """
    spending, is_complete = budget.start(), True
    search = _Search(demonstrations, spending, names)
    try:
        for size in range(1, max_lines + 1):
            search.find(size)
            if search.found or size == max_lines:
                break
            search.grow(size)
    except BudgetSpent:
        is_complete = False
    except MemoryError:
        pass
    return SearchResult(list(search.found.values())[:MAX_PROGRAMS], spending.programs, is_complete)


class _Search:
    """The state of a search.

    Attributes:
        found: programs that reproduce all demonstrations, by text.
    """

    def __init__(self, demonstrations: Sequence[Example], spending: Spending, names: Sequence[str]) -> None:
        examples = sorted(demonstrations, key=lambda example: len(example.input) * len(example.input[0]))
        self._spending = spending
        self._machine = Machine(LIMITS)
        self._table = CallTable(examples[0].input, self._machine, MAX_NODES)
        self._fixed = self._table.fixed_ids()
        self._inputs = tuple(self._table.add_grid(example.input) for example in examples)
        self._goal = tuple(example.output for example in examples)
        known = productions(names)
        self._goal_productions = [production for production in known if production.may_give_grid]
        self._value_productions = [production for production in known if not production.builds_function]
        self._function_productions = [production for production in known if production.builds_function]
        self._bank = Bank(frozenset(pool for production in known for pool in production.pools))
        self._types: dict[int, str | None] = {}
        self._weights: dict[int, int] = {}
        self.found: dict[str, interpreter.Program] = {}
        self._add_names(constants_for(examples), names)

    def find(self, size: int) -> None:
        """Look for programs of a size."""
        with self._machine.metered:
            for production, arguments in self._candidates(self._goal_productions, size):
                if self._gives_goal(production, arguments):
                    program = to_program(Entry((), production.callee, arguments))
                    self.found.setdefault(str(program), program)
                    if len(self.found) == MAX_PROGRAMS:
                        return

    def grow(self, size: int) -> None:
        """Add the values of a size to the bank, and the functions of the size before.

        A call that takes a function also takes a container, which is a call itself. So a function is of no use in
        the next larger calls, and waits. When the memory is full, what is there has to do for all larger sizes.
        """
        if self._is_full:
            return
        with self._machine.metered:
            for production, arguments in self._candidates(self._value_productions, size):
                ids = self._ids(production, arguments)
                if ids is not None:
                    self._keep_value(production, arguments, ids, size)
                if self._is_full:
                    return
            for production, arguments in self._candidates(self._function_productions, size - 1):
                ids = self._ids(production, arguments)
                if ids is not None:
                    self._keep_function(production, arguments, ids, size - 1)
                if self._is_full:
                    return

    def _add_names(self, constants: Sequence[str], primitives: Sequence[str]) -> None:
        self._bank.add(GRID, self._entry(self._inputs, INPUT_SLOT), 0)
        for name in constants:
            value = interpreter.CONSTANTS[name]
            self._bank.add(type_name(value) or "", self._named(name, is_constant=True), 0)
        for name, function in primitive_types().items():
            if name in primitives:
                self._bank.add("", self._named(name, function=function), 0)

    def _named(self, name: str, **properties: Any) -> Entry:
        slot = FIXED_NAMES.index(name)
        return self._entry((self._fixed[slot],) * len(self._inputs), slot, **properties)

    def _entry(self, ids: tuple[int, ...], slot: int, arguments: tuple[Entry, ...] = (), **properties: Any) -> Entry:
        values, weights = tuple(map(self._table.value, ids)), tuple(map(self._weight, ids))
        return Entry(ids, slot, arguments, values, weights, **properties)

    def _candidates(self, chosen: Sequence[Production], size: int) -> Iterator[tuple[Production, tuple[Entry, ...]]]:
        """Yield the calls of a size, those of productions with few calls first.

        Calls of constants only are left out: there are too many, and what they give is the same for every task.
        """
        choices = [
            (math.prod(map(len, pools)), number, pools)
            for number, production in enumerate(chosen)
            for sizes in compositions(size - 1, len(production.pools))
            if all(pools := [self._bank.pool(*key) for key in zip(production.pools, sizes, strict=True)])
        ]
        for _, number, pools in sorted(choices, key=lambda choice: choice[:2]):
            for arguments in itertools.product(*pools):
                if not all(argument.is_constant for argument in arguments):
                    yield chosen[number], arguments

    def _gives_goal(self, production: Production, arguments: tuple[Entry, ...]) -> bool:
        """Tell whether a call gives the wanted output on every input; nothing is kept of it."""
        self._spending.spend_program()
        primitive = self._table.value(self._fixed[production.callee])
        for number, goal in enumerate(self._goal):
            values = [argument.values[number] for argument in arguments]
            weights = [_PRIMITIVE_WEIGHT, *[argument.weights[number] for argument in arguments]]
            result = self._machine.call(primitive, values, weights)
            if isinstance(result, Failure):
                if result.status is Status.DIED:
                    raise MemoryError(result.reason)
                return False
            if result[0] != goal:
                return False
        return True

    def _ids(self, production: Production, arguments: tuple[Entry, ...]) -> tuple[int, ...] | None:
        """Make a call on every input; None as soon as it fails."""
        self._spending.spend_program()
        callee, call = self._fixed[production.callee], self._table.call
        ids: list[int] = []
        for number in range(len(self._inputs)):
            result = call((callee, *[argument.ids[number] for argument in arguments]))
            if result is None:
                return None
            ids.append(result)
        return tuple(ids)

    @property
    def _is_full(self) -> bool:
        return self._table.nodes + _ENTRY_NODES * len(self._bank) > MAX_NODES

    def _weight(self, number: int) -> int:
        if number not in self._weights:
            self._weights[number] = tree_size(self._table.value(number), LIMITS.max_items)
        return self._weights[number]

    def _keep_value(
        self, production: Production, arguments: tuple[Entry, ...], ids: tuple[int, ...], size: int
    ) -> None:
        kind = self._type(production, ids)
        if kind is not None and not self._bank.knows(kind, ids):
            self._bank.add(kind, self._entry(ids, production.callee, arguments), size)

    def _keep_function(
        self, production: Production, arguments: tuple[Entry, ...], ids: tuple[int, ...], size: int
    ) -> None:
        first, second = (argument.function for argument in arguments)
        assert first is not None
        function = built_type(production.name, first, second)
        self._bank.add("", self._entry(ids, production.callee, arguments, function=function), size)

    def _type(self, production: Production, ids: tuple[int, ...]) -> str | None:
        """Return what the call is known to give, else the type on the first input on which it gives no empty
        container; None without a type."""
        if len(production.results) == 1 and CONTAINER not in production.results:
            return next(iter(production.results))  # truth values, for one, are integers in the table
        types = [self._type_of(number) for number in ids]
        if None in types:
            return None
        telling = (kind for number, kind in zip(ids, types, strict=True) if self._table.value(number) not in _EMPTY)
        return next(telling, types[0])

    def _type_of(self, number: int) -> str | None:
        if number not in self._types:
            self._types[number] = type_name(self._table.value(number))
        return self._types[number]
