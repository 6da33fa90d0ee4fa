"""Checkpoints: one consistent snapshot of everything that decides how a run continues.

A checkpoint is the folder `checkpoints/<number>` with the train state (orbax) and `meta.json` (counters, and what the
run is made of), `replay/<number>` with the replay, and the line files up to where they had grown. It is written in this
order: replay, state, meta, then the manifest `checkpoints/<number>.sha256` with size and SHA-256 of every file, and of
that much of each line file; the manifest's rename is the commit. Orbax doesn't check its array data: a flipped bit
would restore as a wrong number without an error, so the manifest is verified before a restore.
"""

import gc
import json
import logging
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp

from codeit_jax.config.errors import DivergedError, StorageError, first_line
from codeit_jax.parallel.hosts import ALONE, Hosts
from codeit_jax.storage.faults import fault_point
from codeit_jax.storage.files import sha256_of_file, sync_directory, write_atomically
from codeit_jax.storage.line_files import LINE_FILES, Mark, prefix_mark
from codeit_jax.storage.run_directory import MANIFEST_SUFFIX, RunDirectory

_SET_ASIDE = ".corrupt"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint found on disk.

    Attributes:
        number: counts up with every checkpoint of a run.
        state: folder of the train state.
        replay: folder of the replay.
        meta: what was given to `save`.
        line_marks: how far the line files had grown.
    """

    number: int
    state: Path
    replay: Path
    meta: dict[str, Any]
    line_marks: dict[str, Mark]


def save(
    directory: RunDirectory,
    number: int,
    *,
    state: Mapping[str, Any],
    save_replay: Callable[[Path], None],
    meta: Mapping[str, Any],
    keep: int,
    hosts: Hosts = ALONE,
) -> None:
    """Write a checkpoint and remove all but the newest `keep`; every process of the run has to call it.

    Args:
        directory: the run's.
        number: larger than that of any checkpoint there.
        state: nested dict of arrays.
        save_replay: writes this process's part of the replay into the folder given.
        meta: JSON values.
        keep: how many checkpoints stay.
        hosts: the processes; the first one commits when all have written their parts.

    Raises:
        DivergedError: an array holds NaN or infinity; nothing is written.
        StorageError: the disk is full or can't be written; older checkpoints stay whole.
    """
    # Before anything is written: a checkpoint of NaN would push a sound one out.
    _check_finite(state)
    problem = None
    with _without_tracebacks():
        try:
            _write(directory, number, state, save_replay, meta, keep, hosts)
        except (OSError, ValueError) as error:  # tensorstore reports an error of the disk as a ValueError
            problem = first_line(error)
        if problem is not None:
            # What the failed write left is dropped here, where nobody sees what it still has to say.
            gc.collect()
    if problem is not None:
        free = shutil.disk_usage(directory.path).free >> 20
        folder = directory.checkpoints / str(number)
        raise StorageError(f"{folder}: the checkpoint can't be written ({problem}; {free} MiB free)")


def _write(
    directory: RunDirectory,
    number: int,
    state: Mapping[str, Any],
    save_replay: Callable[[Path], None],
    meta: Mapping[str, Any],
    keep: int,
    hosts: Hosts,
) -> None:
    folder, replay = _folders(directory, number)
    # Of a process that died before its commit, or set aside as damaged; nobody takes them for a checkpoint.
    if hosts.is_first:
        for leftover in (folder, replay):
            shutil.rmtree(leftover, ignore_errors=True)
            leftover.mkdir(parents=True)
    hosts.wait()  # the folders are there
    save_replay(replay)
    fault_point("replay")
    # Every process writes the shards that it holds. Orbax saves in the background: leaving the block waits for it,
    # and raises what went wrong there.
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(folder / "state", state)
    fault_point("state")
    # All parts are written: only now may the first process list them in the manifest.
    hosts.wait()
    if hosts.is_first:
        _commit(directory, number, meta, keep)


def _commit(directory: RunDirectory, number: int, meta: Mapping[str, Any], keep: int) -> None:
    # The line files are synced first, the lines until here belong to this checkpoint; then what is in its folders. Then
    # the manifest, whose rename makes all of it a checkpoint; a process that dies before has left only leftovers.
    lines = directory.line_marks()
    write_atomically(directory.checkpoints / str(number) / "meta.json", json.dumps(meta, allow_nan=False))
    _sync(directory, number)
    write_atomically(_manifest(directory, number), json.dumps(_digests(directory, number) | lines))
    directory.note_checkpoint(number)
    fault_point("commit")
    # After the commit, and after all of it is on the disk: at no moment, a power failure's included, are there fewer
    # than `keep`.
    for old in _numbers(directory)[:-keep]:
        _remove(directory, old)


def latest(directory: RunDirectory, say: Callable[[str], None], hosts: Hosts = ALONE) -> Checkpoint | None:
    """Find the newest checkpoint that is whole; newer ones, damaged, are reported and set aside.

    Args:
        directory: the run's.
        say: prints a line for each checkpoint that is damaged or gone.
        hosts: the processes, which all have to call this; the first one looks.

    Returns:
        None for a directory without any checkpoint.

    Raises:
        StorageError: there are, or were, checkpoints, but none is whole; all stay as they are.
    """
    # One process looks and the others are given its answer: reading all files on each host would take as many times
    # as long, and a host that saw another state of the file system would resume from elsewhere.
    saved = _newest_of_writer(directory, say) if hosts.is_first else None
    number = hosts.broadcast(str(saved.number).encode() if saved is not None else b"")
    return saved if hosts.is_first or not number else _read_checkpoint(directory, int(number))


def _newest_of_writer(directory: RunDirectory, say: Callable[[str], None]) -> Checkpoint | None:
    numbers, last = _numbers(directory), directory.last_checkpoint or 0
    if last > max(numbers, default=0) and not (directory.checkpoints / f"{last}{_SET_ASIDE}").exists():
        say(f"checkpoint {last}, the last one that was saved, is gone: {_manifest(directory, last)} doesn't exist")
    if last and not numbers:
        raise StorageError(
            f"{directory.checkpoints}: found no checkpoint, expected number {last}; start again with another "
            "--run-dir, or bring it back"
        )
    saved = newest_whole(directory, say, with_line_files=True)
    try:
        if saved is not None:
            for newer in numbers:
                # Renamed, not removed: somebody may want to see what happened. Without the suffix it no longer counts.
                if newer > saved.number:
                    _manifest(directory, newer).rename(directory.checkpoints / f"{newer}{_SET_ASIDE}")
        _remove_leftovers(directory)
    except OSError as error:
        raise StorageError(f"{directory.checkpoints}: can't be tidied up ({error.strerror})") from None
    return saved


def newest_whole(
    directory: RunDirectory, say: Callable[[str], None], *, with_line_files: bool = False
) -> Checkpoint | None:
    """Find the newest checkpoint that is whole, and change nothing.

    Args:
        directory: the run's.
        say: prints a line for each damaged checkpoint.
        with_line_files: whether the line files have to be whole as well: who only reads parameters needs none.

    Returns:
        None for a directory without any checkpoint.

    Raises:
        StorageError: there are checkpoints, but none is whole.
    """
    numbers = _numbers(directory)
    for number in reversed(numbers):
        problem = _problem(directory, number, with_line_files=with_line_files)
        if problem is None:
            return _read_checkpoint(directory, number)
        say(f"checkpoint {number} is damaged: {problem}")
    if numbers:
        raise StorageError(f"{directory.checkpoints}: no checkpoint is whole; start again with another --run-dir")
    return None


def newest_meta(directory: RunDirectory) -> tuple[int, dict[str, Any]] | None:
    """Return number and `meta` of the newest checkpoint whose `meta.json` is whole; nothing else of it is read."""
    for number in reversed(_numbers(directory)):
        file = directory.checkpoints / str(number) / "meta.json"
        try:
            if _read_manifest(directory, number)[_name(directory, file)] == _mark(file):
                return number, _read_checkpoint(directory, number).meta
        except (OSError, ValueError, KeyError):  # `latest` reports it
            continue
    return None


def restore_state(saved: Checkpoint, target: Any) -> Any:
    """Read the train state into the shapes, types and shardings of `target`, a tree of `jax.ShapeDtypeStruct`.

    Raises:
        StorageError: the checkpoint holds other arrays, or can't be read.
    """
    try:
        with _without_tracebacks(), ocp.StandardCheckpointer() as checkpointer:
            return checkpointer.restore(saved.state, target)
    except (OSError, ValueError, KeyError, TypeError) as error:
        # Its digests are right: it is whole, and of another network or another version's.
        raise StorageError(f"{saved.state}: can't be restored as the state of this run ({first_line(error)})") from None


def restore_part(saved: Checkpoint, target: Any) -> Any:
    """Read some of the train state: only what `target`, a nested dict of `jax.ShapeDtypeStruct`, names."""
    # `StandardCheckpointer` insists on the whole tree; and without `restore_args` this one would ask for the shardings
    # that were saved, on devices that aren't here.
    arguments = ocp.checkpoint_utils.construct_restore_args(target)
    with ocp.PyTreeCheckpointer() as checkpointer:
        return checkpointer.restore(
            saved.state, args=ocp.args.PyTreeRestore(item=target, restore_args=arguments, partial_restore=True)
        )


@contextmanager
def _without_tracebacks() -> Iterator[None]:
    """Hide what orbax, its threads and their event loops print of an error that is raised too."""
    logs = [logging.getLogger(name) for name in ("absl", "asyncio")]
    levels = [log.level for log in logs]
    hooks = threading.excepthook, sys.unraisablehook
    for log in logs:
        log.setLevel(logging.CRITICAL + 1)
    threading.excepthook, sys.unraisablehook = lambda thread: None, lambda unraisable: None
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = hooks
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


# On the devices, shard by shard: only a truth value for each array comes to the host.
@jax.jit
def _finite(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: jnp.isfinite(leaf).all(), tree)


def _check_finite(state: Mapping[str, Any]) -> None:
    for path, finite in jax.tree_util.tree_leaves_with_path(jax.device_get(_finite(dict(state)))):
        if not finite:
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            raise DivergedError(
                f"{name} holds NaN or infinity, expected finite numbers; it isn't saved, the last checkpoint is sound: "
                "lower training.learning_rate or set training.clip_norm"
            )


def _read_checkpoint(directory: RunDirectory, number: int) -> Checkpoint:
    folder = directory.checkpoints / str(number)
    try:
        marks = _read_manifest(directory, number)
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # removed by a run that goes on meanwhile
        raise StorageError(f"{folder}: can't be read ({first_line(error)})") from None
    if not isinstance(meta, dict):
        raise StorageError(f"{folder / 'meta.json'}: holds no object, expected what a checkpoint says of itself")
    lines = {name: marks[name] for name in LINE_FILES if name in marks}
    replay = directory.replay / str(number)
    return Checkpoint(number=number, state=folder / "state", replay=replay, meta=meta, line_marks=lines)


def _manifest(directory: RunDirectory, number: int) -> Path:
    return directory.checkpoints / f"{number}{MANIFEST_SUFFIX}"


def _read_manifest(directory: RunDirectory, number: int) -> dict[str, Mark]:
    """Return size and digest of each file that belongs to a checkpoint.

    Raises:
        OSError, ValueError: it can't be read, or isn't a manifest.
    """
    content = json.loads(_manifest(directory, number).read_text(encoding="utf-8"))
    if not isinstance(content, dict) or not all(isinstance(m, list) and len(m) == 2 for m in content.values()):
        raise ValueError("not sizes and digests by file")
    return {name: Mark(*mark) for name, mark in content.items()}


def _numbers(directory: RunDirectory) -> list[int]:
    """Return the committed checkpoints, ascending."""
    # As numbers: by name, 10 would come before 9.
    return sorted(int(file.stem) for file in directory.checkpoints.glob(f"*{MANIFEST_SUFFIX}") if file.stem.isdecimal())


def _remove(directory: RunDirectory, number: int) -> None:
    # The manifest goes first: without it the rest is no checkpoint, whenever the process dies.
    _manifest(directory, number).unlink()
    for folder in _folders(directory, number):
        shutil.rmtree(folder, ignore_errors=True)


def _remove_leftovers(directory: RunDirectory) -> None:
    """Remove the folders of checkpoints that were never committed, or whose removal was interrupted."""
    for place in (directory.checkpoints, directory.replay):
        for folder in place.glob("*"):
            # What was set aside as damaged stays.
            manifests = (directory.checkpoints / f"{folder.name}{suffix}" for suffix in (MANIFEST_SUFFIX, _SET_ASIDE))
            if folder.name.isdecimal() and not any(manifest.exists() for manifest in manifests):
                shutil.rmtree(folder)


def _folders(directory: RunDirectory, number: int) -> tuple[Path, Path]:
    return directory.checkpoints / str(number), directory.replay / str(number)


def _files(directory: RunDirectory, number: int) -> list[Path]:
    # All files that are there, not a list of expected ones: how many orbax writes is its own business.
    return sorted(file for folder in _folders(directory, number) for file in folder.rglob("*") if file.is_file())


def _sync(directory: RunDirectory, number: int) -> None:
    """Make a checkpoint's files durable, and their names."""
    for file in _files(directory, number):
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    for folder in _folders(directory, number):
        for inner in (folder, folder.parent, *(path for path in folder.rglob("*") if path.is_dir())):
            sync_directory(inner)


def _name(directory: RunDirectory, file: Path) -> str:
    return str(file.relative_to(directory.path))


def _mark(file: Path) -> Mark:
    return Mark(file.stat().st_size, sha256_of_file(file))


def _digests(directory: RunDirectory, number: int) -> dict[str, Mark]:
    """Return size and SHA-256 of every file of a checkpoint, by path relative to the run directory."""
    return {_name(directory, file): _mark(file) for file in _files(directory, number)}


def _problem(directory: RunDirectory, number: int, *, with_line_files: bool) -> str | None:
    """Return in a few words what is wrong with a checkpoint, or None."""
    try:
        expected = _read_manifest(directory, number)
    except (OSError, ValueError, RecursionError) as error:
        return f"its manifest can't be read ({first_line(error)})"
    lines = {name: expected.pop(name) for name in LINE_FILES if name in expected}
    try:
        found = _digests(directory, number)
        if with_line_files:
            expected |= lines
            found |= {name: prefix_mark(directory.path / name, mark.size) for name, mark in lines.items()}
    except (OSError, TypeError) as error:
        return f"it can't be read ({first_line(error)})"
    # A file too many is damage as well: orbax might read it.
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            return f"{name} isn't as it was written"
    return None
