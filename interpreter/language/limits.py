"""What one program may cost, and which dialect it is read and run in."""

from dataclasses import dataclass
from typing import Literal

Mode = Literal["native", "codeit"]

CODEIT_LENGTH_LIMIT = 1000
"""In mode "codeit" a value with this many elements or more is dropped and its variable stays undefined."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Bounds on one execution; all but the last two are deterministic, so that verdicts never depend on the machine.

    The defaults leave room for anything that a person would write, at 0.1 to 0.2 microseconds a unit. Sampled and
    mutated programs are better run with a tenth of that: one call in a hundred takes three quarters of the time.

    Attributes:
        mode: "native" for today's DSL, "codeit" for the dialect, syntax rules and length limit of the CodeIt release.
        work_per_line: work units (see `values.meter`) that one line may charge.
        work_per_program: work units that all lines together may charge; each line costs one unit more than it charges.
        max_items: most elements of one value, counted at every level and as often as they occur.
        max_integer: largest magnitude of an integer.
        wall_seconds: time that a pool waits for one program on one grid before it kills the worker; a backstop only.
        memory_bytes: address space of a pool worker; a backstop only.
    """

    mode: Mode = "native"
    work_per_line: int = 2_000_000
    work_per_program: int = 10_000_000
    max_items: int = 300_000
    max_integer: int = 1 << 64  # arithmetic on much larger ones would take longer than its charge says
    wall_seconds: float = 30.0  # many times what the work budget allows, so that only a defect or a stall reaches it
    memory_bytes: int = 1 << 30

    def __post_init__(self) -> None:
        if self.mode not in ("native", "codeit"):
            raise ValueError(f"mode is {self.mode!r}, expected 'native' or 'codeit'")
        for name in ("work_per_line", "work_per_program", "max_items", "max_integer"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:  # not `isinstance`, for which True is a budget of one
                raise ValueError(f"{name} is {value!r}, expected a positive integer")
        if not self.wall_seconds > 0:  # refuses NaN too
            raise ValueError(f"wall_seconds is {self.wall_seconds!r}, expected a positive number")
        # With less, what a worker itself needs would leave so little that memory decides verdicts, not the budgets.
        if type(self.memory_bytes) is not int or self.memory_bytes < 1 << 27:
            raise ValueError(f"memory_bytes is {self.memory_bytes!r}, expected an integer of at least {1 << 27}")
