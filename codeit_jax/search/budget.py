"""How long a search may take: in seconds, or in calls, which give the same result everywhere."""

import re
import time
from dataclasses import dataclass

from codeit_jax.errors import UserError

_BUDGET = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|calls)", re.ASCII)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Budget:
    """A bound on a search; exactly one of the two is set.

    Attributes:
        seconds: wall-clock time.
        calls: calls of primitives, one on each input that it is tried on.
    """

    seconds: float | None = None
    calls: int | None = None

    def __post_init__(self) -> None:
        if (self.seconds is None) == (self.calls is None):
            raise ValueError("a budget has either seconds or calls")

    def start(self) -> "Spending":
        """Start the clock."""
        return Spending(self)


class BudgetSpent(Exception):
    """The search is over its budget."""


class Spending:
    """What is left of a budget.

    Attributes:
        calls: calls spent so far.
    """

    def __init__(self, budget: Budget) -> None:
        self.calls = 0
        self._max_calls = budget.calls
        self._deadline = None if budget.seconds is None else time.monotonic() + budget.seconds

    def spend_call(self) -> None:
        """Take one call.

        Raises:
            BudgetSpent: nothing is left.
        """
        if self.calls == self._max_calls or (self._deadline is not None and time.monotonic() >= self._deadline):
            raise BudgetSpent
        self.calls += 1


def parse_budget(text: str) -> Budget:
    """Read `60s`, `5m`, `2h` or `100000calls`.

    Raises:
        UserError: anything else, or nothing at all to spend.
    """
    match = _BUDGET.fullmatch(text)
    number, unit = match.groups() if match else ("0", "s")
    if float(number) <= 0 or (unit == "calls" and not number.isdigit()):
        raise UserError(f"budget is {text!r}, expected a positive time or number of calls: 60s, 5m, 2h, 100000calls")
    return Budget(calls=int(number)) if unit == "calls" else Budget(seconds=float(number) * _SECONDS[unit])
