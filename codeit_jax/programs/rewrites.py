"""Programs rewritten: canonical names, what the text alone allows, and shorter ones yet to be compared by running."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import interpreter
from interpreter.language.limits import Mode
from interpreter.language.program import OUTPUT_NAME, Program
from interpreter.language.slots import FIRST_LINE_SLOT, FIXED_NAMES, INPUT_SLOT, NUM_PRIMITIVES, Instruction

# Calls of calls that one call can replace; single letters stand for any argument. Some hold for grids only, or without
# ties: every use is compared by running anyway.
_MERGES = (
    ("hmirror(vmirror(a))", "rot180(a)"),
    ("vmirror(hmirror(a))", "rot180(a)"),
    ("rot90(rot90(a))", "rot180(a)"),
    ("rot270(rot270(a))", "rot180(a)"),
    ("vmirror(dmirror(a))", "rot90(a)"),
    ("dmirror(hmirror(a))", "rot90(a)"),
    ("rot270(rot180(a))", "rot90(a)"),
    ("hmirror(dmirror(a))", "rot270(a)"),
    ("dmirror(vmirror(a))", "rot270(a)"),
    ("rot90(rot180(a))", "rot270(a)"),
    ("rot180(dmirror(a))", "cmirror(a)"),
    ("dmirror(rot180(a))", "cmirror(a)"),
    ("hmirror(rot90(a))", "dmirror(a)"),
    ("vmirror(rot90(a))", "cmirror(a)"),
    ("hmirror(rot270(a))", "cmirror(a)"),
    ("vmirror(rot270(a))", "dmirror(a)"),
    ("hupscale(vupscale(a, n), n)", "upscale(a, n)"),
    ("vupscale(hupscale(a, n), n)", "upscale(a, n)"),
    ("compose(f, compose(g, h))", "chain(f, g, h)"),
    ("compose(compose(f, g), h)", "chain(f, g, h)"),
    ("compose(rbind(equality, v), f)", "matcher(f, v)"),
    ("compose(lbind(equality, v), f)", "matcher(f, v)"),
    ("merge(apply(f, c))", "mapply(f, c)"),
    ("merge(sfilter(c, f))", "mfilter(c, f)"),
    ("merge(papply(f, a, b))", "mpapply(f, a, b)"),
    ("first(sfilter(c, f))", "extract(c, f)"),
    ("first(order(c, f))", "argmin(c, f)"),
    ("last(order(c, f))", "argmax(c, f)"),
    ("maximum(apply(f, c))", "valmax(c, f)"),
    ("minimum(apply(f, c))", "valmin(c, f)"),
    ("sfilter(c, matcher(color, v))", "colorfilter(c, v)"),
    ("sfilter(c, matcher(size, n))", "sizefilter(c, n)"),
    ("size(palette(a))", "numcolors(a)"),
    ("size(ofcolor(g, v))", "colorcount(g, v)"),
    ("astuple(height(a), width(a))", "shape(a)"),
    ("crop(g, ulcorner(p), shape(p))", "subgrid(p, g)"),
    ("toobject(asindices(g), g)", "asobject(g)"),
    ("difference(backdrop(p), p)", "delta(p)"),
    ("difference(backdrop(p), toindices(p))", "delta(p)"),
    ("paint(g, recolor(v, p))", "fill(g, v, p)"),
    ("underpaint(g, recolor(v, p))", "underfill(g, v, p)"),
    ("paint(cover(g, o), shift(o, d))", "move(g, o, d)"),
)


class _Pattern(NamedTuple):
    """A call: the callee's name, and for each argument a letter, a primitive's name or a call."""

    callee: str
    arguments: tuple["_Pattern | str", ...]


def canonical_program(lines: Sequence[Instruction]) -> Program:
    """Return the program of these lines, its variables named x1, x2, ..., O."""
    names = (*(f"x{number}" for number in range(1, len(lines))), OUTPUT_NAME)
    return Program(tuple(lines), names)


def canonical_text(text: str, dialect: Mode = "native") -> str:
    """Return a program's text with its variables named x1, x2, ..., O in the order of the lines.

    Two programs are the same if their canonical texts are equal: names of variables mean nothing. What runs in dialect
    "codeit" has a canonical text of the native grammar, too: names that only that dialect lets a line assign are
    variables like others, and its other liberties fail when they are run.

    Raises:
        ProgramError: the text is outside the grammar of the dialect.
    """
    return str(canonical_program(interpreter.parse(text, dialect).lines))


def tidy(program: Program) -> Program:
    """Remove unused lines, make equal calls one, and number the variables from 1.

    An error that a removed line would have raised is gone with it.
    """
    return _written([(line.callee, line.arguments) for line in program.lines], _result(program))


def substitutions(program: Program) -> Iterator[Program]:
    """Yield the programs in which an earlier variable, a constant or the input stands for one of the variables."""
    calls = [(line.callee, line.arguments) for line in program.lines]
    for position in range(len(calls)):
        slot = FIRST_LINE_SLOT + position
        # Slots in order: primitives, constants, the input, then lines. A primitive is a value of another kind.
        for stand_in in (*range(NUM_PRIMITIVES, INPUT_SLOT + 1), *range(FIRST_LINE_SLOT, slot)):
            result = stand_in if slot == _result(program) else _result(program)
            # A program has at least one line, so its result can't be the input itself.
            if result >= FIRST_LINE_SLOT:
                yield _written([_replaced(call, slot, stand_in) for call in calls], result)


def merges(program: Program) -> Iterator[Program]:
    """Yield the programs in which one call stands for a call of calls."""
    calls = [(line.callee, line.arguments) for line in program.lines]
    for position in range(len(calls)):
        for pattern, replacement in _RULES:
            # The lines of the inner calls stay; `_written` drops those that nothing else uses.
            bindings: dict[str, int] = {}
            if _matches(pattern, FIRST_LINE_SLOT + position, calls, bindings):
                arguments = tuple([bindings[str(argument)] for argument in replacement.arguments])
                merged = [*calls[:position], (_slot(replacement.callee), arguments), *calls[position + 1 :]]
                yield _written(merged, _result(program))


_Call = tuple[int, tuple[int, ...]]


def _result(program: Program) -> int:
    return FIRST_LINE_SLOT + len(program.lines) - 1


def _replaced(call: _Call, slot: int, stand_in: int) -> _Call:
    callee, arguments = call
    # Only a variable or a primitive can be called.
    new_callee = stand_in if callee == slot and stand_in > INPUT_SLOT else callee
    return new_callee, tuple([stand_in if argument == slot else argument for argument in arguments])


def _written(calls: Sequence[_Call], result: int) -> Program:
    """Return the calls that a result needs as a program."""
    # names[slot] is the first slot with the same call, in terms of first slots: equal calls of equal calls are found
    # in one pass, because lines refer backwards only.
    names = list(range(FIRST_LINE_SLOT))
    first: dict[_Call, int] = {}
    for slot, (callee, arguments) in enumerate(calls, FIRST_LINE_SLOT):
        call = names[callee], tuple([names[argument] for argument in arguments])
        names.append(first.setdefault(call, slot))
    distinct = {slot: call for call, slot in first.items()}
    # Backwards, for the same reason: when a line is looked at, all its users have been.
    needed = {names[result]}
    for slot in sorted(distinct, reverse=True):
        if slot in needed:
            callee, arguments = distinct[slot]
            needed.update(part for part in (callee, *arguments) if part >= FIRST_LINE_SLOT)
    return _numbered([(slot, *distinct[slot]) for slot in sorted(needed)])


def _numbered(lines: Sequence[tuple[int, int, tuple[int, ...]]]) -> Program:
    slots = {old: FIRST_LINE_SLOT + k for k, (old, _, _) in enumerate(lines)}
    # Fixed names (primitives, constants, the input) aren't in `slots` and keep theirs.
    return canonical_program(
        [
            Instruction(slots[old], slots.get(callee, callee), tuple([slots.get(part, part) for part in arguments]))
            for old, callee, arguments in lines
        ]
    )


def _slot(name: str) -> int:
    return FIXED_NAMES.index(name)


def _parsed(text: str) -> "_Pattern | str":
    match = re.fullmatch(r"(\w+)\((.*)\)", text)
    if match is None:
        return text
    # Commas inside parentheses belong to an inner call; the patterns nest no deeper than that.
    parts = re.findall(r"(?:\w+\([^()]*\)|\w+)", match[2])
    return _Pattern(match[1], tuple(map(_parsed, parts)))


def _matches(pattern: "_Pattern | str", slot: int, calls: Sequence[_Call], bindings: dict[str, int]) -> bool:
    """Return whether what is in a slot has the pattern's form; fill in what its letters stand for."""
    if isinstance(pattern, str):
        if pattern in interpreter.SIGNATURES:
            return slot == _slot(pattern)
        # A letter that occurs twice must be the same slot twice, not merely equal values.
        return bindings.setdefault(pattern, slot) == slot
    if slot < FIRST_LINE_SLOT:
        return False
    callee, arguments = calls[slot - FIRST_LINE_SLOT]
    return callee == _slot(pattern.callee) and all(
        _matches(part, argument, calls, bindings) for part, argument in zip(pattern.arguments, arguments, strict=True)
    )


def _rules() -> Iterator[tuple[_Pattern, _Pattern]]:
    for before, after in _MERGES:
        pattern, replacement = _parsed(before), _parsed(after)
        assert isinstance(pattern, _Pattern)
        assert isinstance(replacement, _Pattern)
        yield pattern, replacement


# Parsed once; the texts above are for reading.
_RULES = tuple(_rules())
