"""The values found so far, one of each behavior, by domain and size."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import interpreter
from codeit_jax.programs import canonical_program
from codeit_jax.search.function_types import FunctionType
from interpreter.language.program import Program
from interpreter.language.slots import FIRST_LINE_SLOT, Instruction


@dataclass(frozen=True, eq=False, slots=True)
class Entry:
    """An expression for a value: a name, or a call of other entries.

    Attributes:
        ids: the value on each input, as ids of the call table.
        slot: the name's slot, or the callee's.
        arguments: arguments of the call; empty for a name.
        values: the values themselves, for calls outside the table.
        weights: sizes of the values, as the machine charges for them.
        constant: whether it is a constant that isn't a function.
        function: its type, if it is a function.
    """

    ids: tuple[int, ...]
    slot: int
    arguments: tuple["Entry", ...] = ()
    values: tuple[Any, ...] = ()
    weights: tuple[int, ...] = ()
    constant: bool = False
    function: FunctionType | None = None


class Bank:
    """Entries of pairwise different behavior: of several of one type with the same value on every input, the first.

    Args:
        domains: the domains that calls take arguments from; others are not kept.
    """

    def __init__(self, domains: frozenset[str]) -> None:
        self._used = domains
        self._entries: defaultdict[tuple[str, int], list[Entry]] = defaultdict(list)
        # Also of entries that no domain holds, so that they aren't made again.
        self._seen: set[tuple[str | FunctionType, tuple[int, ...]]] = set()

    def __len__(self) -> int:
        return len(self._seen)

    def entries(self, domain: str, size: int) -> Sequence[Entry]:
        """Return the entries of a domain whose smallest expression has `size` calls."""
        return self._entries.get((domain, size), ())

    def knows(self, kind: str | FunctionType, ids: tuple[int, ...]) -> bool:
        """Return whether there is an entry of this type and behavior."""
        return (kind, ids) in self._seen

    def add(self, kind: str, entry: Entry, size: int) -> None:
        """Keep an entry, unless its behavior is known; entries must come in order of size."""
        # By type, too: with the same value, T as a truth value and 1 as a number fit into different calls.
        key = (entry.function or kind, entry.ids)
        if key in self._seen:
            return
        self._seen.add(key)
        # In any order: each domain has a list of its own.
        for domain in self._used.intersection(_domains_of(kind, entry)):
            self._entries[domain, size].append(entry)


def _domains_of(kind: str, entry: Entry) -> Iterable[str]:
    if entry.function is None:
        return (kind,)
    # Only primitives (no arguments) are parts of built functions: building on built ones makes far too many.
    parts = () if entry.arguments else entry.function.parts()
    return itertools.chain(entry.function.roles(), parts)


def to_program(entry: Entry) -> Program:
    """Return the program of an entry; a value that is used several times is one variable."""
    # By identity (`eq=False`): entries are shared, and comparing them deeply would walk whole expressions.
    lines: dict[Entry, Instruction] = {}

    def slot_of(part: Entry) -> int:
        if not part.arguments:
            return part.slot
        if part not in lines:
            arguments = tuple([slot_of(argument) for argument in part.arguments])
            lines[part] = Instruction(FIRST_LINE_SLOT + len(lines), part.slot, arguments)
        return lines[part].target

    slot_of(entry)
    # Parsed, so that nothing but a program that the grammar allows leaves the search.
    return interpreter.parse(str(canonical_program(list(lines.values()))))


def compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    """Yield the ways to write `total` as an ordered sum of `parts` numbers, 0 included; none for a negative total."""
    # Size 0 of everything is a composition, too: `enumeration` asks with the size of a call less the call itself.
    if total < 0:
        return
    if parts == 1:
        yield (total,)
        return
    for head in range(total + 1):
        for tail in compositions(total - head, parts - 1):
            yield (head, *tail)
