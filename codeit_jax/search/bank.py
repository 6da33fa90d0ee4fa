"""The values found so far, one of each behaviour, by pool and size."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import interpreter
from codeit_jax.search.functions import FunctionType
from interpreter.language.program import Program
from interpreter.language.slots import FIRST_LINE_SLOT, Instruction


@dataclass(frozen=True, eq=False, slots=True)
class Entry:
    """A way to make a value: a name, or a call of other entries.

    Attributes:
        ids: the value on each input, in the ids of the call table.
        slot: the name's slot, or that of the callee.
        arguments: of the call; empty for a name.
        values: the values themselves, for calls outside the table.
        weights: of the values (`interpreter.execution.size_bounds.tree_size`).
        is_constant: it is a constant that is no function.
        function: its type, if it is a function.
    """

    ids: tuple[int, ...]
    slot: int
    arguments: tuple["Entry", ...] = ()
    values: tuple[Any, ...] = ()
    weights: tuple[int, ...] = ()
    is_constant: bool = False
    function: FunctionType | None = None


class Bank:
    """Entries of pairwise different behaviour: two of one type with the same value on every input are one.

    Args:
        pools: the pools that calls take arguments from; others are not kept.
    """

    def __init__(self, pools: frozenset[str]) -> None:
        self._wanted = pools
        self._pools: defaultdict[tuple[str, int], list[Entry]] = defaultdict(list)
        self._seen: set[tuple[str | FunctionType, tuple[int, ...]]] = set()

    def __len__(self) -> int:
        return len(self._seen)

    def pool(self, name: str, size: int) -> Sequence[Entry]:
        """Return the entries of a pool whose smallest expression has `size` calls."""
        return self._pools.get((name, size), ())

    def knows(self, kind: str | FunctionType, ids: tuple[int, ...]) -> bool:
        """Tell whether there is an entry of this type and behaviour."""
        return (kind, ids) in self._seen

    def add(self, kind: str, entry: Entry, size: int) -> None:
        """Keep an entry, unless its behaviour is known; entries must come in order of size."""
        key = (entry.function or kind, entry.ids)
        if key in self._seen:
            return
        self._seen.add(key)
        for name in self._wanted.intersection(_pools_of(kind, entry)):
            self._pools[name, size].append(entry)


def _pools_of(kind: str, entry: Entry) -> Iterable[str]:
    if entry.function is None:
        return (kind,)
    parts = () if entry.arguments else entry.function.parts()
    return itertools.chain(entry.function.roles(), parts)


def to_program(entry: Entry) -> Program:
    """Write an entry as a program; a value that is used several times is one variable."""
    lines: dict[Entry, Instruction] = {}

    def slot_of(part: Entry) -> int:
        if not part.arguments:
            return part.slot
        if part not in lines:
            arguments = tuple([slot_of(argument) for argument in part.arguments])
            lines[part] = Instruction(FIRST_LINE_SLOT + len(lines), part.slot, arguments)
        return lines[part].target

    slot_of(entry)
    names = (*(f"x{number}" for number in range(1, len(lines))), "O")
    return interpreter.parse(str(Program(tuple(lines.values()), names)))


def compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    """Yield the ways to write `total` as an ordered sum of `parts` numbers, 0 included; none for a negative total."""
    if total < 0:
        return
    if parts == 1:
        yield (total,)
        return
    for head in range(total + 1):
        for tail in compositions(total - head, parts - 1):
            yield (head, *tail)
