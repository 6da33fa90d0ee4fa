"""T5 checkpoints as they are published: names of tensors, `config.json`.

Only `shared.weight` is written for the embedding: readers take its aliases (`lm_head.weight` of a tied head, the
stacks' `embed_tokens.weight`) from it, while some versions of transformers read a file without it silently wrong.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from codeit_jax.config.errors import UserError
from codeit_jax.config.model_schema import ModelConfig
from codeit_jax.model.published_config import PublishedTensor, SpecialIds, compare, read_config

_ALIASES = ("lm_head.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
# The first T5 checkpoints hold a bias for cross-attention, which has none: no implementation reads it.
_UNUSED = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"


def tensors(config: ModelConfig, vocabulary_size: int) -> Iterator[PublishedTensor]:
    """Yield every parameter of the network with its published names and shape."""
    d, f, heads = config.d_model, config.d_ff, config.num_heads * config.d_kv
    yield PublishedTensor(path="embedding", names=["shared.weight"], shape=(vocabulary_size, d), is_table=True)
    if not config.tie_embeddings:
        yield PublishedTensor(path="head", names=["lm_head.weight"], shape=(vocabulary_size, d), is_table=True)
    matrices = {"inner": ("wi", (f, d)), "outer": ("wo", (d, f))}
    if config.feed_forward == "gated-gelu":
        matrices = {"gate": ("wi_0", (f, d)), "inner": ("wi_1", (f, d)), "outer": ("wo", (d, f))}
    for stack, num_layers in (("encoder", config.num_encoder_layers), ("decoder", config.num_decoder_layers)):
        blocks = [f"{stack}.block.{n}.layer" for n in range(num_layers)]
        layers = f"{stack}/layers"
        # The first layer's name stands for the whole stack: T5 has one table of position biases for all its layers.
        bias = [f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"]
        buckets = (config.num_buckets, config.num_heads)
        yield PublishedTensor(path=f"{stack}/relative_bias", names=bias, shape=buckets, is_table=True)
        norm = [f"{stack}.final_layer_norm.weight"]
        yield PublishedTensor(path=f"{stack}/final_norm/scale", names=norm, shape=(d,))
        sublayers = [("attention_norm", "attention", "SelfAttention")]
        if stack == "decoder":
            sublayers.append(("cross_norm", "cross_attention", "EncDecAttention"))
        for position, (our_norm, attention, published) in enumerate(sublayers):
            norm = [f"{b}.{position}.layer_norm.weight" for b in blocks]
            yield PublishedTensor(path=f"{layers}/{our_norm}/scale", names=norm, shape=(d,))
            for ours, theirs in (("query", "q"), ("key", "k"), ("value", "v"), ("output", "o")):
                names = [f"{b}.{position}.{published}.{theirs}.weight" for b in blocks]
                shape = (d, heads) if ours == "output" else (heads, d)
                yield PublishedTensor(path=f"{layers}/{attention}/{ours}", names=names, shape=shape)
        last = len(sublayers)  # the feed-forward part follows one attention in the encoder, two in the decoder
        norm = [f"{b}.{last}.layer_norm.weight" for b in blocks]
        yield PublishedTensor(path=f"{layers}/feed_forward_norm/scale", names=norm, shape=(d,))
        for ours, (theirs, shape) in matrices.items():
            names = [f"{b}.{last}.DenseReluDense.{theirs}.weight" for b in blocks]
            yield PublishedTensor(path=f"{layers}/feed_forward/{ours}", names=names, shape=shape)


def discard(found: dict[str, np.ndarray], config: ModelConfig, folder: Path) -> None:
    """Remove what isn't part of the network: copies of the embedding, after checking that they are copies.

    Raises:
        UserError: one isn't.
    """
    found.pop(_UNUSED, None)
    names = [name for name in _ALIASES if name in found and (config.tie_embeddings or name != "lm_head.weight")]
    for name in names:
        alias = found.pop(name)
        shared = found.setdefault("shared.weight", alias)
        if not np.array_equal(shared, alias):
            raise UserError(
                f"{folder}: {name} differs from the shared embedding, expected equal tables in a tied model"
            )


def check_config(path: Path, config: ModelConfig, vocabulary_size: int, special: SpecialIds | None) -> None:
    """Compare a checkpoint's `config.json` with the run's configuration and tokenizer.

    Raises:
        UserError: the file can't be read, or a value differs; it names both.
    """
    stored = read_config(path)
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
    compare(path, stored, defaults, wanted, "as configured")
    of_tokenizer = {"vocab_size": vocabulary_size}
    if special is not None:
        of_tokenizer |= {
            "pad_token_id": special.pad,
            "eos_token_id": special.end,
            "decoder_start_token_id": special.start,
        }
    # A file that names no start token means padding.
    compare(path, stored, {"decoder_start_token_id": stored.get("pad_token_id")}, of_tokenizer, "as in the tokenizer")


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
