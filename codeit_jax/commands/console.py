"""What verbs share at the console: text for people, a JSON object for programs, and requests to stop."""

import json
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, TextIO

from codeit_jax.config.errors import printable


def text_stream(*, as_json: bool) -> TextIO:
    """Return where a verb's text goes: standard output, or standard error if that is for a JSON object."""
    # Standard output has nothing but the object then, so that `codeit-jax ... --json | jq` works.
    return sys.stderr if as_json else sys.stdout


def print_result(text: str, result: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the lines of a text and, with `as_json`, the result as one line of standard output."""
    # Names of tasks, concepts and files are in them.
    for line in text.split("\n"):
        print(printable(line), file=text_stream(as_json=as_json))
    if as_json:
        print(json.dumps(result))


@contextmanager
def signals_interrupt() -> Iterator[Callable[[], None]]:
    """Make SIGTERM and SIGHUP raise KeyboardInterrupt, as SIGINT does.

    For verbs that keep what they have done: schedulers and preempted machines send SIGTERM, people press Ctrl-C or
    close the terminal; whoever was started by `nohup` ignores that, and still does.

    Yields:
        What to call between two pieces of work: it raises KeyboardInterrupt if a signal came whose own was lost.
    """
    asked = False

    def note(signum: int, frame: FrameType | None) -> None:
        # Noted first: raised inside a callback, of garbage collection for instance, it would be printed and dropped.
        nonlocal asked
        asked = True
        raise KeyboardInterrupt

    def interrupt_if_asked() -> None:
        if asked:
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, note)
    try:
        yield interrupt_if_asked
    finally:
        # A second signal, after the work is saved, ends the process as it would anywhere.
        for number, handler in before.items():
            signal.signal(number, handler)
