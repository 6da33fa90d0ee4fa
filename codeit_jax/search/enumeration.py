"""Searching a program for one task: values of growing size, until some call gives every wanted output.

A candidate is a call on *all* inputs together, a tuple of values. The size of a value is the number of calls in its
smallest expression; of several expressions with the same values on all inputs only the first is kept, since any program
goes on from it as from the others (observational equivalence). A program of this size has at most so many lines.

Every size has two passes. The first only asks which calls give the outputs, so that most candidates end with a call on
the smallest input; the second makes the values that larger sizes go on from, and finds the calls of the first in the
table. All calls of a task share one table (`interpreter.batch`), whichever input they were made on.
"""

import itertools
import math
from collections.abc import Iterator, Sequence

import interpreter
from codeit_jax.arc import Example
from codeit_jax.mutation.types import GRID
from codeit_jax.search.bank import Bank, Entry, compositions, to_program
from codeit_jax.search.budget import Budget, BudgetSpent, Spending
from codeit_jax.search.functions import built_type, primitive_types
from codeit_jax.search.grammar import Production, constants_for, productions
from interpreter.batch import CallTable
from interpreter.inference import type_name
from interpreter.machine import Machine
from interpreter.program import FIXED_NAMES, INPUT_SLOT

MAX_PROGRAMS = 3
"""Programs returned for a task at most: as many as pass@3 looks at."""

MAX_NODES = 8_000_000
"""About how many nodes of values a search keeps before it ends; a node is about 30 bytes."""

# One slow call must not eat a task's share of a short budget.
LIMITS = interpreter.Limits(work_per_line=100_000, max_items=30_000)

_ENTRY_NODES = 10
_EMPTY: tuple[object, ...] = ((), frozenset())


class _MemorySpent(Exception):
    """The search has grown to MAX_NODES."""


def search_program(
    demonstrations: Sequence[Example],
    budget: Budget,
    max_lines: int,
    *,
    names: Sequence[str] = tuple(interpreter.SIGNATURES),
) -> list[interpreter.Program]:
    """Search programs that reproduce all demonstrations.

    Args:
        demonstrations: inputs and wanted outputs.
        budget: when to end without having tried everything; by calls the result depends on nothing else.
        max_lines: the largest size of a program.
        names: the primitives to use.

    Returns:
        Up to MAX_PROGRAMS programs of the smallest size that has any, in the order of finding.
    """
    search = _Search(demonstrations, budget.start(), names)
    try:
        for size in range(1, max_lines + 1):
            search.find(size)
            if search.found or size == max_lines:
                break
            search.grow(size)
    except (BudgetSpent, _MemorySpent, MemoryError):
        pass
    return list(search.found.values())[:MAX_PROGRAMS]


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
        self._goal = tuple(self._table.add_grid(example.output) for example in examples)
        known = productions(names)
        self._goal_productions = [production for production in known if production.may_give_grid]
        self._value_productions = [production for production in known if not production.builds_function]
        self._function_productions = [production for production in known if production.builds_function]
        self._bank = Bank(frozenset(pool for production in known for pool in production.pools))
        self._types: dict[int, str | None] = {}
        self.found: dict[str, interpreter.Program] = {}
        self._add_names(constants_for(examples), names)

    def find(self, size: int) -> None:
        """Look for programs of a size."""
        with self._machine.metered():
            for production, arguments in self._candidates(self._goal_productions, size):
                if self._ids(production, arguments, self._goal) is not None:
                    program = to_program(Entry(self._goal, production.callee, arguments))
                    self.found.setdefault(str(program), program)
                    if len(self.found) == MAX_PROGRAMS:
                        return

    def grow(self, size: int) -> None:
        """Add the values of a size to the bank, and the functions of the size before.

        A call that takes a function also takes a container, which is a call itself. So a function is of no use in
        the next larger calls, and waits.
        """
        with self._machine.metered():
            for production, arguments in self._candidates(self._value_productions, size):
                ids = self._ids(production, arguments)
                if ids is not None:
                    self._keep_value(production, arguments, ids, size)
            for production, arguments in self._candidates(self._function_productions, size - 1):
                ids = self._ids(production, arguments)
                if ids is not None:
                    self._keep_function(production, arguments, ids, size - 1)

    def _add_names(self, constants: Sequence[str], primitives: Sequence[str]) -> None:
        self._bank.add(GRID, Entry(self._inputs, INPUT_SLOT), 0)
        for name in constants:
            value = interpreter.CONSTANTS[name]
            self._bank.add(type_name(value) or "", self._entry(name, is_constant=True), 0)
        for name, function in primitive_types().items():
            if name in primitives:
                self._bank.add("", self._entry(name, function=function), 0)

    def _entry(self, name: str, **properties: object) -> Entry:
        slot = FIXED_NAMES.index(name)
        return Entry((self._fixed[slot],) * len(self._inputs), slot, **properties)  # type: ignore[arg-type]

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

    def _ids(
        self, production: Production, arguments: tuple[Entry, ...], wanted: tuple[int, ...] | None = None
    ) -> tuple[int, ...] | None:
        """Make a call on every input; None as soon as it fails or doesn't give what is wanted."""
        if self._table.nodes + _ENTRY_NODES * len(self._bank) > MAX_NODES:
            raise _MemorySpent
        callee, call, spend_call = self._fixed[production.callee], self._table.call, self._spending.spend_call
        ids: list[int] = []
        for number in range(len(self._inputs)):
            spend_call()
            result = call((callee, *[argument.ids[number] for argument in arguments]))
            if result is None or (wanted is not None and result != wanted[number]):
                return None
            ids.append(result)
        return tuple(ids)

    def _keep_value(
        self, production: Production, arguments: tuple[Entry, ...], ids: tuple[int, ...], size: int
    ) -> None:
        kind = self._type(production, ids)
        if kind is not None and not self._bank.knows(kind, ids):
            self._bank.add(kind, Entry(ids, production.callee, arguments), size)

    def _keep_function(
        self, production: Production, arguments: tuple[Entry, ...], ids: tuple[int, ...], size: int
    ) -> None:
        first, second = (argument.function for argument in arguments)
        assert first is not None
        function = built_type(production.name, first, second)
        self._bank.add("", Entry(ids, production.callee, arguments, function=function), size)

    def _type(self, production: Production, ids: tuple[int, ...]) -> str | None:
        """Return the type on the first input on which the value isn't an empty container; None without a type."""
        if production.results == {"Boolean"}:
            return "Boolean"  # truth values are integers in the table
        types = [self._type_of(number) for number in ids]
        if None in types:
            return None
        telling = (kind for number, kind in zip(ids, types, strict=True) if self._table.value(number) not in _EMPTY)
        return next(telling, types[0])

    def _type_of(self, number: int) -> str | None:
        if number not in self._types:
            self._types[number] = type_name(self._table.value(number))
        return self._types[number]
