"""How long a search may take: in seconds, or in programs, which give the same result on every machine."""

import re
import time
from dataclasses import dataclass

from codeit_jax.config.errors import UserError, shown

# Twelve digits: thirty thousand years, and no infinity.
_PART = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)(s|m|h|programs)", re.ASCII)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
# Looking at the clock before each program would take a noticeable share of a search; 32 programs take milliseconds.
_PROGRAMS_PER_LOOK = 32


@dataclass(frozen=True, slots=True)
class Budget:
    """A bound on a search; at least one of the two is set.

    Attributes:
        seconds: wall-clock time.
        programs: the number of programs tried.
    """

    seconds: float | None = None
    programs: int | None = None

    def __post_init__(self) -> None:
        if self.seconds is None and self.programs is None:
            raise ValueError("a budget has seconds or programs or both")

    def start(self) -> "Spending":
        """Start the clock."""
        return Spending(self)


class BudgetSpent(Exception):
    """The search is over its budget."""


class Spending:
    """What is left of a budget.

    Attributes:
        programs: programs tried so far.
    """

    def __init__(self, budget: Budget) -> None:
        self.programs = 0
        self._max_programs = budget.programs
        self._deadline = None if budget.seconds is None else time.monotonic() + budget.seconds

    def spend_program(self) -> None:
        """Count one program that is about to be tried.

        Raises:
            BudgetSpent: nothing is left.
        """
        # Before it is tried, so that by programs a search ends at exactly the same one everywhere.
        if self.programs == self._max_programs:
            raise BudgetSpent
        if self._deadline is not None and not self.programs % _PROGRAMS_PER_LOOK and time.monotonic() >= self._deadline:
            raise BudgetSpent
        self.programs += 1


def parse_budget(text: str) -> Budget:
    """Read `60s`, `5m`, `2h`, `100000programs`, or a time and a number separated by a comma.

    Raises:
        UserError: anything else, or a budget of 0.
    """
    parts = [_PART.fullmatch(part) for part in text.split(",")]
    amounts = {"programs" if match[2] == "programs" else "seconds": match.groups() for match in parts if match}
    # Fewer amounts than parts: one part is malformed, or two are of one kind.
    whole = "programs" not in amounts or amounts["programs"][0].isdigit()
    if len(amounts) != len(parts) or not whole or not all(float(number) > 0 for number, _ in amounts.values()):
        raise UserError(
            f"budget is {shown(text)}, expected a positive time or number of programs or both: 60s, 5m, 2h, "
            "100000programs, 10m,100000programs"
        )
    seconds, programs = amounts.get("seconds"), amounts.get("programs")
    return Budget(
        seconds=float(seconds[0]) * _SECONDS[seconds[1]] if seconds else None,
        programs=int(programs[0]) if programs else None,
    )
