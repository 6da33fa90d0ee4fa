"""Checkpoints of the Llama family as they are published: names of tensors, `config.json`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from codeit_jax.config.errors import UserError
from codeit_jax.config.model_schema import ModelConfig
from codeit_jax.model.decoder_only import has_input_biases, num_kv_heads
from codeit_jax.model.published_config import PublishedTensor, SpecialIds, compare, read_config

ARCHITECTURES = {"llama": "LlamaForCausalLM", "mistral": "MistralForCausalLM", "qwen2": "Qwen2ForCausalLM"}
_ROPE_TYPES = {"none": "default", "linear": "linear", "dynamic": "dynamic", "llama3": "llama3"}
_HEAD = "lm_head.weight"
_EMBEDDING = "model.embed_tokens.weight"


def tensors(config: ModelConfig, vocabulary_size: int) -> Iterator[PublishedTensor]:
    """Yield every parameter of the network with its published names and shape."""
    d, f, k = config.d_model, config.d_ff, config.d_kv
    heads, kv_heads = config.num_heads * k, num_kv_heads(config) * k
    yield PublishedTensor(path="embedding", names=[_EMBEDDING], shape=(vocabulary_size, d), is_table=True)
    if not config.tie_embeddings:
        yield PublishedTensor(path="head", names=[_HEAD], shape=(vocabulary_size, d), is_table=True)
    yield PublishedTensor(path="decoder/final_norm/scale", names=["model.norm.weight"], shape=(d,))

    def of_layers(path: str, name: str, shape: tuple[int, ...]) -> PublishedTensor:
        names = [f"model.layers.{n}.{name}" for n in range(config.num_decoder_layers)]
        return PublishedTensor(path=f"decoder/layers/{path}", names=names, shape=shape)

    yield of_layers("attention_norm/scale", "input_layernorm.weight", (d,))
    yield of_layers("feed_forward_norm/scale", "post_attention_layernorm.weight", (d,))
    has_bias = dict.fromkeys(("query", "key", "value"), has_input_biases(config)) | {"output": config.attention_bias}
    matrices = {
        "query": ("q_proj", (heads, d)),
        "key": ("k_proj", (kv_heads, d)),
        "value": ("v_proj", (kv_heads, d)),
        "output": ("o_proj", (d, heads)),
    }
    for ours, (theirs, shape) in matrices.items():
        yield of_layers(f"attention/{ours}", f"self_attn.{theirs}.weight", shape)
        if has_bias[ours]:
            yield of_layers(f"attention/{ours}_bias", f"self_attn.{theirs}.bias", shape[:1])
    feed_forward = {"gate": ("gate_proj", (f, d)), "inner": ("up_proj", (f, d)), "outer": ("down_proj", (d, f))}
    for ours, (theirs, shape) in feed_forward.items():
        yield of_layers(f"feed_forward/{ours}", f"mlp.{theirs}.weight", shape)
        if config.feed_forward_bias:
            yield of_layers(f"feed_forward/{ours}_bias", f"mlp.{theirs}.bias", shape[:1])


def discard(found: dict[str, np.ndarray], config: ModelConfig, folder: Path) -> None:
    """Remove what isn't part of the network: tables of frequencies, and a tied head's copy of the embedding.

    Raises:
        UserError: the copy isn't one.
    """
    for name in [name for name in found if name.endswith(".rotary_emb.inv_freq")]:
        del found[name]  # the first checkpoints hold them; they follow from the configuration
    if config.tie_embeddings and _HEAD in found:
        head = found.pop(_HEAD)
        if not np.array_equal(found.setdefault(_EMBEDDING, head), head):
            raise UserError(f"{folder}: {_HEAD} differs from {_EMBEDDING}, expected equal tables in a tied model")


def check_config(path: Path, config: ModelConfig, vocabulary_size: int, special: SpecialIds | None) -> None:
    """Compare a checkpoint's `config.json` with the run's configuration and tokenizer.

    Raises:
        UserError: the file can't be read, or a value differs; it names both.
    """
    stored = read_config(path)
    heads = stored.get("num_attention_heads") or 1
    defaults = {
        "num_key_value_heads": heads if config.family == "llama" else {"mistral": 8, "qwen2": 32}.get(config.family),
        "head_dim": stored.get("hidden_size", 0) // heads,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "tie_word_embeddings": False,
        "attention_bias": False,
        "mlp_bias": False,
    }
    # A value that is written as null is left out as well, save the window, of which null means none.
    given = {key: value for key, value in stored.items() if value is not None}
    given |= _read_window(stored) | _read_rope(path, stored)
    compare(path, given, defaults, _architecture(config) | _window(config) | _rope(config), "as configured")
    compare(path, stored, {}, {"vocab_size": vocabulary_size}, "rows as in the tokenizer, or as model.vocabulary_size")
    ends = stored.get("eos_token_id")
    ends = ends if isinstance(ends, list) else [ends]
    if special is not None and ends != [None] and special.end not in ends:
        raise UserError(f"{path}: eos_token_id is {repr(ends)[:80]}, expected {special.end} as in the tokenizer")


def describe_config(config: ModelConfig, vocabulary_size: int, special: SpecialIds) -> dict[str, Any]:
    """Return a `config.json` that transformers 4 and 5 read alike."""
    rope = _rope(config)
    theta = rope.pop("rope_theta")
    longest = max(config.rope_window or 0, config.rope_length)
    if config.rope_scaling == "dynamic":
        longest = config.rope_length  # what is stretched beyond, there as here
    return {
        "architectures": [ARCHITECTURES[config.family]],
        **_architecture(config),
        **_written_window(config),
        "vocab_size": vocabulary_size,
        "max_position_embeddings": longest,
        "rope_theta": theta,
        # Of transformers 4, and of 5.
        "rope_scaling": rope if config.rope_scaling != "none" else None,
        "rope_parameters": {"rope_theta": theta, **rope},
        "pad_token_id": special.pad,
        "bos_token_id": special.start,
        "eos_token_id": special.end,
    }


def _architecture(config: ModelConfig) -> dict[str, Any]:
    """Return what a `config.json` says of the network itself, but for window and positions."""
    described: dict[str, Any] = {
        "model_type": config.family,
        "hidden_size": config.d_model,
        "intermediate_size": config.d_ff,
        "num_hidden_layers": config.num_decoder_layers,
        "num_attention_heads": config.num_heads,
        "num_key_value_heads": num_kv_heads(config),
        "head_dim": config.d_kv,
        "hidden_act": "silu",
        "rms_norm_eps": config.norm_epsilon,
        "tie_word_embeddings": config.tie_embeddings,
    }
    if config.family == "llama":
        described |= {"attention_bias": config.attention_bias, "mlp_bias": config.feed_forward_bias}
    return described


def _window(config: ModelConfig) -> dict[str, Any]:
    """Return the window and which layers have none, as `_read_window` does."""
    if config.sliding_window is None:
        return {"sliding_window": None, "max_window_layers": 0}
    return {"sliding_window": config.sliding_window, "max_window_layers": config.num_full_layers}


def _read_window(stored: dict[str, Any]) -> dict[str, Any]:
    """Return the window of a file's attention, None for none, and how many first layers have none."""
    family, window = stored.get("model_type"), stored.get("sliding_window", 4096)
    if family == "mistral":
        return {"sliding_window": window, "max_window_layers": 0}
    if family != "qwen2" or window is None or not stored.get("use_sliding_window", False):
        return {"sliding_window": None, "max_window_layers": 0}
    return {"sliding_window": window, "max_window_layers": stored.get("max_window_layers", 28)}


def _written_window(config: ModelConfig) -> dict[str, Any]:
    match config.family:
        case "mistral":
            return {"sliding_window": config.sliding_window}
        case "qwen2":
            return {"use_sliding_window": config.sliding_window is not None} | _window(config)
    return {}


def _rope(config: ModelConfig) -> dict[str, Any]:
    """Return the base of the positions and how they are stretched, as `_read_rope` does."""
    rope: dict[str, Any] = {"rope_theta": config.rope_theta, "rope_type": _ROPE_TYPES[config.rope_scaling]}
    if config.rope_scaling != "none":
        rope["factor"] = config.rope_factor
    if config.rope_scaling == "llama3":
        rope["original_max_position_embeddings"] = config.rope_length
        rope["low_freq_factor"], rope["high_freq_factor"] = config.rope_low_frequency, config.rope_high_frequency
    return rope


def _read_rope(path: Path, stored: dict[str, Any]) -> dict[str, Any]:
    """Return what a file says of the positions, in one form.

    Raises:
        UserError: they are stretched in a way that isn't supported.
    """
    # transformers 5 writes one object; before, the base stood alone and the object was null where nothing is stretched.
    rope = {"rope_theta": stored.get("rope_theta", 10_000.0)}
    rope |= stored.get("rope_scaling") or {}
    rope |= stored.get("rope_parameters") or {}
    rope["rope_type"] = rope.get("rope_type", rope.get("type", "default"))
    if rope["rope_type"] not in _ROPE_TYPES.values():
        known = ", ".join(sorted(_ROPE_TYPES.values()))
        raise UserError(f"{path}: rope_type is {rope['rope_type']!r}, expected one of {known}")
    return rope
