"""Faults on purpose, for tests: `CODEIT_JAX_FAULT="point:n[:action]"` strikes at the nth passing of a named point.

The variable is read once, when a run's modules are imported; without it a point costs one comparison. Points lie
between two batches of sampling (`sample`) and of learning (`learn`), around the run of programs (`mutate`, `execute`),
before each file is written, under its name (`metrics.jsonl`, `meta.json`, `summary.json` and so on), after each part
of a checkpoint (`replay`, `state`, `commit`), and before an export appears (`export`).
"""

import errno
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

from codeit_jax.config.errors import UserError

VARIABLE = "CODEIT_JAX_FAULT"


def _fail(number: int) -> Callable[[], None]:
    def strike() -> None:
        raise OSError(number, os.strerror(number))

    return strike


_ACTIONS: dict[str, Callable[[], None]] = {
    # Raised in this process, by itself: at the very point, not some milliseconds later as from outside.
    "kill": lambda: signal.raise_signal(signal.SIGKILL),
    "term": lambda: signal.raise_signal(signal.SIGTERM),
    "int": lambda: signal.raise_signal(signal.SIGINT),
    "enospc": _fail(errno.ENOSPC),
    "eio": _fail(errno.EIO),
}


@dataclass
class Fault:
    """What is to happen, and where.

    Attributes:
        point: name of the point.
        passes_left: strikes when this gets to zero.
        action: `kill`, `term`, `int` (signals to this process), `enospc` or `eio` (an `OSError`).
    """

    point: str
    passes_left: int
    action: str

    def pass_by(self, point: str) -> None:
        """Count a passing of a point, and strike if it is the one."""
        if point == self.point:
            self.passes_left -= 1
            if self.passes_left == 0:
                _ACTIONS[self.action]()


def read_fault(text: str) -> Fault:
    """Read `point:n[:action]`; the action is `kill` if none is named.

    Raises:
        UserError: the text has another form.
    """
    point, _, rest = text.partition(":")
    count, _, action = rest.partition(":")
    action = action or "kill"
    if not point or not count.isdecimal() or action not in _ACTIONS:
        raise UserError(f"{VARIABLE} is {text!r}, expected point:n[:action] with an action of {', '.join(_ACTIONS)}")
    return Fault(point=point, passes_left=int(count), action=action)


def fault_point(name: str) -> None:
    """Mark a place in a run where a fault may strike."""
    if armed is not None:
        armed.pass_by(name)


# Not a parameter: every file that a run writes would have to hand it on, for the tests' sake alone.
armed = read_fault(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None
"""The fault that this process has been given, if any."""
