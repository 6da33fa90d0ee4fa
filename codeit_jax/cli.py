"""The command line: `codeit-jax VERB ...`. Imports only the standard library until a verb runs."""

import argparse
import importlib
import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from codeit_jax import __version__
from codeit_jax.config.errors import CodeitError, UserError, error_line

VERBS = (
    "train",
    "sample",
    "solve",
    "evaluate",
    "show",
    "report",
    "export",
    "programs",
    "mutate",
    "search",
    "sweep",
    "fetch",
    "config",
    "doctor",
    "bench",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb and return the exit code: 0 done, 1 bug, else that of the error (see `codeit_jax.config.errors`)."""
    # A terminal in another encoding shows `\xe9` where it has no sign for a letter; else printing it would raise.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = build_parser()
    arguments, rest = parser.parse_known_args(argv)
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
        print(error_line(error), file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output left, as `| head` does; what is still buffered must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("error: interrupted before there was anything to save, or twice", file=sys.stderr)
        return 130


class _Parser(argparse.ArgumentParser):
    """Ends with the same line and code as any other error of the user's, without three lines of usage above it."""

    def error(self, message: str) -> NoReturn:
        print(error_line(f"{message}; see {self.prog} --help"), file=sys.stderr)
        raise SystemExit(UserError.exit_code)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all verbs."""
    parser = _Parser(prog="codeit-jax", description="A code language model that teaches itself to solve ARC tasks.")
    parser.add_argument("--version", action="version", version=f"codeit-jax {__version__}")
    parser.add_argument("--debug", action="store_true", help="show tracebacks of user errors")
    subparsers = parser.add_subparsers(metavar="VERB", required=True)
    for verb in VERBS:
        importlib.import_module(f"codeit_jax.commands.{verb}").add_parser(subparsers)
    return parser
