"""Searching a program for one task: values of growing size, until some call gives every expected output.

A candidate is a call on *all* inputs together, a tuple of values. The size of a value is the number of calls in its
smallest expression; of several expressions with the same values on all inputs only the first is kept, since whatever is
built on the others can be built on it (observational equivalence). A program of a size has at most that many lines.

Every size has two passes. The first only asks which calls give the outputs: most candidates fail on the smallest input
already, and nothing is kept, since that would soon fill the memory. The second makes the values that larger sizes build
on; its calls share one table (`interpreter.execution.call_table`), whichever input they belong to.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import interpreter
from codeit_jax.arc import Example, area
from codeit_jax.search.bank import Bank, Entry, compositions, to_program
from codeit_jax.search.budget import Budget, BudgetSpent, Spending
from codeit_jax.search.function_types import built_type, primitive_types
from codeit_jax.search.productions import Production, constants_for, productions
from interpreter.execution.call_table import CallTable
from interpreter.execution.machine import Failure, Machine
from interpreter.execution.size_bounds import tree_size
from interpreter.execution.type_inference import type_name
from interpreter.language.outcome import Status
from interpreter.language.slots import FIXED_NAMES, INPUT_SLOT
from interpreter.language.type_names import CONTAINER, GRID

MAX_PROGRAMS = 3
"""At most this many programs are returned for a task: as many as pass@3 looks at."""

MAX_NODES = 8_000_000
"""Nodes of values, approximately, after which a search keeps no more; a node takes about 30 bytes."""

# One slow call must not eat a task's share of a short budget, nor large values the memory. The largest grid is 3,601
# nodes as an object, so every object of a task passes.
LIMITS = interpreter.Limits(work_per_line=100_000, max_items=5_000)
"""Limits of each call, lower than a program's elsewhere."""

# What an Entry costs beside its values, in nodes.
_ENTRY_NODES = 20
_PRIMITIVE_WEIGHT = 1
_EMPTY: tuple[object, ...] = ((), frozenset())


class SearchResult(NamedTuple):
    """Result of a search.

    Attributes:
        programs: up to MAX_PROGRAMS that reproduce all demonstrations, of the smallest size that has any, in the order
            of finding.
        tried: programs tried, those that are only parts of larger ones included.
        is_complete: whether it ended within its budget, with programs or with nothing left to try.
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
        demonstrations: inputs and expected outputs.
        budget: when to end without having tried everything; by programs the result is the same on every machine.
        max_lines: the largest size of a program.
        names: the primitives to use.
    """
    spending, is_complete = budget.start(), True
    search = _Search(demonstrations, spending, names)
    try:
        for size in range(1, max_lines + 1):
            search.find(size)
            # The last size needs no values to build on.
            if search.found or size == max_lines:
                break
            search.grow(size)
    except BudgetSpent:
        is_complete = False
    # As complete as it gets: with more budget the same memory would run out at the same place.
    except MemoryError:
        pass
    return SearchResult(list(search.found.values())[:MAX_PROGRAMS], spending.programs, is_complete)


class _Search:
    """The state of a search.

    Attributes:
        found: programs that reproduce all demonstrations, by text.
    """

    def __init__(self, demonstrations: Sequence[Example], spending: Spending, names: Sequence[str]) -> None:
        # The smallest input first: most calls fail or differ there, at the least cost.
        examples = sorted(demonstrations, key=lambda example: area(example.input))
        self._spending = spending
        self._machine = Machine(LIMITS)
        # One table for all inputs: calls on constants or on equal values are made once, whichever input asks.
        self._table = CallTable(examples[0].input, self._machine, MAX_NODES)
        self._fixed = self._table.fixed_ids()
        self._inputs = tuple(self._table.add_grid(example.input) for example in examples)
        self._goal = tuple(example.output for example in examples)
        known = productions(names)
        self._goal_productions = [production for production in known if production.may_give_grid]
        self._value_productions = [production for production in known if not production.builds_function]
        self._function_productions = [production for production in known if production.builds_function]
        self._bank = Bank(frozenset(domain for production in known for domain in production.domains))
        # By id of the call table: a value's type and size are asked for again with every call that gives it.
        self._types: dict[int, str | None] = {}
        self._weights: dict[int, int] = {}
        self.found: dict[str, interpreter.Program] = {}
        self._add_names(constants_for(examples), names)

    def find(self, size: int) -> None:
        """Look for programs of a size."""
        with self._machine.metered:
            for production, arguments in self._candidates(self._goal_productions, size):
                if self._gives_goal(production, arguments):
                    # By text: the productions of a primitive overlap, so two calls can be the same program.
                    program = to_program(Entry((), production.callee, arguments))
                    self.found.setdefault(str(program), program)
                    if len(self.found) == MAX_PROGRAMS:
                        return

    def grow(self, size: int) -> None:
        """Add the values of a size to the bank, and the functions of the size before.

        When the memory is full, what is there has to be enough for all larger sizes.
        """
        if self._is_full:
            return
        # A call that takes a function also takes a container, which is a call itself (`_NOT_MAPPED_OVER`). So a
        # function of this size is of no use in the calls of the next one, and waits for the one after.
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
        # Size 0: a name is no call. The input first, so that no constant takes its place.
        self._bank.add(GRID, self._entry(self._inputs, INPUT_SLOT), 0)
        for name in constants:
            value = interpreter.CONSTANTS[name]
            self._bank.add(type_name(value) or "", self._named(name, constant=True), 0)
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

        Calls on constants only are left out: there are too many, and their results are the same for every task.
        """
        choices = [
            (math.prod(map(len, domains)), number, domains)
            for number, production in enumerate(chosen)
            for sizes in compositions(size - 1, len(production.domains))
            if all(domains := [self._bank.entries(*key) for key in zip(production.domains, sizes, strict=True)])
        ]
        # Few calls first, so that a short budget sees most kinds; ties in the order of productions, so that it is the
        # same order everywhere. Sorting is stable, and entries are never compared.
        for _, number, domains in sorted(choices, key=lambda choice: choice[:2]):
            for arguments in itertools.product(*domains):
                if not all(argument.constant for argument in arguments):
                    yield chosen[number], arguments

    def _gives_goal(self, production: Production, arguments: tuple[Entry, ...]) -> bool:
        """Return whether a call gives the expected output on every input; nothing of it is kept."""
        self._spending.spend_program()
        # Past the call table, which would keep every result of this much larger pass.
        primitive = self._table.value(self._fixed[production.callee])
        for number, goal in enumerate(self._goal):
            values = [argument.values[number] for argument in arguments]
            weights = [_PRIMITIVE_WEIGHT, *[argument.weights[number] for argument in arguments]]
            result = self._machine.call(primitive, values, weights)
            if isinstance(result, Failure):
                # DIED is memory that ran out, not the call's own fault: the search can't go on as if it had failed.
                if result.status is Status.DIED:
                    raise MemoryError(result.reason)
                return False
            if result[0] != goal:
                return False
        return True

    def _ids(self, production: Production, arguments: tuple[Entry, ...]) -> tuple[int, ...] | None:
        """Return a call's results on every input as ids; None as soon as it fails."""
        self._spending.spend_program()
        callee, call = self._fixed[production.callee], self._table.call
        ids: list[int] = []
        for number in range(len(self._inputs)):
            result = call((callee, *[argument.ids[number] for argument in arguments]))
            # A value that lacks one input can be part of no solution.
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
        # Asked first, because most values are known and making an entry costs more than asking.
        if kind is not None and not self._bank.knows(kind, ids):
            self._bank.add(kind, self._entry(ids, production.callee, arguments), size)

    def _keep_function(
        self, production: Production, arguments: tuple[Entry, ...], ids: tuple[int, ...], size: int
    ) -> None:
        first, second = (argument.function for argument in arguments)
        assert first is not None
        # A closure's value doesn't show what it takes, so the type follows from the parts. The bank's kind is empty:
        # a function's domains are its roles.
        function = built_type(production.name, first, second)
        self._bank.add("", self._entry(ids, production.callee, arguments, function=function), size)

    def _type(self, production: Production, ids: tuple[int, ...]) -> str | None:
        """Return the type of a call's result, or None if it has none.

        Where the signature leaves it open, it is the type on the first input whose result isn't an empty container.
        """
        if len(production.results) == 1 and CONTAINER not in production.results:
            return next(iter(production.results))  # not from the value: a truth value is an integer in the table
        # An empty set or tuple may be any kind of container, so it says nothing if another input says more.
        types = [self._type_of(number) for number in ids]
        if None in types:
            return None
        telling = (kind for number, kind in zip(ids, types, strict=True) if self._table.value(number) not in _EMPTY)
        return next(telling, types[0])

    def _type_of(self, number: int) -> str | None:
        if number not in self._types:
            self._types[number] = type_name(self._table.value(number))
        return self._types[number]
