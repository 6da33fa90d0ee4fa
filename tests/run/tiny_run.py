"""The smallest run that does everything, started here or in a process of its own, and what is compared of runs."""

import contextlib
import functools
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest
from jax.experimental.compilation_cache import compilation_cache

from codeit_jax.cli import main
from codeit_jax.parallel import make_mesh
from codeit_jax.run import components
from codeit_jax.training import make_optimizer

COMPILING = {"jax_persistent_cache_min_compile_time_secs": 0.0, "jax_disable_most_optimizations": True}
OPTIMIZERS = functools.cache(make_optimizer)  # an equal one would have its step traced again


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Tiny:
    """Runs `codeit-jax train` with one configuration file."""

    config: Path

    def __call__(self, run_dir: Path, *settings: str) -> Ended:
        """Run in this process: no start-up, and tests can replace parts."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(self._arguments(run_dir, settings))
        return Ended(code, out.getvalue(), err.getvalue())

    def command(self, run_dir: Path, *settings: str) -> list[str]:
        """Return the command as a user gives it."""
        return [sys.executable, "-m", "codeit_jax", *self._arguments(run_dir, settings)]

    def environment(self, **environment: str) -> dict[str, str]:
        """Return the variables with which it compiles as little as runs in this process do."""
        options = {option.upper(): str(int(value)) for option, value in COMPILING.items()}
        return {**options, "PYTHONPATH": os.pathsep.join(sys.path), **environment}

    def start(self, run_dir: Path, *settings: str, **environment: str) -> "subprocess.Popen[str]":
        """Start the command as a user does."""
        return subprocess.Popen(
            self.command(run_dir, *settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.environment(**environment)},
        )

    def process(self, run_dir: Path, *settings: str, **environment: str) -> Ended:
        """Run the command as a user does."""
        with self.start(run_dir, *settings, **environment) as process:
            out, err = process.communicate(timeout=280)
        return Ended(process.returncode, out, err)

    def _arguments(self, run_dir: Path, settings: tuple[str, ...]) -> list[str]:
        return ["train", "--config", str(self.config), "--run-dir", str(run_dir), "--quiet", "--json", *settings]


@contextlib.contextmanager
def one_device() -> Iterator[None]:
    """Make runs in this process see one device, as a process of their own would, and cache all that they compile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(components, "make_mesh", lambda config: make_mesh(config, jax.devices()[:1]))
        patch.setattr(components, "make_optimizer", OPTIMIZERS)
        for option, value in COMPILING.items():
            jax.config.update(option, value)
        compilation_cache.reset_cache()  # JAX asks only once whether there is one
        yield
    jax.config.update("jax_disable_most_optimizations", False)
    jax.config.update("jax_compilation_cache_dir", None)
    compilation_cache.reset_cache()


def rows_of(directory: Path, name: str) -> list[dict[str, Any]]:
    """Read a line file without its wall-clock fields."""
    return [_without_clock(read_json(line)) for line in (directory / name).read_text(encoding="utf-8").splitlines()]


def learning_rows(directory: Path) -> list[dict[str, Any]]:
    """Return the metrics of the learning stages, pretraining first."""
    return [row for row in rows_of(directory, "metrics.jsonl") if row["stage"] == "learn"]


def read_json(text: str) -> Any:
    """Read strict JSON: no NaN, no Infinity."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} isn't JSON")

    return json.loads(text, parse_constant=refuse)


def newest(directory: Path) -> int:
    """Return the number of the newest checkpoint."""
    return max(int(file.stem) for file in (directory / "checkpoints").glob("*.sha256"))


def state_of(directory: Path) -> dict[str, np.ndarray]:
    """Return the arrays of the newest checkpoint: parameters, optimizer, step."""
    folder = (directory / "checkpoints" / str(newest(directory)) / "state").absolute()
    here = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
        state = checkpointer.restore(folder, args=ocp.args.StandardRestore(fallback_sharding=here))
    leaves = jax.tree_util.tree_leaves_with_path(state)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf) for path, leaf in leaves}


def result_of(directory: Path) -> dict[str, Any]:
    """Return everything that a run came to, for comparison bit by bit; only clocks are left out."""
    replay = directory / "replay" / str(newest(directory))
    return {
        "state": {name: (array.dtype.str, array.shape, array.tobytes()) for name, array in state_of(directory).items()},
        "replay": {file.name: file.read_bytes() for file in replay.iterdir()},
        "solutions": (directory / "solutions.jsonl").read_bytes(),
        "sampled": (directory / "sampled_solutions.jsonl").read_bytes(),
        "initial": (directory / "initial_programs.jsonl").read_bytes(),
        "metrics": rows_of(directory, "metrics.jsonl"),
        "summary": _without_clock(read_json((directory / "summary.json").read_text())),
    }


def _without_clock(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if not key.startswith("t_")}
