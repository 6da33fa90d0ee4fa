"""The policy's first parameters: pretrained weights in the run's vocabulary, those that stay as they are, adapters."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from numpy.typing import DTypeLike

from codeit_jax.config.errors import UserError
from codeit_jax.config.model_schema import ModelConfig
from codeit_jax.model import Params, PolicyModel
from codeit_jax.model.adapters import FROZEN_DTYPE, leaves, split_frozen
from codeit_jax.model.huggingface import load_pretrained, replace_vocabulary
from codeit_jax.model.peft import load_adapters
from codeit_jax.model.published_config import SpecialIds
from codeit_jax.parallel.sharding_rules import param_shardings
from codeit_jax.run.state import PRETRAINING, stage_key
from codeit_jax.text import Tokenizer
from codeit_jax.text.bpe import BpeTokenizer
from codeit_jax.text.native import NativeTokenizer
from codeit_jax.text.tokenizer import digest_of
from codeit_jax.text.vocabularies import token_pieces


def load_initial_params(config: ModelConfig, tokenizer: Tokenizer, dtype: DTypeLike = np.float32) -> Params | None:
    """Read `model.weights`; with `model.weights_tokenizer`, bring them to the native vocabulary.

    Args:
        config: of the network, and where the weights are.
        tokenizer: the run's.
        dtype: of the parameters.

    Returns:
        NumPy arrays, without adapters; None where no weights are configured.

    Raises:
        UserError: the weights, or their tokenizer's files, aren't as they should be or don't belong together.
    """
    if config.weights_tokenizer is not None and (config.weights is None or not isinstance(tokenizer, NativeTokenizer)):
        raise UserError(
            f"model.weights_tokenizer is {config.weights_tokenizer!r}, expected none without model.weights and "
            f"text.tokenizer 'native' (found {config.weights!r} and {tokenizer.name!r})"
        )
    if config.weights is None:
        return None
    folder = Path(config.weights).expanduser()
    if config.weights_tokenizer is None:
        return load_pretrained(folder, config, tokenizer.vocabulary_size, _special_ids(tokenizer), dtype)
    assert isinstance(tokenizer, NativeTokenizer)  # checked above; for the type checker
    # The weights are loaded in the vocabulary that they were trained in; then each native token's embedding is made of
    # those of the pieces that its text has there.
    bpe = BpeTokenizer(Path(config.weights_tokenizer).expanduser())
    own = replace(config, weights_tokenizer=None)
    params = load_pretrained(folder, own, bpe.vocabulary_size, _special_ids(bpe), dtype)
    return replace_vocabulary(params, token_pieces(tokenizer, bpe))


@dataclass(frozen=True, kw_only=True)
class FrozenParams:
    """What stays as it is while adapters are learned.

    Attributes:
        params: nested dict of bfloat16 arrays on the devices; empty without adapters.
        digest: SHA-256 in hex of what they are; None without adapters. A checkpoint has the adapters alone, which mean
            nothing on another base.
    """

    params: Params
    digest: str | None


def frozen_params(model: PolicyModel, tokenizer: Tokenizer, mesh: Mesh, seed: int) -> FrozenParams:
    """Read or draw the parameters that stay as they are.

    Args:
        model: the network.
        tokenizer: the run's.
        mesh: the devices of all processes.
        seed: of the run; decides the parameters where no weights are configured.

    Raises:
        UserError: the weights aren't as they should be.
    """
    if not model.config.lora_rank:
        return FrozenParams(params={}, digest=None)
    _, shapes = split_frozen(model.abstract_params())
    shardings = param_shardings(mesh, shapes)
    params = load_initial_params(model.config, tokenizer, FROZEN_DTYPE)
    if params is None:
        drawn: Params = jax.jit(partial(_draw_frozen, model), out_shardings=shardings)(initial_key(seed))
        return FrozenParams(params=drawn, digest=digest_of(["drawn", str(seed)]))
    # Before they are on the devices, of which a process may hold a part only.
    digest = digest_of(part for path, leaf in sorted(leaves(params)) for part in (path, leaf.tobytes()))
    return FrozenParams(params=jax.device_put(params, shardings), digest=digest)


def initial_adapters(model: PolicyModel) -> Params | None:
    """Read `model.lora_weights`; None where none are configured.

    Raises:
        UserError: the files aren't as they should be, or there is no rank.
    """
    folder = model.config.lora_weights
    return None if folder is None else load_adapters(Path(folder).expanduser(), model)


def initial_key(seed: int) -> jax.Array:
    """Return the key of the first parameters."""
    return stage_key(seed, PRETRAINING, "init")


def check_frozen(saved: Mapping[str, Any], frozen: FrozenParams) -> None:
    """Refuse a checkpoint whose adapters were learned on other parameters.

    Args:
        saved: the checkpoint's `meta`.
        frozen: of this run.

    Raises:
        UserError: the digests differ.
    """
    inputs = saved.get("inputs")
    wanted = inputs.get("model.weights") if isinstance(inputs, dict) else None
    if frozen.digest != wanted:
        raise UserError(
            f"the parameters below the adapters have digest {str(frozen.digest)[:12]}, expected {str(wanted)[:12]} as "
            "in the checkpoint: model.weights changed since"
        )


def _draw_frozen(model: PolicyModel, key: jax.Array) -> Params:
    _, frozen = split_frozen(model.init(key))
    cast: Params = jax.tree.map(lambda leaf: leaf.astype(FROZEN_DTYPE), frozen)
    return cast


def _special_ids(tokenizer: Tokenizer) -> SpecialIds:
    return SpecialIds(pad=tokenizer.pad_id, start=tokenizer.start_id, end=tokenizer.end_id)
