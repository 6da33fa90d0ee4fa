"""What verbs share at the console: text for people, a JSON object for programs, and requests to stop."""

import json
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
def sigterm_interrupts() -> Iterator[None]:
    """Make SIGTERM raise KeyboardInterrupt, as SIGINT does.

    For verbs that keep what they have done: schedulers and preempted machines send SIGTERM, people press Ctrl-C.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        # A second signal, after the work is saved, ends the process as it would anywhere.
        signal.signal(signal.SIGTERM, before)
