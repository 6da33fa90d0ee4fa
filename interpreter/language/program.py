r"""The program grammar: text to slots and back.

A program is at most 64 lines `name = callee(argument, ...)`, one call a line. Names are resolved while parsing: a slot
is an index into the row "primitives, constants, input grid, results of the lines", so nothing is looked up by name at
run time and what is not in the table cannot be named. Nothing is ever evaluated: a line is cut at fixed separators and
its pieces are dictionary keys.

Mode "native": a target is `x` and a number (any numbering), assigned once, before use; the last line, and no other,
assigns `O`; primitives get exactly their number of arguments. Lines end in "\n"; blank characters stand only where
the form above has them; newlines after the last line are dropped.

Mode "codeit": the syntax check of the CodeIt release. Targets may have any name but a primitive's; constants and `I`
may be reassigned; a line may name itself (which fails when run); numbers of arguments are not checked; no right-hand
side may occur twice. Unlike there, a target must be an identifier (any other could never be used).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from interpreter.language.limits import Mode
from interpreter.language.signatures import SIGNATURES
from interpreter.language.slots import (
    FIRST_LINE_SLOT,
    FIXED_NAMES,
    FIXED_SLOTS,
    INPUT_SLOT,
    MAX_LINES,
    NUM_PRIMITIVES,
    Instruction,
)

MAX_CHARACTERS = 8192  # parsing charges no work, so that this must bound it
MAX_NAME_CHARACTERS = 32

OUTPUT_NAME = "O"

# By slot, since primitives come first in the row.
_ARITIES = tuple(len(signature.parameters) for signature in SIGNATURES.values())
_VARIABLE = re.compile(r"x[1-9][0-9]*", re.ASCII)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class Reason(StrEnum):
    """Why a text is no program."""

    TOO_LONG = f"more than {MAX_CHARACTERS} characters"
    TOO_MANY_LINES = f"more than {MAX_LINES} lines"
    EMPTY = "no lines"
    CHARACTERS = "a character outside ASCII"
    FORM = "not of the form `name = callee(argument, ...)`"
    TARGET = "not a name that can be assigned here"
    NAME_TOO_LONG = f"a name of more than {MAX_NAME_CHARACTERS} characters"
    OUTPUT = "the last line, and no other, must assign O"
    REASSIGNED = "a name assigned before"
    CALLEE = "the callee is neither a primitive nor an earlier variable"
    ARGUMENT = "an argument is neither I nor an earlier variable, a constant or a primitive"
    ARITY = "wrong number of arguments"
    REPEATED_CALL = "the same call as on an earlier line"


class ProgramError(ValueError):
    """A text outside the grammar.

    Attributes:
        line: number of the offending line, from 1; 0 where the text as a whole is refused.
        reason: the reason code.
    """

    def __init__(self, line: int, reason: Reason) -> None:
        super().__init__(line, reason)  # both, because unpickling calls the class with them again
        self.line = line
        self.reason = reason

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason.value}" if self.line else self.reason.value


@dataclass(frozen=True)
class Program:
    """A parsed program.

    Attributes:
        lines: the instructions; line k (from 0) has the target slot FIRST_LINE_SLOT + k.
        names: the target names of the lines, as given in the text.
    """

    lines: tuple[Instruction, ...]
    names: tuple[str, ...]

    def name_of(self, slot: int) -> str:
        """Return the name that stands for `slot` in the text."""
        return FIXED_NAMES[slot] if slot < FIRST_LINE_SLOT else self.names[slot - FIRST_LINE_SLOT]

    def __len__(self) -> int:
        return len(self.lines)

    def __str__(self) -> str:
        return "\n".join(
            f"{self.name_of(target)} = {self.name_of(callee)}({', '.join(map(self.name_of, arguments))})"
            for target, callee, arguments in self.lines
        )


def parse(text: str, mode: Mode = "native") -> Program:
    """Parse program text.

    Raises:
        ProgramError: the text is outside the grammar of `mode`.
    """
    if len(text) > MAX_CHARACTERS:
        raise ProgramError(0, Reason.TOO_LONG)
    if not text.isascii():
        raise ProgramError(0, Reason.CHARACTERS)
    text = text.rstrip("\n")
    if not text:
        raise ProgramError(0, Reason.EMPTY)
    lines = text.split("\n")  # not `splitlines`, which cuts at form feeds and the like too
    if len(lines) > MAX_LINES:
        raise ProgramError(0, Reason.TOO_MANY_LINES)
    parse_lines = _native_lines if mode == "native" else _codeit_lines
    names: list[str] = []
    instructions = []
    for name, instruction in parse_lines(lines):
        names.append(name)
        instructions.append(instruction)
    return Program(tuple(instructions), tuple(names))


def _native_lines(lines: list[str]) -> Iterator[tuple[str, Instruction]]:
    slots = FIXED_SLOTS.copy()
    last_slot = FIRST_LINE_SLOT + len(lines) - 1
    for slot, line in enumerate(lines, FIRST_LINE_SLOT):
        # Cut at the first of each separator: another one ends up in a name, which is then in no table.
        name, equals, call = line.partition(" = ")
        callee_name, bracket, rest = call.partition("(")
        if not (equals and bracket and rest.endswith(")")):
            raise _error(slot, Reason.FORM)
        if (name == OUTPUT_NAME) != (slot == last_slot):
            raise _error(slot, Reason.OUTPUT)
        if name in slots:  # the fixed names are in it as well
            raise _error(slot, Reason.REASSIGNED)
        if slot != last_slot and not _VARIABLE.fullmatch(name):
            raise _error(slot, Reason.TARGET)
        if len(name) > MAX_NAME_CHARACTERS:
            raise _error(slot, Reason.NAME_TOO_LONG)
        # An unknown name stands in as `I`, which is refused like the constants: none of them can be called.
        callee = slots.get(callee_name, INPUT_SLOT)
        if NUM_PRIMITIVES <= callee < FIRST_LINE_SLOT:
            raise _error(slot, Reason.CALLEE)
        try:
            # `f()` asks for the empty name, which is never there: every call has an argument, in both modes.
            arguments = tuple([slots[argument] for argument in rest[:-1].split(", ")])
        except KeyError:
            raise _error(slot, Reason.ARGUMENT) from None
        if callee < NUM_PRIMITIVES and len(arguments) != _ARITIES[callee]:
            raise _error(slot, Reason.ARITY)
        slots[name] = slot
        yield name, Instruction(slot, callee, arguments)


def _codeit_lines(lines: list[str]) -> Iterator[tuple[str, Instruction]]:
    slots = FIXED_SLOTS.copy()
    calls: set[str] = set()
    last_slot = FIRST_LINE_SLOT + len(lines) - 1
    for slot, line in enumerate(lines, FIRST_LINE_SLOT):
        name, call = _codeit_parts(line, slot)
        if slot == last_slot and name != OUTPUT_NAME:
            raise _error(slot, Reason.OUTPUT)
        if not _IDENTIFIER.fullmatch(name) or name in SIGNATURES:
            raise _error(slot, Reason.TARGET)
        if len(name) > MAX_NAME_CHARACTERS:
            raise _error(slot, Reason.NAME_TOO_LONG)
        if slots.get(name, INPUT_SLOT) > INPUT_SLOT:  # only lines come after `I`; what comes before may be reassigned
            raise _error(slot, Reason.REASSIGNED)
        if call in calls:
            raise _error(slot, Reason.REPEATED_CALL)
        calls.add(call)
        callee_name, _, rest = call.partition("(")
        # A line may name itself; a constant or `I` keeps its value until the line has run.
        slots.setdefault(name, slot)
        callee = slot if callee_name == name else slots.get(callee_name, INPUT_SLOT)
        if NUM_PRIMITIVES <= callee < FIRST_LINE_SLOT:
            raise _error(slot, Reason.CALLEE)
        if not rest.endswith(")"):
            raise _error(slot, Reason.FORM)
        try:
            arguments = tuple([slots[argument] for argument in rest[:-1].split(", ")])
        except KeyError:
            raise _error(slot, Reason.ARGUMENT) from None
        slots[name] = slot
        yield name, Instruction(slot, callee, arguments)


def _codeit_parts(line: str, slot: int) -> tuple[str, str]:
    parts = line.lstrip(" \t").split(" = ")
    if len(parts) != 2 or parts[1].count("(") != 1:
        raise _error(slot, Reason.FORM)
    return parts[0], parts[1].rstrip(" \t")


def _error(slot: int, reason: Reason) -> ProgramError:
    return ProgramError(slot - FIRST_LINE_SLOT + 1, reason)
