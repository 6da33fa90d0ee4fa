"""What a run is made of, as its checkpoints record it: another configuration or other data is another run."""

import hashlib
import os
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import yaml
from pydantic import ValidationError

from codeit_jax import __version__
from codeit_jax.config.errors import StorageError, UserError, first_line
from codeit_jax.config.loading import changeable_on_resume, changed_settings, from_yaml, to_yaml
from codeit_jax.config.schema import Config
from codeit_jax.run.components import Components
from codeit_jax.storage import checkpoint
from codeit_jax.storage.checkpoint import Checkpoint
from codeit_jax.storage.run_directory import RunDirectory

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def provenance(parts: Components) -> dict[str, Any]:
    """Return what a checkpoint says of the run that wrote it.

    Args:
        parts: of the run.
    """
    return {"config": to_yaml(parts.config), "inputs": input_digests(parts), "machine": machine()}


def input_digests(parts: Components) -> dict[str, str]:
    """Return the digest of the content behind each setting that names a file, by setting."""
    programs = "\n".join(f"{seed.task_id}\n{seed.program}" for seed in parts.seeds)
    # Adapters mean nothing on another base, which a checkpoint doesn't have.
    base = {} if parts.frozen.digest is None else {"model.weights": parts.frozen.digest}
    return base | {
        "data.search_tasks": parts.search_tasks.digest,
        "data.training_tasks": parts.training_tasks.digest,
        "data.seeds": hashlib.sha256(programs.encode()).hexdigest()[:16],
        "text.tokenizer": parts.tokenizer.digest,
    }


def machine() -> dict[str, str]:
    """Return what decides the bits of a run besides configuration and data."""
    devices = jax.devices()
    return {
        "codeit_jax": __version__,
        "python": platform.python_version(),
        **{package: version(package) for package in _PACKAGES},
        "processor": _processor(),
        # XLA splits sums over as many threads as there are.
        "processor cores": str(_num_cores()),
        "devices": f"{len(devices)} {devices[0].device_kind}",
    }


def check_config(config: Config, directory: RunDirectory, say: Callable[[str], None]) -> dict[str, tuple[Any, Any]]:
    """Compare a configuration with the one that the newest checkpoint was made with, if there is any.

    Args:
        config: of the run that is about to begin or resume.
        directory: the run's.
        say: prints a line if `config.yaml` isn't what that checkpoint says.

    Returns:
        The settings that changed and may: key -> (old, new).

    Raises:
        UserError: a setting changed that decides what the run's numbers mean.
        StorageError: the checkpoint's configuration isn't one of this version.
    """
    # Not with config.yaml, which anybody can edit or remove: what the numbers were made with, the checkpoint knows.
    # Before the first one the settings decided nothing yet: a mistake in them may still be corrected.
    newest = checkpoint.newest_meta(directory)
    if newest is None:
        return {}
    number, meta = newest
    try:
        begun = from_yaml(meta["config"])
    except (KeyError, TypeError, AttributeError, ValidationError, yaml.YAMLError) as error:
        raise StorageError(_of_another_version(directory.path, number, meta, error)) from None
    changes = changed_settings(begun, config)
    for key, (old, new) in changes.items():
        if not changeable_on_resume(key):
            expected = f"expected {old!r} as in checkpoint {number} of {directory.path}"
            raise UserError(f"{key} is {new!r}, {expected}; another value needs a new --run-dir")
    _compare_file(directory.path / "config.yaml", begun, say)
    return changes


def check_inputs(saved: Checkpoint, parts: Components, say: Callable[[str], None]) -> None:
    """Compare data and machine with those of a checkpoint.

    Args:
        saved: the checkpoint.
        parts: of the run that is about to resume.
        say: prints a line if versions or devices are others.

    Raises:
        UserError: tasks, seed programs or tokenizer are others, though the settings name them alike.
        StorageError: the checkpoint doesn't say what it was made with.
    """
    try:
        inputs, made_with = dict(saved.meta["inputs"]), dict(saved.meta["machine"])
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(_of_another_version(saved.state.parent, saved.number, saved.meta, error)) from None
    for setting, digest in input_digests(parts).items():
        if inputs.get(setting) != digest:
            raise UserError(
                f"{setting} has digest {digest[:12]}, expected {str(inputs.get(setting))[:12]} as in checkpoint "
                f"{saved.number}: its content changed since; with another one begin a new --run-dir"
            )
    changed = [
        f"{name} {value} (was {made_with.get(name)})"
        for name, value in machine().items()
        if made_with.get(name) != value
    ]
    if changed:
        say(f"the run goes on with other bits than it would have had where it began: {', '.join(changed)}")


def _of_another_version(path: Path, number: int, meta: dict[str, Any], error: BaseException) -> str:
    made_with = meta.get("machine")
    by = made_with.get("codeit_jax") if isinstance(made_with, dict) else None
    problem = f"{type(error).__name__}: {first_line(error)}"
    return (
        f"{path}: checkpoint {number} was written by codeit_jax {by}, and {__version__} can't read it ({problem}); "
        "resume it with the version that wrote it"
    )


def _compare_file(file: Path, begun: Config, say: Callable[[str], None]) -> None:
    try:
        changed = changed_settings(begun, from_yaml(file.read_text(encoding="utf-8")))
        found = [key for key in changed if not changeable_on_resume(key)]
    except (OSError, ValueError, RecursionError):
        found = ["a file that can't be read"]
    if found:
        say(f"{file} isn't what the last checkpoint was made with ({', '.join(found)}); it is written again")


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = (line.partition(":")[2].strip() for line in file if line.startswith("model name"))
            return next(names, platform.machine())
    except OSError:
        return platform.machine()


def _num_cores() -> int:
    # Those that this process may use: `taskset` and containers leave fewer than the machine has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
