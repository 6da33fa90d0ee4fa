"""What people see while a run works: progress bars on a terminal, occasional plain lines elsewhere; also log.txt."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from codeit_jax.config.errors import StorageError, printable

PLAIN_LINE_SECONDS = 30.0
"""Time between two lines of progress where there is no terminal."""

Advance = Callable[[int, int], None]
"""Called with units done and units in total."""


class _Terminal(Console):
    """Standard error, which may go away: the run and its log go on."""

    def on_broken_pipe(self) -> None:
        """Print nothing any more; rich would end the process."""
        self.quiet = True

    def _check_buffer(self) -> None:
        try:
            super()._check_buffer()
        except OSError:  # of a terminal that was closed, or a file on a full disk
            self._buffer.clear()
            self.quiet = True


class Reporter:
    """Writes to standard error and, once it is open, to the run's log file.

    Args:
        quiet: print nothing; the log is written all the same.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        # Standard error: standard output is for results, with --json one object on its last line.
        self._console = _Terminal(stderr=True, quiet=quiet, highlight=False)
        self._log: FileIO | None = None

    def mute(self) -> None:
        """Print nothing from now on; the log is written all the same."""
        self._console.quiet = True

    def open_log(self, path: Path) -> None:
        """Append everything said from now on to a file, with the time of day.

        Raises:
            StorageError: it can't be opened.
        """
        # Append: a resumed run continues its log. Open for as long as the run, so no `with`. Without a buffer: for
        # `tail -f`, and so that a killed run's log ends with its last line.
        try:
            self._log = open(path, "ab", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise StorageError(f"{path}: can't be opened ({error.strerror})") from None

    def close(self) -> None:
        """Close the log file."""
        if self._log is not None:
            self._log.close()

    def say(self, line: str) -> None:
        """Print a line and log it.

        Raises:
            StorageError: the log can't be written.
        """
        line = printable(line)  # names of files and tasks are in it; the log is read on a terminal, too
        # rich would take brackets in program texts and task names for markup, and break long lines of a pipe.
        self._console.print(line, markup=False, soft_wrap=True)
        if self._log is not None:
            try:
                self._log.write(f"{time.strftime('%H:%M:%S')} {line}\n".encode(errors="backslashreplace"))
            except OSError as error:
                raise StorageError(f"{self._log.name}: can't be written ({error.strerror})") from None

    @contextmanager
    def stage(self, name: str) -> Iterator[Advance]:
        """Show the progress of one stage, with an estimate of the time left.

        Yields:
            A function to call with units done and units in total.
        """
        if self._console.is_terminal:
            with self._bars() as bars:
                task = bars.add_task(name, total=None)
                yield lambda done, total: bars.update(task, completed=done, total=total)
        else:
            yield _PlainProgress(name, self.say)

    def _bars(self) -> Progress:
        # Transient: finished bars disappear, what `say` prints remains.
        columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        return Progress(*columns, TimeRemainingColumn(), console=self._console, transient=True)


class _PlainProgress:
    """A line every half minute, for logs and pipes."""

    def __init__(self, name: str, say: Callable[[str], None]) -> None:
        self._name, self._say = name, say
        self._start = self._last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        # Without anything done there is nothing to extrapolate from.
        if now - self._last < PLAIN_LINE_SECONDS or not done:
            return
        self._last = now
        left = (now - self._start) * (total - done) / done
        self._say(f"  {self._name}: {done} of {total}, about {format_seconds(left)} left")


def format_seconds(seconds: float) -> str:
    """Return a duration as text: `42 s`, `3 min 05 s`, `2 h 10 min`."""
    # Rounded once, before it is divided: else 59.7 would become `60 s`, and 119.7 `1 min 60 s`.
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
