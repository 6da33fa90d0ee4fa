"""The language in some 4,000 tokens, for a prompt: made of the interpreter's own tables and docstrings."""

import inspect

import interpreter
from interpreter.language.slots import MAX_LINES
from interpreter.language.type_names import SUBTYPES

_RULES = """\
A program in this language has at most {max_lines} lines. Each line is one call, `name = function(argument, ...)`. Names
are x1, x2, ... in order, each assigned once; the last line assigns O, the output grid. I is the input grid. An argument
is I, an earlier name, a constant or the name of a function; there are no other literals, and no call inside a call.
Functions are values: they may be arguments, and an earlier name that holds one may be called.

x1 = vmirror(I)
O = hconcat(I, x1)

Values: Grid is a tuple of rows of colors (0 to 9). A location is an IntegerTuple (row, column), counted from 0 at the
upper left. Indices is a set of locations. Object is a set of cells (color, location). The background is the most common
color. Of several values, "first" is by the order of the container; sets have a canonical order."""


def language_reference() -> str:
    """Return rules, types, constants and functions of the language as text; the same for all tasks."""
    return "\n\n".join(
        [
            _RULES.format(max_lines=MAX_LINES),
            "Types that admit several others: " + "; ".join(_unions()) + ".",
            "Constants: " + ", ".join(f"{name} = {value}" for name, value in interpreter.CONSTANTS.items()) + ".",
            "Functions:\n" + "\n".join(_function_line(name) for name in interpreter.SIGNATURES),
        ]
    )


def _unions() -> list[str]:
    named = {name: types for name, types in SUBTYPES.items() if types != (name,) and name != "Any"}
    return [f"{name} is {', '.join(types)}" for name, types in named.items()]


def _function_line(name: str) -> str:
    """Return e.g. `crop(grid: Grid, start: IntegerTuple, dims: IntegerTuple) -> Grid: Cut out a rectangle, ...`."""
    signature = interpreter.SIGNATURES[name]
    parameters = ", ".join(f"{parameter.name}: {parameter.type}" for parameter in signature.parameters)
    line = f"{name}({parameters}) -> {signature.result}"
    # Some, such as `add`, say everything by their name; and the first words of the rest are the same everywhere.
    says = (inspect.getdoc(interpreter.PRIMITIVES[name]) or "").partition("\n")[0].removeprefix("Return ")
    return f"{line}: {says}" if says else line
