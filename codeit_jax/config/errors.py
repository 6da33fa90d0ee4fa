"""Errors that end a command with one line and a documented exit code, and what keeps a message to that line."""

from typing import Any

_MAX_SHOWN = 80


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


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, for a message of one line; "" if it says nothing."""
    return str(error).partition("\n")[0]


def shown(value: Any) -> str:
    """Return a value as a message shows it: one line of bounded length."""
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."
