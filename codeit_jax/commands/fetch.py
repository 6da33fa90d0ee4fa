"""`codeit-jax fetch NAME DIR`: published weights, or arc-dsl's programs."""

import argparse
import re
from collections.abc import Sequence

from codeit_jax.commands.cli_options import add_json_argument, file_path
from codeit_jax.commands.console import print_result

_ONE_FILE = "solvers.py"
# The keys of fetching.PUBLISHED, which the parser must not import: it would bring in the whole network client.
_NAMES = ("codet5-small", "codet5p-220m", "codet5p-770m", _ONE_FILE)
_PIN = re.compile(r"(?:([\w.-]+)=)?([0-9a-fA-F]{64})")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `fetch`."""
    parser = subparsers.add_parser("fetch", help="download a published checkpoint, or arc-dsl's solvers.py")
    parser.add_argument("name", choices=_NAMES, metavar="NAME", help=", ".join(_NAMES))
    parser.add_argument("folder", type=file_path, metavar="DIR", help="where to put it; created if missing")
    # For another commit than the lock file's a new folder is needed; see `fetching`.
    parser.add_argument("--revision", metavar="R", help="branch, tag or commit (default: the lock file's, or main)")
    parser.add_argument(
        "--sha256", action="append", default=[], metavar="[FILE=]HEX", help="expected digest; FILE= for checkpoints"
    )
    add_json_argument(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Fetch, and print commit and digests, which are also in the folder's lock file.

    Raises:
        UserError: no connection, or something other than expected.
        StorageError: the disk can't be written.
    """
    from codeit_jax.fetching import fetch
    from codeit_jax.reporting.progress import Reporter

    # A mistyped digest is an error before the download, not after it.
    pins = _pins(arguments.name, arguments.sha256)
    with Reporter().stage(f"fetch {arguments.name}") as advance:
        fetched = fetch(arguments.name, arguments.folder, revision=arguments.revision, sha256=pins, advance=advance)
    # In the format of sha256sum, two blanks included, so that `sha256sum -c` reads it.
    lines = [f"{digest}  {arguments.folder / file}" for file, digest in fetched.sha256.items()]
    text = "\n".join([f"{fetched.repository} at commit {fetched.revision}", *lines])
    result = {
        "folder": str(arguments.folder),
        "repository": fetched.repository,
        "revision": fetched.revision,
        "sha256": dict(fetched.sha256),
    }
    print_result(text, result, as_json=arguments.json)
    return 0


def _pins(name: str, texts: Sequence[str]) -> dict[str, str]:
    from codeit_jax.config.errors import UserError

    pins = {}
    for text in texts:
        found = _PIN.fullmatch(text)
        # A checkpoint has several files, so a digest without a name says nothing there.
        if found is None or (found[1] is None and name != _ONE_FILE):
            expected = "64 hex digits" if name == _ONE_FILE else "FILE=64 hex digits"
            raise UserError(f"--sha256 is {text[:100]!r}, expected {expected}")
        pins[found[1] or _ONE_FILE] = found[2].lower()
    return pins
