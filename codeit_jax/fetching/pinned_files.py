"""Fetching published files into a folder, with a lock file that records exactly what was fetched.

The first fetch takes the commit that is pinned here, or the one that the publisher's branch names at the time, and
writes commit and digests into the lock file; whoever has that file gets the same bytes or an error.
"""

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from codeit_jax.config.errors import StorageError, UserError, first_line
from codeit_jax.config.input_files import read_json
from codeit_jax.fetching.download import discard, download, keep
from codeit_jax.fetching.publishers import PUBLISHED, RemoteFile
from codeit_jax.storage.files import sha256_of_file, write_atomically

LOCK_FILE = "fetch.lock.json"
"""Name of the lock file."""

_MAX_LOCK_BYTES = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What is in the folder now; the content of its lock file.

    Attributes:
        name: a name in `PUBLISHED`.
        repository: where the files are from.
        revision: the commit.
        sha256: file name -> digest in hex.
        complete: whether all files are there.
    """

    name: str
    repository: str
    revision: str
    sha256: Mapping[str, str]
    complete: bool


def fetch(
    name: str,
    folder: Path,
    *,
    revision: str | None,
    sha256: Mapping[str, str],
    advance: Callable[[int, int], None],
) -> Fetched:
    """Download what is missing in the folder, and verify the rest.

    Args:
        name: a name in `PUBLISHED`.
        folder: created if missing.
        revision: branch, tag or commit; None takes the lock file's commit, or the publisher's `revision` without one.
        sha256: digests that the user expects, by file name.
        advance: called with a file's bytes done and bytes in total.

    Raises:
        UserError: no connection, another digest or commit than expected, or the lock file of something else.
        StorageError: the disk is full or can't be written.
    """
    # The order matters: what the lock file and the user say is compared before anything is downloaded, and a complete
    # folder is verified without the network.
    folder = folder.expanduser()
    lock = _read_lock(folder / LOCK_FILE)
    if lock is not None:
        _check_lock(lock, name, revision, folder)
    expected = _expected_digests(lock, sha256, folder)
    if lock is not None and _is_whole(folder, lock):
        return lock
    # The hub's own switch, with its own spellings of "no": clusters set it where a download would only time out.
    if os.environ.get("HF_HUB_OFFLINE", "0").lower() not in ("", "0", "false", "no", "off"):
        raise UserError("HF_HUB_OFFLINE is set, expected unset: fetch is the verb that uses the network")
    publisher = PUBLISHED[name]
    if lock is None:
        commit = publisher.commit(revision or publisher.revision)
        lock = Fetched(name=name, repository=publisher.repository, revision=commit, sha256={}, complete=False)
    files = publisher.files(lock.revision)
    unknown = sorted(expected.keys() - {file.name for file in files})
    if unknown:
        known = ", ".join(file.name for file in files)
        raise UserError(f"{name} at {lock.revision}: has no file {unknown[0]}, expected {known}")
    return _fetch_missing(files, folder, lock, expected, advance)


def _expected_digests(lock: Fetched | None, pins: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the digests known in advance: the lock file's and the user's, which must not contradict them."""
    expected = {} if lock is None else dict(lock.sha256)
    for name, digest in pins.items():
        if expected.setdefault(name, digest) != digest:
            raise UserError(f"{folder / LOCK_FILE}: {name} has SHA-256 {expected[name]}, expected {digest}")
    return expected


def _fetch_missing(
    files: Sequence[RemoteFile],
    folder: Path,
    lock: Fetched,
    expected: Mapping[str, str],
    advance: Callable[[int, int], None],
) -> Fetched:
    _make_folder(folder)
    for file in files:
        path = folder / file.name
        if not path.exists():
            digest = _fetch_file(file, path, expected.get(file.name), advance)
            # After each file: a fetch that is interrupted resumes with the files of the same commit.
            lock = replace(lock, sha256={**lock.sha256, file.name: digest})
            _write_lock(folder / LOCK_FILE, lock)
        # A file of somebody else's: neither overwritten nor passed off as fetched.
        elif file.name not in lock.sha256:
            raise UserError(
                f"{path}: exists, but {LOCK_FILE} doesn't name it; expected a folder that only fetch writes"
            )
    lock = replace(lock, complete=True)
    _write_lock(folder / LOCK_FILE, lock)
    return lock


def _fetch_file(file: RemoteFile, path: Path, expected: str | None, advance: Callable[[int, int], None]) -> str:
    try:
        found = download(file.url, path, max_bytes=file.max_bytes, advance=advance)
        for origin, digest in (("expected", expected), ("announced by its publisher or pinned", file.sha256)):
            # Before `keep`: a file with another digest never gets its name.
            if digest is not None and digest != found:
                raise UserError(f"{file.url}: has SHA-256 {found}, {origin} is {digest}")
        keep(path)
    # Ctrl-C included: no `.part` stays behind. After `keep` there is nothing to discard.
    finally:
        discard(path)
    return found


def _is_whole(folder: Path, lock: Fetched) -> bool:
    """Return whether all files are there, each of them as the lock file says.

    Raises:
        UserError: a file isn't what the lock file says.
    """
    missing = not lock.complete
    # Files that are there are verified even if others are missing: a damaged one is reported before a long download.
    for file, digest in lock.sha256.items():
        path = folder / file
        if not path.is_file():
            missing = True
        elif (found := sha256_of_file(path)) != digest:
            raise UserError(f"{path}: has SHA-256 {found}, expected {digest}; remove it to fetch it again")
    return not missing


def _check_lock(lock: Fetched, name: str, revision: str | None, folder: Path) -> None:
    # One folder, one checkpoint: files of two would overwrite each other's config.json.
    if lock.name != name:
        raise UserError(f"{folder}: holds {lock.name}, expected {name} or an empty folder")
    if revision not in (None, lock.revision):
        raise UserError(f"{folder}: holds commit {lock.revision}, expected {revision}; use another folder for that")


def _read_lock(path: Path) -> Fetched | None:
    there = next(folder for folder in path.absolute().parents if os.path.lexists(folder))
    if not os.path.isdir(there):
        raise UserError(f"{path.parent}: isn't a folder, expected one or a new path")
    if not os.path.lexists(path):
        return None
    try:
        lock = Fetched(**read_json(path, max_bytes=_MAX_LOCK_BYTES))
    except TypeError as error:
        raise UserError(f"{path}: can't be read ({first_line(error)}), expected a lock file") from None
    # A lock file may come from somebody else with the folder: its file names are joined to paths, so none may lead out.
    digests = lock.sha256 if isinstance(lock.sha256, dict) else {}
    names_are_plain = all(Path(file).name == file for file in digests)
    if not digests or not names_are_plain or not all(_SHA256.fullmatch(str(digest)) for digest in digests.values()):
        raise UserError(f"{path}: isn't what fetch writes, expected digests of files beside it")
    return lock


def _write_lock(path: Path, fetched: Fetched) -> None:
    # Replaced as a whole: a lock file torn by a full disk would make the folder useless.
    write_atomically(path, json.dumps(asdict(fetched), indent=2) + "\n")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder}: can't be created ({error.strerror})") from None
