"""Programs files: the `def solve_<task id>(I):` ... `return O` format of arc-dsl's solvers, read as data.

A programs file looks like Python but is never given to Python: only lines that this grammar knows are accepted, so a
file from anywhere can be read safely. Imports, blank lines, comments, docstrings of one line and type hints are
skipped, and so are definitions of the language's constants with their own values. A literal stands for the constant
with its value, variables may have any numbers, and `verify_` and `return x7` stand for `solve_` and `return O`.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import interpreter
from codeit_jax.config.errors import UserError

# re.ASCII throughout: a letter of another alphabet that looks like ours would pass for a name otherwise.
_IMPORT = re.compile(r"from [\w.]+ import (\*|\w+(, *\w+)*)|import [\w.]+( as \w+)?", re.ASCII)
_HINT = r"[\w.]+(?:\[[\w., \[\]]*\])?"
_DEFINITION = re.compile(rf"def (?:solve|verify)_([\w.-]+)\(I(?: *: *{_HINT})?\)(?: *-> *{_HINT})? *:", re.ASCII)
# Bounded, for `int` takes quadratic time in the number of digits.
_INTEGER = r"-?(?:0|[1-9][0-9]{0,8})"
_LITERAL = rf"(?:{_INTEGER}|True|False|\({_INTEGER}, *{_INTEGER}\))"
_CONSTANT = re.compile(rf"(\w+) *= *({_LITERAL})", re.ASCII)
_PAIR = r"(?<!\w)\([^()]*\)"  # after a name it would be a call
_ASSIGNMENT = re.compile(rf"(\w+)(?: *: *{_HINT})? *= *(\w+)\(((?:[^()]|{_PAIR})*)\)", re.ASCII)
_COMMA = re.compile(r",(?![^(),]{0,24}\))")  # but not a pair's; bounded, or a long line would take quadratic time
_ARGUMENT = re.compile(rf"(?:(\w+) *= *)?({_LITERAL}|\w+)", re.ASCII)
_RETURN = re.compile(r"return +(\w+)", re.ASCII)
_DOCSTRING = re.compile(r"""("{3}|'{3}|"|')[^"']*\1""")
_VARIABLE = re.compile(r"x[0-9]{1,9}|O", re.ASCII)
_TASK_ID = re.compile(r"[\w.-]+", re.ASCII)
_SHOWN_CHARACTERS = 60
_MAX_CALL_CHARACTERS = 8192  # of one that goes over several lines; no program has more in all

_LANGUAGE = frozenset({"I", *interpreter.CONSTANTS, *interpreter.SIGNATURES})

# True equals 1, so the type is part of the key.
CONSTANT_NAMES = {(type(value), value): name for name, value in interpreter.CONSTANTS.items()}
"""The constant that a literal stands for, by its type and value."""


@dataclass(frozen=True, slots=True)
class SeedProgram:
    """A program written for a task.

    Attributes:
        task_id: the task.
        program: the program.
    """

    task_id: str
    program: interpreter.Program


@dataclass(slots=True)
class _Definition:
    """One `solve_` function while it is being read: its assignments, each with its line number in the file."""

    task_id: str
    line_number: int
    lines: list[str] = field(default_factory=list)
    line_numbers: list[int] = field(default_factory=list)
    last_line: int = 0  # number of the last one that was read
    returned: str | None = None  # the name behind `return`, which nothing may follow

    def add(self, line: str, number: int) -> None:
        """Take a line of the body."""
        self.last_line = number
        last = self.lines[-1] if self.lines else ""
        returned = _RETURN.fullmatch(line)
        if last.count("(") > last.count(")") and len(last) < _MAX_CALL_CHARACTERS:
            self.lines[-1] = f"{last} {line}"
        elif returned is not None:
            self.returned = returned[1]
        elif self.lines or not _DOCSTRING.fullmatch(line):
            self.lines.append(line)
            self.line_numbers.append(number)


def parse_programs(text: str, *, where: str, faults: dict[str, str] | None = None) -> list[SeedProgram]:
    """Read the text of a programs file, in the order of its definitions.

    Keyword arguments become positional by the parameter names in `interpreter.SIGNATURES`.

    Args:
        text: the file's content.
        where: what to name in an error, usually the file.
        faults: receives the message by task id of each malformed program, which is then left out; None raises it.

    Raises:
        UserError: a line outside the format, a malformed program, or two programs for one task; the message names the
            place, the value found and the value expected. With `faults` only if not a single program is left.
    """
    found: dict[str, str] = {}
    seeds: list[SeedProgram] = []
    defined: dict[str, int] = {}
    for definition in _read_definitions(text, where):
        task_id, line_number = definition.task_id, definition.line_number
        if task_id in defined:
            raise UserError(
                f"{where}:{line_number}: found a second solve_{task_id}, expected one program a task "
                f"(the first is at line {defined[task_id]})"
            )
        # A dict would keep the last of two silently, and a file with both is likely a mistake in merging.
        defined[task_id] = line_number
        try:
            seeds.append(SeedProgram(task_id, _parse_body(definition, where)))
        except UserError as error:
            if faults is None:
                raise
            found[task_id] = str(error)
    if found and not seeds:
        raise UserError(next(iter(found.values())))
    if faults is not None:
        faults |= found
    if not seeds:
        raise UserError(f"{where}: found no program, expected at least one `def solve_<task id>(I):`")
    return seeds


def format_programs(seeds: Sequence[SeedProgram]) -> str:
    """Write programs in the format that `parse_programs` reads; the round trip gives equal programs.

    Raises:
        UserError: a task id that the format can't carry, or two programs for one task.
    """
    parts: list[str] = []
    seen: set[str] = set()
    for seed in seeds:
        # Ids come from the names of task files: one with a line break would write lines of its own into this file.
        if not _TASK_ID.fullmatch(seed.task_id):
            raise UserError(f"task id {_shown(seed.task_id)}: expected letters, digits, '_', '-' and '.' only")
        if seed.task_id in seen:
            raise UserError(f"task id {seed.task_id}: found two programs, expected one program a task")
        seen.add(seed.task_id)
        body = "".join(f"    {line}\n" for line in str(seed.program).splitlines())
        parts.append(f"def solve_{seed.task_id}(I):\n{body}    return O\n")
    return "\n\n".join(parts)


def _read_definitions(text: str, where: str) -> Iterator[_Definition]:
    """Split a file into its definitions, their lines in canonical form."""
    current: _Definition | None = None
    # Not splitlines(): it also splits at form feeds and the like, and editors' line numbers don't.
    for number, raw in enumerate(text.split("\n"), start=1):
        # The format has no strings, so a # always starts a comment.
        line = raw.split("#", 1)[0].rstrip()
        if not line.strip():
            continue
        if line[0] not in " \t":
            if current is not None:
                yield current
            current = _read_top_level(line, number, where)
        elif current is None or current.returned is not None:
            raise UserError(
                f"{where}:{number}: found {_shown(line.strip())} outside a function, expected `def solve_<task id>(I):`"
            )
        else:
            current.add(line.strip(), number)
    if current is not None:
        yield current


def _read_top_level(line: str, number: int, where: str) -> _Definition | None:
    """Return the definition that an unindented line starts, None for an import or a constant."""
    definition = _DEFINITION.fullmatch(line)
    if definition:
        return _Definition(definition[1], number, last_line=number)
    # arc-dsl's constants.py, pasted in front of its solvers; another value for a name we know would be another program.
    constant = _CONSTANT.fullmatch(line)
    if _IMPORT.fullmatch(line) or (constant and _constant_name(constant[2], f"{where}:{number}") == constant[1]):
        return None
    raise UserError(f"{where}:{number}: found {_shown(line)}, expected `def solve_<task id>(I):` or an import")


def _read_assignment(line: str, place: str) -> list[str]:
    """Return the names in `name = callee(arguments)`, the arguments as positional ones."""
    match = _ASSIGNMENT.fullmatch(line)
    if not match:
        raise UserError(f"{place}: found {_shown(line)}, expected `name = function(arguments)` or `return O`")
    # Whether the names exist is the interpreter's question: it parses the canonical text, with better messages.
    name, callee, inside = match.groups()
    return [name, callee, *_positional_arguments(callee, inside, place)]


def _positional_arguments(callee: str, inside: str, place: str) -> list[str]:
    """Return the arguments of a call in the order of the callee's signature."""
    positional: list[str] = []
    keywords: dict[str, str] = {}
    for part in _COMMA.split(inside):
        match = _ARGUMENT.fullmatch(part.strip())
        if not match:
            raise UserError(
                f"{place}: found the argument {_shown(part.strip())}, expected a variable, constant or function name"
            )
        keyword, value = match[1], _constant_name(match[2], place)
        if keyword is None:
            if keywords:
                raise UserError(
                    f"{place}: found {_shown(value)} after a keyword argument, expected positional arguments first"
                )
            positional.append(value)
        elif keyword in keywords:
            raise UserError(f"{place}: found the argument {_shown(keyword)} twice, expected it once")
        else:
            keywords[keyword] = value
    return positional + _keyword_values(callee, len(positional), keywords, place)


def _constant_name(value: str, place: str) -> str:
    """Return the name of the constant that a literal stands for; any other text as it is."""
    if not re.fullmatch(_LITERAL, value):
        return value
    # The regular expression has let only integers, truth values and pairs of integers through.
    literal = ast.literal_eval(value)
    name = CONSTANT_NAMES.get((type(literal), literal))
    if name is None:
        raise UserError(f"{place}: found {_shown(value)}, expected a value that a constant of the language has")
    return name


def _keyword_values(callee: str, num_positional: int, keywords: dict[str, str], place: str) -> list[str]:
    """Return the keyword arguments' values in the order of the parameters that follow the positional ones."""
    if not keywords:
        return []
    signature = interpreter.SIGNATURES.get(callee)
    if signature is None:
        raise UserError(f"{place}: found keyword arguments for {_shown(callee)}, expected them for DSL functions only")
    expected = [parameter.name for parameter in signature.parameters[num_positional:]]
    # As sets, for keywords come in any order; too many positional arguments leave nothing to expect.
    if set(expected) != set(keywords):
        raise UserError(
            f"{place}: found the keyword arguments {', '.join(keywords)} of {callee}, "
            f"expected {', '.join(expected) or 'none'}"
        )
    return [keywords[name] for name in expected]


def _parse_body(definition: _Definition, where: str) -> interpreter.Program:
    """Parse a definition's lines, naming the file's line in an error."""
    numbers = definition.line_numbers
    pairs = zip(definition.lines, numbers, strict=True)
    lines = [_read_assignment(line, f"{where}:{number}") for line, number in pairs]
    _check_return(definition, lines, where)
    names = _own_names(lines)
    canonical = [[names.get(name, name) for name in line] for line in lines]
    try:
        return interpreter.parse("\n".join(f"{line[0]} = {line[1]}({', '.join(line[2:])})" for line in canonical))
    except interpreter.ProgramError as error:
        # Program lines count from 1; an error about the program as a whole is placed at its definition.
        inside = 1 <= error.line <= len(numbers)
        place = numbers[error.line - 1] if inside else definition.line_number
        wrong = _wrong_name(lines, error) if inside else None
        found = "" if wrong is None else f"found the name {_shown(wrong)}: "
        raise UserError(f"{where}:{place}: solve_{definition.task_id}: {found}{error.reason}") from None


def _check_return(definition: _Definition, lines: Sequence[Sequence[str]], where: str) -> None:
    """Raise UserError unless a definition ends by returning what its last line assigns."""
    wanted = lines[-1][0] if lines else "O"
    if definition.returned != wanted:
        found = "the end" if definition.returned is None else f"return {definition.returned}"
        place = f"{where}:{definition.last_line}: found {_shown(found)} of solve_{definition.task_id}"
        raise UserError(f"{place}, expected `return {wanted[:40]}`")


def _own_names(lines: Sequence[Sequence[str]]) -> dict[str, str]:
    """Return the language's names for variables of a program that has others; empty if it has none."""
    targets = [line[0] for line in lines]
    if not targets:
        return {}
    own = "O" in targets[:-1] or "x0" in targets or targets[-1] != "O"
    # Other names, and those assigned twice, stay as they are: the parser refuses them.
    if not own or len(set(targets)) < len(targets) or not all(map(_VARIABLE.fullmatch, targets)):
        return {}
    return {name: f"x{number}" for number, name in enumerate(targets[:-1], 1)} | {targets[-1]: "O"}


def _wrong_name(lines: Sequence[Sequence[str]], error: interpreter.ProgramError) -> str | None:
    """Return the name that the parser refuses in a line; None if it is a matter of something else."""
    target, *used = lines[error.line - 1]
    match error.reason:
        case interpreter.Reason.TARGET | interpreter.Reason.REASSIGNED | interpreter.Reason.NAME_TOO_LONG:
            return target
        case interpreter.Reason.CALLEE | interpreter.Reason.ARGUMENT:
            known = _LANGUAGE.union(line[0] for line in lines[: error.line - 1])
            return next((name for name in used if name not in known), None)
    return None


def _shown(text: str) -> str:
    """Quote text for an error: one line, bounded, control characters escaped."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "...")
