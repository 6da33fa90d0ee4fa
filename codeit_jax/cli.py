"""The command line: `codeit-jax VERB ...`. Imports only the standard library until a verb runs."""

import argparse
import importlib
import io
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from codeit_jax import __version__
from codeit_jax.config.errors import CodeitError, UserError, error_line

VERBS = (
    "train",
    "sample",
    "solve",
    "evaluate",
    "predict",
    "show",
    "report",
    "compare",
    "export",
    "export-solutions",
    "programs",
    "mutate",
    "search",
    "sweep",
    "fetch",
    "config",
    "doctor",
    "bench",
)

SEPARATOR = "\0--"
"""What `main` puts in place of the `--` between groups of arguments; nobody can type it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb and return the exit code: 0 done, 1 bug, 130 interrupted, else see `codeit_jax.config.errors`."""
    # A terminal in another encoding shows `\xe9` where it has no sign for a letter; else printing it would raise.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = _run(argv)
        sys.stdout.flush()  # here, where it is known what a reader that left means
        return code
    except BrokenPipeError:
        # The reader of our output left, as `| head` does; what is still buffered must not raise again at exit.
        for stream in (sys.stdout, sys.stderr):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return 0
    except KeyboardInterrupt:
        _complain("interrupted before there was anything to save")
        return 130


def _run(argv: Sequence[str] | None) -> int:
    parser = build_parser()
    words = sys.argv[1:] if argv is None else list(argv)
    # argparse drops one `--`, and which one depends on Python's version; `compare` needs all of them.
    if "compare" in words[:2]:
        words = [SEPARATOR if word == "--" else word for word in words]
    arguments, rest = parser.parse_known_args(words)
    # argparse fills a list of positionals in one go, so settings given after a later option end up in the rest.
    if rest and (not hasattr(arguments, "overrides") or any("=" not in word or word.startswith("-") for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        arguments.overrides += rest
    try:
        return int(arguments.run(arguments))
    except CodeitError as error:
        if arguments.debug or os.environ.get("CODEIT_JAX_DEBUG"):
            traceback.print_exc()
        _complain(str(error))
        return error.exit_code


def _complain(problem: str) -> None:
    # Nobody may be there to read it: the exit code says what happened all the same.
    with suppress(OSError):
        print(error_line(problem), file=sys.stderr, flush=True)


class _Parser(argparse.ArgumentParser):
    """Ends with the same line and code as any other error of the user's, without three lines of usage above it."""

    def error(self, message: str) -> NoReturn:
        _complain(f"{message}; see {self.prog} --help")
        raise SystemExit(UserError.exit_code)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all verbs."""
    parser = _Parser(prog="codeit-jax", description="A code language model that teaches itself to solve ARC tasks.")
    parser.add_argument("--version", action="version", version=f"codeit-jax {__version__}")
    parser.add_argument("--debug", action="store_true", help="show tracebacks of user errors")
    subparsers = parser.add_subparsers(metavar="VERB", required=True)
    for verb in VERBS:
        importlib.import_module(f"codeit_jax.commands.{verb.replace('-', '_')}").add_parser(subparsers)
    return parser
