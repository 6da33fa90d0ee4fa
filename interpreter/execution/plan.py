"""What a program's text tells before it runs: how its lines are called, and what its output can't be."""

from collections.abc import Sequence
from typing import NamedTuple

from interpreter.execution.output import Unsure
from interpreter.execution.size_bounds import BUILDERS
from interpreter.language.constants import CONSTANTS
from interpreter.language.signatures import SIGNATURES
from interpreter.language.slots import FIRST_LINE_SLOT, FIXED_SLOTS, INPUT_SLOT, MAX_LINES, Instruction
from interpreter.primitives import TAKE_UNBUILT, UNBUILT_VARIANTS

UNBUILT_SLOTS = {FIXED_SLOTS[name]: FIRST_LINE_SLOT + MAX_LINES + k for k, name in enumerate(UNBUILT_VARIANTS)}
"""By slot of a primitive, the slot, beyond those of lines, of its variant that may leave the value unbuilt."""

_FIXED_VALUES = (*SIGNATURES, *CONSTANTS.values())  # for a primitive its name
_TAKING_UNBUILT = {FIXED_SLOTS[name]: argument for name, argument in TAKE_UNBUILT.items()}

# Their values equal nothing but the values of equal calls.
_BUILDERS = frozenset(FIXED_SLOTS[name] for name in BUILDERS)
# What makes closures, or calls functions that may and gives what they give.
_MAKING_CLOSURES = _BUILDERS | frozenset(
    FIXED_SLOTS[name]
    for name in ("power", "valmax", "valmin", "apply", "rapply", "mapply", "papply", "mpapply", "prapply")
)

# What gives booleans that were not there before. Three arguments of `objects` are flags, which are in no result.
_BOOLEANS = frozenset(
    [FIXED_SLOTS[name] for name, signature in SIGNATURES.items() if signature.result == "Boolean"]
    + [FIXED_SLOTS[name] for name in ("matcher", "T", "F")]
)
_OBJECTS = FIXED_SLOTS["objects"]

_COLORS = frozenset(
    FIXED_SLOTS[name] for name in ("ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE")
)
# What gives a regular grid of colours if the arguments are one, where there is a g, or a colour, where there is a c.
_KEEPING_GRIDS = {
    FIXED_SLOTS[name]: pattern
    for pattern, names in {
        "g": (
            *("rot90", "rot180", "rot270", "hmirror", "vmirror", "dmirror", "cmirror", "identity"),
            *("tophalf", "bottomhalf", "lefthalf", "righthalf", "trim", "compress"),
        ),
        "g-": ("upscale", "hupscale", "vupscale", "downscale", "cover"),
        "g--": ("crop",),
        "gg": ("hconcat",),
        "-g": ("subgrid",),
        "-gg": ("branch",),
        "c-": ("canvas",),
        "gc-": ("fill", "underfill"),
        "g-c": ("replace", "cellwise"),
        "gcc": ("switch",),
    }.items()
    for name in names
}
_GIVING_COLORS = (FIXED_SLOTS["mostcolor"], FIXED_SLOTS["leastcolor"])


class Step(NamedTuple):
    """A line to be run.

    Attributes:
        recurs: whether the line may make a closure that another one makes too, for these must be the same.
        callee: the slot of what is called, or of its variant.
        arity: how many arguments there are.
        first, last: the slots of two of them, or of one twice.
        arguments: the slots of all.
    """

    recurs: bool
    callee: int
    arity: int
    first: int
    last: int
    arguments: tuple[int, ...]


class Plan(NamedTuple):
    """What is known of a program.

    Attributes:
        steps: its lines.
        unsure: what has to be looked for in its output, given an input of colours.
    """

    steps: list[Step]
    unsure: Unsure


def plan_of(lines: Sequence[Instruction]) -> Plan:
    """Return the plan of a program."""
    unbuilt = _lines_left_unbuilt(lines)
    recurring = _lines_that_may_recur(lines)
    steps = []
    for line in lines:
        target, callee, arguments = line
        called = UNBUILT_SLOTS[callee] if target in unbuilt else callee
        steps.append(Step(target in recurring, called, len(arguments), arguments[0], arguments[-1], arguments))
    return Plan(steps, _unsure_of_output(lines))


def _lines_that_may_recur(lines: Sequence[Instruction]) -> set[int]:
    """Return the slots of the lines that may make a closure and may be the same call as another one."""
    closures = [line for line in lines if line.callee in _MAKING_CLOSURES or line.callee > INPUT_SLOT]
    recurring = set()
    different: set[tuple[int, int]] = set()  # slots of closures, the later one first
    for number, line in enumerate(closures):
        for other in closures[:number]:
            pairs = zip((line.callee, *line.arguments), (other.callee, *other.arguments), strict=False)
            if all(a == b or not _are_different(a, b, different) for a, b in pairs):
                recurring |= {line.target, other.target}
            elif line.callee in _BUILDERS and other.callee in _BUILDERS:
                different.add((line.target, other.target))
    return recurring


def _are_different(slot: int, other: int, different: set[tuple[int, int]]) -> bool:
    """Tell whether two slots have different values for sure."""
    if slot < INPUT_SLOT and other < INPUT_SLOT:
        return bool(_FIXED_VALUES[slot] != _FIXED_VALUES[other])
    return (slot, other) in different or (other, slot) in different


def _lines_left_unbuilt(lines: Sequence[Instruction]) -> set[int]:
    """Return the slots of the lines whose value may stay unbuilt, because all its users take it so."""
    slots = {target for target, callee, _ in lines[:-1] if callee in UNBUILT_SLOTS}
    if slots:
        for _, callee, arguments in lines:
            slots.discard(callee)
            slots.difference_update([a for k, a in enumerate(arguments) if k != _TAKING_UNBUILT.get(callee)])
    return slots


def _unsure_of_output(lines: Sequence[Instruction]) -> Unsure:
    if lines[-1].callee in _KEEPING_GRIDS and _gives_a_grid(lines):
        return Unsure.SIZE
    for _, callee, arguments in lines:
        used = arguments[:1] if callee == _OBJECTS else arguments
        if callee in _BOOLEANS or not _BOOLEANS.isdisjoint(used):
            return Unsure.BOOLEANS
    return Unsure.COLORS


def _gives_a_grid(lines: Sequence[Instruction]) -> bool:
    """Tell whether the last line's value is a regular grid of colours, however small or large, or no tuple at all."""
    known = {"g": {INPUT_SLOT}, "c": set(_COLORS)}
    for target, callee, arguments in lines:
        pattern = _KEEPING_GRIDS.get(callee)
        if pattern and all(kind == "-" or a in known[kind] for kind, a in zip(pattern, arguments, strict=False)):
            known["g"].add(target)
        elif callee in _GIVING_COLORS and arguments[0] in known["g"]:
            known["c"].add(target)
    return lines[-1].target in known["g"]
