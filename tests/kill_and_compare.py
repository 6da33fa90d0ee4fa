"""Kill and compare: a job that was interrupted anywhere has to come to what it comes to undisturbed, bit by bit.

For any command that writes its results into a folder and goes on there when it is started again; needs the standard
library only. `docs/kill_and_compare.md` puts a small trainer under it.
"""

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Ended:
    """How a start of the job ended.

    Attributes:
        code: exit code; negative is the signal that ended it.
        out: standard output.
        err: standard error.
        seconds: from the start to the end.
        seconds_after_signal: from the signal to the end; None if none was sent.
    """

    code: int
    out: str
    err: str
    seconds: float
    seconds_after_signal: float | None = None


@dataclass(frozen=True)
class Undisturbed:
    """What the job comes to when nothing happens, and how long it takes."""

    result: Any
    seconds: float


@dataclass(frozen=True)
class Job:
    """A command that can be interrupted.

    Attributes:
        command: the command for a folder; the same one begins and resumes.
        result: everything that has to be equal, read from the folder when the job is done: nested dicts and lists of
            what `==` compares. Leave clocks out.
        environment: variables to add.
        timeout: seconds after which a start counts as hung.
    """

    command: Callable[[Path], Sequence[str]]
    result: Callable[[Path], Any]
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 280

    def start(self, folder: Path) -> "subprocess.Popen[str]":
        """Start the job in a group of its own."""
        return subprocess.Popen(
            self.command(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.environment},
            process_group=0,
        )

    def finish(self, folder: Path) -> Ended:
        """Start the job and wait for its end."""
        return self._wait(self.start(folder), time.monotonic())

    def undisturbed(self, folder: Path) -> Undisturbed:
        """Do the job in a folder of its own, and read what it comes to."""
        ended = self.finish(folder)
        assert ended.code == 0, f"the undisturbed job ends with {ended.code}: {ended.err}"
        return Undisturbed(self.result(folder), ended.seconds)

    def interrupt(self, folder: Path, after: float, number: int = signal.SIGKILL) -> Ended:
        """Start the job, send it a signal after some seconds, and wait for its end."""
        start = time.monotonic()
        process = self.start(folder)
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
            return self._wait(process, start, signaled=time.monotonic())
        return self._wait(process, start)

    def _wait(self, process: "subprocess.Popen[str]", start: float, signaled: float | None = None) -> Ended:
        try:
            out, err = process.communicate(timeout=self.timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            raise AssertionError(f"the job hangs; until then it said {err!r}") from None
        end = time.monotonic()
        return Ended(process.returncode, out, err, end - start, None if signaled is None else end - signaled)


def assert_comes_to_the_same(
    job: Job,
    folder: Path,
    whole: Undisturbed,
    moments: Iterable[float],
    number: int = signal.SIGKILL,
    codes: Iterable[int] = (-signal.SIGKILL,),
) -> list[Ended]:
    """Interrupt a job at moments, one start after the other, then let it end, and compare.

    Args:
        job: the job.
        folder: where to do it.
        whole: the undisturbed one.
        moments: when to interrupt each start, as shares of the undisturbed job's time.
        number: the signal.
        codes: with which an interrupted start may end; one that was faster than the signal ends with 0.

    Returns:
        How each start ended, the last one too.

    Raises:
        AssertionError: another exit code, or a result that differs; the message names where.
    """
    starts = [job.interrupt(folder, moment * whole.seconds, number) for moment in moments]
    for ended in starts:
        assert ended.code in {0, *codes}, f"an interrupted start ends with {ended.code}: {ended.err}"
    last = job.finish(folder)
    assert last.code == 0, f"the last start ends with {last.code}: {last.err}"
    difference = first_difference(job.result(folder), whole.result)
    assert difference is None, f"the interrupted job comes to something else: {difference}"
    return [*starts, last]


def first_difference(found: Any, expected: Any, place: str = "result") -> str | None:
    """Return where two results differ first, and what is there; None if nowhere."""
    if isinstance(found, Mapping) and isinstance(expected, Mapping):
        if found.keys() != expected.keys():
            return f"{place} has {sorted(found)}, expected {sorted(expected)}"
        pairs = [(f"{place}[{key!r}]", found[key], expected[key]) for key in expected]
    elif isinstance(found, (list, tuple)) and isinstance(expected, (list, tuple)) and len(found) == len(expected):
        pairs = [(f"{place}[{i}]", a, b) for i, (a, b) in enumerate(zip(found, expected, strict=True))]
    else:
        return None if found == expected else f"{place} is {found!r:.200}, expected {expected!r:.200}"
    return next((where for pair in pairs if (where := first_difference(pair[1], pair[2], pair[0]))), None)


def files_of(folder: Path, patterns: Sequence[str] = ("**/*",)) -> dict[str, str]:
    """Return the digest of each file that a pattern finds: a result for jobs whose files hold no clock."""
    files = sorted({file for pattern in patterns for file in folder.glob(pattern) if file.is_file()})
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
