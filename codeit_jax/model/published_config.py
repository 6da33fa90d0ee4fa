"""`config.json` of published T5 checkpoints: compared with what a run wants, and written for others to read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeit_jax.config.errors import UserError, shown
from codeit_jax.config.input_files import read_json
from codeit_jax.config.schema import ModelConfig

_MAX_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class SpecialIds:
    """The token ids that a checkpoint and its tokenizer must agree on."""

    pad: int
    start: int
    end: int


def check_config(path: Path, config: ModelConfig, vocabulary_size: int, special: SpecialIds | None) -> None:
    """Compare a checkpoint's `config.json` with the run's configuration and tokenizer.

    Raises:
        UserError: the file can't be read, or a value differs; it names both.
    """
    stored = _read(path)
    wanted = _architecture(config)
    # What published files leave out has these values.
    defaults = {
        "model_type": "t5",
        "num_decoder_layers": stored.get("num_layers"),
        "feed_forward_proj": "relu",
        "relative_attention_num_buckets": 32,
        "relative_attention_max_distance": 128,
        "layer_norm_epsilon": 1e-6,
        "scale_decoder_outputs": stored.get("tie_word_embeddings", True),
    }
    _compare(path, stored, defaults, wanted, "as configured")
    of_tokenizer = {"vocab_size": vocabulary_size}
    if special is not None:
        of_tokenizer |= {
            "pad_token_id": special.pad,
            "eos_token_id": special.end,
            "decoder_start_token_id": special.start,
        }
    # A file that names no start token means padding.
    _compare(path, stored, {"decoder_start_token_id": stored.get("pad_token_id")}, of_tokenizer, "as in the tokenizer")


def _architecture(config: ModelConfig) -> dict[str, Any]:
    """Return what a `config.json` says of the network itself."""
    return {
        "model_type": "t5",
        "d_model": config.d_model,
        "d_ff": config.d_ff,
        "d_kv": config.d_kv,
        "num_heads": config.num_heads,
        "num_layers": config.num_encoder_layers,
        "num_decoder_layers": config.num_decoder_layers,
        "feed_forward_proj": config.feed_forward,
        "relative_attention_num_buckets": config.num_buckets,
        "relative_attention_max_distance": config.max_distance,
        "layer_norm_epsilon": config.norm_epsilon,
        # transformers 5 forces `tie_word_embeddings` to true and keeps its meaning, the scaled head, under this name.
        "scale_decoder_outputs": config.tie_embeddings,
    }


def describe_config(config: ModelConfig, vocabulary_size: int, special: SpecialIds) -> dict[str, Any]:
    """Return a `config.json` that transformers 4 and 5 read alike."""
    return {
        "architectures": ["T5ForConditionalGeneration"],
        **_architecture(config),
        "dropout_rate": config.dropout,
        "vocab_size": vocabulary_size,
        "tie_word_embeddings": config.tie_embeddings,
        "pad_token_id": special.pad,
        "eos_token_id": special.end,
        "decoder_start_token_id": special.start,
        "is_encoder_decoder": True,
    }


def _read(path: Path) -> dict[str, Any]:
    stored = read_json(path, max_bytes=_MAX_BYTES)
    if not isinstance(stored, dict):
        raise UserError(f"{path}: holds no object, expected the checkpoint's configuration")
    return stored


def _compare(
    path: Path, stored: Mapping[str, Any], defaults: Mapping[str, Any], wanted: Mapping[str, Any], where: str
) -> None:
    for key, value in wanted.items():
        found = stored.get(key, defaults.get(key))
        if found != value:
            raise UserError(f"{path}: {key} is {shown(found)}, expected {value!r} {where}")
