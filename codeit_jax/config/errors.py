"""Errors that end a command with one line and a documented exit code, and what makes any text fit for such a line."""

from typing import Any

MAX_LINE = 200
"""The most characters of the line that ends a command."""

_MAX_SHOWN = 80
_SHORT_WORD = 28


class CodeitError(Exception):
    """An expected failure: shown as one line, `error: <message>`, never as a traceback."""

    exit_code = 1


class UserError(CodeitError):
    """Something the user gave is wrong: names the value found and the value expected."""

    exit_code = 2


class DivergedError(CodeitError):
    """Training produced non-finite numbers and was stopped."""

    exit_code = 3


class StorageError(CodeitError):
    """The run directory can't be written or read: full, forbidden, or damaged."""

    exit_code = 4


class LockedError(CodeitError):
    """Another process is using the run directory."""

    exit_code = 5


class LostProcessError(CodeitError):
    """Another process of the run is dead or silent: all end, and resume together from the last checkpoint."""

    exit_code = 6


class PreemptedError(CodeitError):
    """The run was asked to stop and has saved its state."""

    exit_code = 75


def printable(text: str) -> str:
    r"""Return a text in one line that shows what is in it, and does nothing to a terminal: the rest as `\n`, `\x1b`.

    For every name, path and text that comes from a file, a folder or the command line. Escaped are line ends, control
    characters, marks of direction and others that can't be seen, and lone surrogates, which can't be written at all.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def error_line(message: object) -> str:
    """Return the one line that ends a command: `error: ...`, printable, of at most `MAX_LINE` characters."""
    line = f"error: {printable(str(message))}"
    # First what is long by itself, of that first paths and addresses: what stands between says what the matter is.
    while len(line) > MAX_LINE:
        words = [word for word in line.split(" ") if len(word) > _SHORT_WORD]
        if not words:
            return _cut(line, MAX_LINE)
        word = max(words, key=lambda word: ("/" in word, len(word)))
        line = line.replace(word, _cut(word, max(_SHORT_WORD, len(word) - len(line) + MAX_LINE)), 1)
    return line


def _cut(text: str, length: int) -> str:
    """Return a text without its middle: of a path the file's name stays, of a message what is expected."""
    head = (length - 3) // 2
    return f"{text[:head]}...{text[head + 3 - length :]}"


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, for a message of one line; "" if it says nothing."""
    return str(error).partition("\n")[0]


def shown(value: Any) -> str:
    """Return a value as a message shows it: one line of bounded length."""
    try:
        text = printable(repr(value[:_MAX_SHOWN] if isinstance(value, str) else value))
    except (ValueError, RecursionError):  # an integer of thousands of digits, lists nested as deep
        return f"a {type(value).__name__} too large to print"
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."
