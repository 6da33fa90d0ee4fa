"""The policies that there are, by the name that `model.family` gives them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from codeit_jax.config.errors import UserError
from codeit_jax.config.model_schema import ModelConfig
from codeit_jax.model import published_decoder, published_t5
from codeit_jax.model.decoder_only import DecoderOnlyModel
from codeit_jax.model.policy import PolicyModel
from codeit_jax.model.published_config import PublishedTensor, SpecialIds
from codeit_jax.model.t5 import T5Model


@dataclass(frozen=True, kw_only=True)
class Family:
    """An architecture, and the format that its checkpoints are published in.

    Attributes:
        model: the network's handle, of a configuration and a vocabulary's size.
        loader: transformers' class that loads an export.
        task: PEFT's name of what it does.
        tensors: yields every parameter with its published names.
        discard: takes out of a file's tensors what isn't part of the network.
        check_config: compares a `config.json` with configuration, rows of the embedding and special ids.
        describe_config: returns a `config.json`.
    """

    model: Callable[[ModelConfig, int], PolicyModel]
    loader: str
    task: str
    tensors: Callable[[ModelConfig, int], Iterator[PublishedTensor]]
    discard: Callable[[dict[str, np.ndarray], ModelConfig, Path], None]
    check_config: Callable[[Path, ModelConfig, int, SpecialIds | None], None]
    describe_config: Callable[[ModelConfig, int, SpecialIds], dict[str, Any]]


def _decoder(name: str) -> Family:
    return Family(
        model=DecoderOnlyModel,
        loader=published_decoder.ARCHITECTURES[name],
        task="CAUSAL_LM",
        tensors=published_decoder.tensors,
        discard=published_decoder.discard,
        check_config=published_decoder.check_config,
        describe_config=published_decoder.describe_config,
    )


FAMILIES: dict[str, Family] = {
    "t5": Family(
        model=T5Model,
        loader="T5ForConditionalGeneration",
        task="SEQ_2_SEQ_LM",
        tensors=published_t5.tensors,
        discard=published_t5.discard,
        check_config=published_t5.check_config,
        describe_config=published_t5.describe_config,
    ),
    **{name: _decoder(name) for name in published_decoder.ARCHITECTURES},
}

# Settings that one family alone has: set in another they would be ignored in silence.
_OWN = {
    "attention_bias": ("llama",),
    "feed_forward_bias": ("llama",),
    "sliding_window": ("mistral", "qwen2"),
    "num_full_layers": ("qwen2",),
}


def build_model(config: ModelConfig, vocabulary_size: int) -> PolicyModel:
    """Return the handle of the network that a configuration describes.

    Args:
        config: of the network.
        vocabulary_size: of the tokenizer; the embedding has as many rows, or `config.vocabulary_size`.

    Raises:
        UserError: the settings contradict each other.
    """
    defaults = ModelConfig()
    for name, families in _OWN.items():
        value = getattr(config, name)
        if value != getattr(defaults, name) and config.family not in families:
            raise UserError(
                f"model.{name} is {value!r} with model.family {config.family!r}, expected {' or '.join(families)}"
            )
    if config.family != "t5" and (config.num_heads % (config.num_kv_heads or 1) or config.d_kv % 2):
        raise UserError(
            f"model.num_heads, num_kv_heads and d_kv are {config.num_heads}, {config.num_kv_heads} and {config.d_kv}, "
            "expected the first a multiple of the second, and the third an even number"
        )
    rows = vocabulary_size
    # In native tokens the embedding is made anew, whatever the weights' own has.
    if config.vocabulary_size is not None and config.weights_tokenizer is None:
        rows = config.vocabulary_size
    if rows < vocabulary_size:
        raise UserError(f"model.vocabulary_size is {rows}, expected at least the tokenizer's {vocabulary_size}")
    return FAMILIES[config.family].model(config, rows)
