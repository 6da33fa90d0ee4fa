"""A trained policy, read from a run directory: takes no lock, and changes nothing there."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import jax
from jax.sharding import Mesh

from codeit_jax.config.errors import StorageError, UserError, first_line
from codeit_jax.config.schema import Config, HardwareConfig
from codeit_jax.model import Params, PolicyModel, build_model
from codeit_jax.model.adapters import join, split_frozen
from codeit_jax.parallel import make_mesh
from codeit_jax.parallel.sharding_rules import param_shardings
from codeit_jax.reporting.run_reader import read_run_config
from codeit_jax.run.checkpointing import check_tokenizer
from codeit_jax.run.components import load_tokenizer, prepare_runtime
from codeit_jax.run.initial_weights import check_frozen, frozen_params
from codeit_jax.storage import checkpoint
from codeit_jax.storage.run_directory import RunDirectory
from codeit_jax.text import Tokenizer


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The network with its parameters, and what belongs to it.

    Attributes:
        config: the run's.
        tokenizer: for prompts and programs.
        model: the network without parameters.
        params: its parameters, on the devices of the mesh.
        mesh: all devices of this machine.
        checkpoint: number of the checkpoint that the parameters are from.
        iteration: meta-iterations that were learned from, -1 before pretraining.
    """

    config: Config
    tokenizer: Tokenizer
    model: PolicyModel
    params: Params
    mesh: Mesh
    checkpoint: int
    iteration: int


def load_policy(run: Path, say: Callable[[str], None]) -> Policy:
    """Read the policy of a run's newest whole checkpoint, on whatever devices there are.

    Args:
        run: the run directory.
        say: prints a line for each damaged checkpoint.

    Raises:
        UserError: no run directory, none with a checkpoint, or the tokenizer's files or the weights changed since.
        StorageError: no checkpoint is whole, or it can't be read.
    """
    config = read_run_config(run)  # checks the kind and format, too
    # Nothing of the run's own: it was on eight accelerators and is looked at on a laptop, and compiled programs that a
    # run directory from elsewhere brings along would be executed.
    prepare_runtime(_users_hardware())
    tokenizer = load_tokenizer(config.text)
    # Without a lock, beside a running run: a committed checkpoint never changes, but it may be removed.
    saved = checkpoint.newest_whole(RunDirectory(run, "train", writes=False), say)
    if saved is None:
        raise UserError(f"{run}: found no checkpoint, expected a run that has saved one")
    check_tokenizer(saved, tokenizer.name, tokenizer.digest)
    mesh = make_mesh(HardwareConfig())  # all devices of this machine on one axis, whatever the run had
    model = build_model(config.model, tokenizer.vocabulary_size)
    frozen = frozen_params(model, tokenizer, mesh, config.seed)
    check_frozen(saved.meta, frozen)
    return Policy(
        config=config,
        tokenizer=tokenizer,
        model=model,
        params=join(_read_params(saved, model, mesh), frozen.params),
        mesh=mesh,
        checkpoint=saved.number,
        iteration=saved.meta["iteration"],
    )


def _users_hardware() -> HardwareConfig:
    """Return the default settings; with a cache that the environment names, JAX takes that one."""
    default = HardwareConfig()
    return replace(default, compilation_cache=None) if "JAX_COMPILATION_CACHE_DIR" in os.environ else default


def _read_params(saved: checkpoint.Checkpoint, model: PolicyModel, mesh: Mesh) -> Params:
    # The parameters alone: AdamW's moments are two thirds of a checkpoint, and nobody here learns.
    shapes, _ = split_frozen(model.abstract_params())
    target = jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        shapes,
        param_shardings(mesh, shapes),
    )
    try:
        params: Params = checkpoint.restore_part(saved, {"params": target})["params"]
    except (OSError, ValueError) as error:  # tensorstore reports an error of the disk as a ValueError
        raise StorageError(
            f"{saved.state}: can't be read ({first_line(error)}); a running run removes old checkpoints, try again"
        ) from None
    return params
