"""Checkpoints: one consistent snapshot of everything that decides how a run continues.

A checkpoint is the folder `checkpoints/<number>` with the train state (orbax) and `meta.json` (counters, sizes of the
line files), and `replay/<number>` with the replay. It is written in this order: replay, state, meta, then the manifest
`checkpoints/<number>.sha256` with size and SHA-256 of every file; the manifest's rename is the commit. Orbax doesn't
check its array data: a flipped bit would restore as a wrong number without an error, so the manifest is verified before
a restore.
"""

import json
import logging
import shutil
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
from codeit_jax.storage.files import sha256_of_file, write_atomically
from codeit_jax.storage.run_directory import MANIFEST_SUFFIX, RunDirectory


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint found on disk.

    Attributes:
        number: counts up with every checkpoint of a run.
        state: folder of the train state.
        replay: folder of the replay.
        meta: what was given to `save`.
    """

    number: int
    state: Path
    replay: Path
    meta: dict[str, Any]


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
    folder, replay = directory.checkpoints / str(number), directory.replay / str(number)
    try:
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
        with _checkpointer() as checkpointer:
            checkpointer.save(folder / "state", state)
        fault_point("state")
        # All parts are written: only now may the first process list them in the manifest.
        hosts.wait()
        if hosts.is_first:
            _commit(directory, number, meta, keep)
    except (OSError, ValueError) as error:  # tensorstore reports an error of the disk as a ValueError
        free = shutil.disk_usage(directory.path).free >> 20
        problem = first_line(error)
        raise StorageError(f"{folder}: the checkpoint can't be written ({problem}; {free} MiB free)") from error


def _commit(directory: RunDirectory, number: int, meta: Mapping[str, Any], keep: int) -> None:
    # The sizes first, of files that are synced: the lines up to there belong to this checkpoint. Then the manifest,
    # whose rename makes all of it a checkpoint; a process that dies before has left only leftovers.
    # The large files aren't synced: what a power failure took of them the digests show, and an older one is used.
    text = json.dumps({**meta, "line_files": directory.line_file_sizes()})
    write_atomically(directory.checkpoints / str(number) / "meta.json", text)
    write_atomically(_manifest(directory, number), json.dumps(_digests(directory, number)))
    fault_point("commit")
    # After the commit: at no moment are there fewer than `keep`.
    for old in _numbers(directory)[:-keep]:
        _remove(directory, old)


def latest(directory: RunDirectory, say: Callable[[str], None], hosts: Hosts = ALONE) -> Checkpoint | None:
    """Find the newest checkpoint that is whole; newer ones, damaged, are reported and set aside.

    Args:
        directory: the run's.
        say: prints a line for each damaged checkpoint.
        hosts: the processes, which all have to call this; the first one looks.

    Returns:
        None for a directory without any checkpoint.

    Raises:
        StorageError: there are checkpoints, but none is whole; all stay as they are.
    """
    # One process looks and the others are given its answer: reading all files on each host would take as many times
    # as long, and a host that saw another state of the file system would resume from elsewhere.
    saved = newest_whole(directory, say) if hosts.is_first else None
    number = hosts.broadcast(str(saved.number).encode() if saved is not None else b"")
    if not hosts.is_first:
        return _read_checkpoint(directory, int(number)) if number else None
    if saved is not None:
        for newer in _numbers(directory):
            # Renamed, not removed: somebody may want to see what happened. Without the suffix it no longer counts.
            if newer > saved.number:
                _manifest(directory, newer).rename(directory.checkpoints / f"{newer}.corrupt")
    return saved


def newest_whole(directory: RunDirectory, say: Callable[[str], None]) -> Checkpoint | None:
    """Find the newest checkpoint that is whole, and change nothing.

    Args:
        directory: the run's.
        say: prints a line for each damaged checkpoint.

    Returns:
        None for a directory without any checkpoint.

    Raises:
        StorageError: there are checkpoints, but none is whole.
    """
    numbers = _numbers(directory)
    for number in reversed(numbers):
        problem = _problem(directory, number)
        if problem is None:
            return _read_checkpoint(directory, number)
        say(f"checkpoint {number} is damaged: {problem}")
    if numbers:
        raise StorageError(f"{directory.checkpoints}: no checkpoint is whole; start again with another --run-dir")
    return None


def restore_state(saved: Checkpoint, target: Any) -> Any:
    """Read the train state into the shapes, types and shardings of `target`, a tree of `jax.ShapeDtypeStruct`."""
    with _checkpointer() as checkpointer:
        return checkpointer.restore(saved.state, target)


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
def _checkpointer() -> Iterator[ocp.StandardCheckpointer]:
    """Open orbax's checkpointer without its log, which prints several tracebacks for an error that is raised too."""
    log = logging.getLogger("absl")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with ocp.StandardCheckpointer() as checkpointer:
            yield checkpointer
    finally:
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
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    return Checkpoint(number=number, state=folder / "state", replay=directory.replay / str(number), meta=meta)


def _manifest(directory: RunDirectory, number: int) -> Path:
    return directory.checkpoints / f"{number}{MANIFEST_SUFFIX}"


def _numbers(directory: RunDirectory) -> list[int]:
    """Return the committed checkpoints, ascending."""
    # As numbers: by name, 10 would come before 9.
    return sorted(int(file.stem) for file in directory.checkpoints.glob(f"*{MANIFEST_SUFFIX}") if file.stem.isdecimal())


def _remove(directory: RunDirectory, number: int) -> None:
    # The manifest goes first: without it the rest is no checkpoint, whenever the process dies.
    _manifest(directory, number).unlink()
    shutil.rmtree(directory.checkpoints / str(number), ignore_errors=True)
    shutil.rmtree(directory.replay / str(number), ignore_errors=True)


def _digests(directory: RunDirectory, number: int) -> dict[str, list[Any]]:
    """Return size and SHA-256 of every file of a checkpoint, by path relative to the run directory."""
    # All files that are there, not a list of expected ones: how many orbax writes is its own business.
    folders = (directory.checkpoints / str(number), directory.replay / str(number))
    files = sorted(file for folder in folders for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(directory.path)): [file.stat().st_size, sha256_of_file(file)] for file in files}


def _problem(directory: RunDirectory, number: int) -> str | None:
    """Return in a few words what is wrong with a checkpoint, or None."""
    try:
        expected = json.loads(_manifest(directory, number).read_text(encoding="utf-8"))
        found = _digests(directory, number)
    except (OSError, ValueError) as error:
        return f"its manifest can't be read ({first_line(error)})"
    # A file too many is damage as well: orbax might read it.
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            return f"{name} isn't as it was written"
    return None
