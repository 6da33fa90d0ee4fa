"""The verdict on one program on one grid."""

from enum import StrEnum
from typing import NamedTuple

Grid = tuple[tuple[int, ...], ...]


# The order gives the numbers between pool and worker; both run the same code, so that it may change.
class Status(StrEnum):
    """How an execution ended."""

    OK = "ok"
    """The result is a valid grid."""
    SYNTAX = "syntax"
    """The text is no program."""
    ERROR = "error"
    """A call failed."""
    INVALID = "invalid"
    """The result is no valid grid."""
    WORK = "work"
    """A line or the program used up its work budget."""
    SIZE = "size"
    """A value grew beyond its bounds."""
    TIMEOUT = "timeout"
    """The worker was killed after `Limits.wall_seconds`, twice."""
    DIED = "died"
    """The worker died, twice; or memory ran out."""
    SKIPPED = "skipped"
    """Not run, because an earlier grid was missed already."""


# A named tuple, since every execution makes one, and a frozen dataclass takes longer to make.
class Outcome(NamedTuple):
    """The result of one program on one grid.

    Attributes:
        status: how it ended.
        grid: the output, only with `Status.OK`.
        message: what went wrong and in which line; empty with `Status.OK`.
        work: units charged by the lines that were completed.
    """

    status: Status
    grid: Grid | None = None
    message: str = ""
    work: int = 0


SKIPPED = Outcome(Status.SKIPPED)
