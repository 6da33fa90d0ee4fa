"""How a command ended, and whether a user would call it right."""

import contextlib
import io
import os
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from codeit_jax.cli import main
from codeit_jax.config.errors import MAX_LINE, CodeitError, error_line

MAX_SECONDS = 3.0
REFUSALS = (2, 4)


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code, output, and the processor time that it took here."""

    code: int
    out: str
    err: str
    seconds: float


def drive(words: Sequence[str]) -> Ended:
    """Run `codeit-jax` in this process."""
    return _timed(lambda: main(list(words)))


def call(function: Callable[[], object]) -> Ended:
    """Run a function as a command does that calls it: its errors become the command's last line and its exit code."""

    def run() -> int:
        try:
            function()
        except CodeitError as error:
            print(error_line(error), file=sys.stderr)
            return error.exit_code
        return 0

    return _timed(run)


def spawn(words: Sequence[str], folder: Path) -> Ended:
    """Run `codeit-jax` as a user does; standard output in ASCII, which most names don't fit into."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "codeit_jax", *words], cwd=folder, env=environment, capture_output=True, timeout=120
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode(), 0.0)


def _timed(run: Callable[[], int]) -> Ended:
    out, err = io.StringIO(), io.StringIO()
    start = time.process_time()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = run()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            traceback.print_exc()
            code = 1
    return Ended(code, out.getvalue(), err.getvalue(), time.process_time() - start)


def fault_of(ended: Ended, allowed: Sequence[int]) -> str | None:
    """Return what is wrong with how a command ended, None if nothing is.

    Args:
        ended: the command.
        allowed: the exit codes that are right; a refusal must be one printable line on standard error, made fast.
    """
    if ended.code not in allowed:
        return f"code {ended.code}, expected {' or '.join(map(str, allowed))}: {ended.err[-600:] or ended.out[-300:]}"
    if ended.code not in REFUSALS:
        return None
    *before, line = ended.err.rstrip("\n").split("\n")
    if not line.startswith("error: ") or not line.isprintable() or len(line) > MAX_LINE:
        return f"not one printable line of at most {MAX_LINE} characters: {ended.err[:600]!r}"
    if any(text.startswith(("Traceback", "error: ")) or not text.isprintable() for text in before):
        return f"more than one line: {ended.err[:600]!r}"
    if ended.seconds > MAX_SECONDS:
        return f"{ended.seconds:.1f} s of processor time"
    return None


@dataclass
class Tally:
    """What became of the inputs of one kind."""

    kind: str
    codes: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def add(self, name: str, ended: Ended, allowed: Sequence[int]) -> None:
        """Judge one input."""
        self.codes[ended.code] += 1
        if ended.code in REFUSALS:
            self.slowest = max(self.slowest, ended.seconds)
        if (fault := fault_of(ended, allowed)) is not None:
            self.faults.append(f"{self.kind} {name}: {fault}")

    def finish(self) -> None:
        """Print the figures, and fail if anything was wrong."""
        codes = ", ".join(f"{number} with code {code}" for code, number in sorted(self.codes.items()))
        print(f"{self.kind}: {sum(self.codes.values())}, {codes}, slowest refusal {self.slowest:.2f} s")
        assert not self.faults, "\n".join([f"{len(self.faults)} faults", *self.faults])
