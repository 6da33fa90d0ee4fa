"""Pretrained weights, in the format that T5 checkpoints are published in: named matrices and `config.json`.

Only `shared.weight` is written for the embedding: readers take its aliases (`lm_head.weight` of a tied head, the
stacks' `embed_tokens.weight`) from it, while some versions of transformers read a file without it silently wrong.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from codeit_jax.config.errors import UserError
from codeit_jax.config.schema import ModelConfig
from codeit_jax.model.published_config import SpecialIds, check_config, describe_config
from codeit_jax.model.t5 import Params, T5Model
from codeit_jax.model.weight_files import SAFETENSORS_FILE, read_weights

_ALIASES = ("lm_head.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
# The first T5 checkpoints hold a bias for cross-attention, which has none: no implementation reads it.
_UNUSED = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"


def load_pretrained(
    folder: Path, config: ModelConfig, vocabulary_size: int, special: SpecialIds | None = None
) -> Params:
    """Read parameters for a model of this configuration.

    Args:
        folder: holds `config.json` and weights, see `read_weights`.
        config: what the run wants; must agree with the checkpoint's own configuration.
        vocabulary_size: of the tokenizer; the checkpoint's table may not differ.
        special: the tokenizer's special ids; the checkpoint's may not differ. None compares none.

    Returns:
        Nested dict of float32 NumPy arrays, layers stacked.

    Raises:
        UserError: a file is missing or damaged, the configuration disagrees, a tensor is missing, left over, of the
            wrong shape or type, or holds a number that isn't finite.
    """
    check_config(folder / "config.json", config, vocabulary_size, special)
    tensors = read_weights(folder)
    tensors.pop(_UNUSED, None)
    _drop_aliases(tensors, config, folder)
    params: Params = {}
    for path, names, shape in _tensor_table(config, vocabulary_size):
        rows = [_from_published(_take(tensors, name, shape, folder), path, config) for name in names]
        _set(params, path, np.stack(rows) if _is_stacked(path) else rows[0])
    if tensors:
        raise UserError(
            f"{folder}: the tensor {min(tensors)} isn't part of the model, expected each to be used exactly once"
        )
    return params


def save_pretrained(folder: Path, params: Params, model: T5Model, *, pad_id: int, end_id: int, start_id: int) -> None:
    """Write a folder that `transformers.T5ForConditionalGeneration.from_pretrained` loads.

    Args:
        folder: created if missing.
        params: nested dict of arrays.
        model: whose parameters these are.
        pad_id, end_id, start_id: special tokens.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, np.ndarray] = {}
    for path, names, shape in _tensor_table(model.config, model.vocabulary_size):
        array = np.asarray(_get(params, path), np.float32)
        rows = array if _is_stacked(path) else [array]
        for name, row in zip(names, rows, strict=True):
            # Back from our layout: heads folded into one axis, outputs first.
            matrix = row if _is_table(path) or len(shape) == 1 else row.reshape(shape[::-1]).T
            tensors[name] = np.ascontiguousarray(matrix)
    save_file(tensors, folder / SAFETENSORS_FILE, metadata={"format": "pt"})
    # The library makes the file readable by its owner only; it should be as readable as its folder.
    (folder / SAFETENSORS_FILE).chmod(folder.stat().st_mode & 0o666)
    special = SpecialIds(pad=pad_id, start=start_id, end=end_id)
    description = describe_config(model.config, model.vocabulary_size, special)
    (folder / "config.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def replace_vocabulary(params: Params, pieces: Sequence[Sequence[int]]) -> Params:
    """Return the parameters with another vocabulary, each new row the mean of the old rows of its pieces.

    Args:
        params: NumPy arrays; the embedding, and the head where it isn't the embedding, are replaced.
        pieces: for each new token its pieces' ids in the old vocabulary.
    """
    tables = {name: mean_rows(params[name], pieces) for name in ("embedding", "head") if name in params}
    return params | tables


def mean_rows(table: NDArray[np.float32], pieces: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """Average rows of a table [V, D], float32 [len(pieces), D]; summed in float64, so rounded once."""
    return np.stack([table[list(ids)].mean(axis=0, dtype=np.float64) for ids in pieces]).astype(np.float32)


def _tensor_table(config: ModelConfig, vocabulary_size: int) -> Iterator[tuple[str, list[str], tuple[int, ...]]]:
    """Yield our parameter's path, its published names (one a layer), and the published shape."""
    d, f, heads = config.d_model, config.d_ff, config.num_heads * config.d_kv
    # Ours keeps a layer's input width first and heads apart ([D, H, K]), as products read them; torch's Linear is
    # outputs first with heads folded ([H * K, D]). Shapes here are the published ones.
    yield "embedding", ["shared.weight"], (vocabulary_size, d)
    if not config.tie_embeddings:
        yield "head", ["lm_head.weight"], (vocabulary_size, d)
    matrices = {"inner": ("wi", (f, d)), "outer": ("wo", (d, f))}
    if config.feed_forward == "gated-gelu":
        matrices = {"gate": ("wi_0", (f, d)), "inner": ("wi_1", (f, d)), "outer": ("wo", (d, f))}
    for stack, num_layers in (("encoder", config.num_encoder_layers), ("decoder", config.num_decoder_layers)):
        blocks = [f"{stack}.block.{n}.layer" for n in range(num_layers)]
        # The first layer's name stands for the whole stack: T5 has one table of position biases for all its layers.
        bias = f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        yield f"{stack}/relative_bias", [bias], (config.num_buckets, config.num_heads)
        yield f"{stack}/final_norm/scale", [f"{stack}.final_layer_norm.weight"], (d,)
        sublayers = [("attention_norm", "attention", "SelfAttention")]
        if stack == "decoder":
            sublayers.append(("cross_norm", "cross_attention", "EncDecAttention"))
        for position, (norm, attention, published) in enumerate(sublayers):
            yield f"{stack}/layers/{norm}/scale", [f"{b}.{position}.layer_norm.weight" for b in blocks], (d,)
            for ours, theirs in (("query", "q"), ("key", "k"), ("value", "v"), ("output", "o")):
                shape = (d, heads) if ours == "output" else (heads, d)
                yield (
                    f"{stack}/layers/{attention}/{ours}",
                    [f"{b}.{position}.{published}.{theirs}.weight" for b in blocks],
                    shape,
                )
        last = len(sublayers)  # the feed-forward part follows one attention in the encoder, two in the decoder
        yield f"{stack}/layers/feed_forward_norm/scale", [f"{b}.{last}.layer_norm.weight" for b in blocks], (d,)
        for ours, (theirs, shape) in matrices.items():
            names = [f"{b}.{last}.DenseReluDense.{theirs}.weight" for b in blocks]
            yield f"{stack}/layers/feed_forward/{ours}", names, shape


def _drop_aliases(tensors: dict[str, np.ndarray], config: ModelConfig, folder: Path) -> None:
    """Remove copies of the embedding, after checking that they are copies; a file may hold any of the names."""
    names = [name for name in _ALIASES if name in tensors and (config.tie_embeddings or name != "lm_head.weight")]
    for name in names:
        alias = tensors.pop(name)
        shared = tensors.setdefault("shared.weight", alias)
        if not np.array_equal(shared, alias):
            raise UserError(
                f"{folder}: {name} differs from the shared embedding, expected equal tables in a tied model"
            )


def _take(tensors: dict[str, np.ndarray], name: str, shape: tuple[int, ...], folder: Path) -> np.ndarray:
    """Remove a tensor from the table and return it in our layout."""
    if name not in tensors:
        raise UserError(f"{folder}: the tensor {name} is missing, expected one of shape {shape}")
    tensor = tensors.pop(name)
    if tensor.shape != shape:
        raise UserError(f"{folder}: the tensor {name} has shape {tensor.shape}, expected {shape}")
    if not (np.issubdtype(tensor.dtype, np.floating) or tensor.dtype.name == "bfloat16"):
        raise UserError(f"{folder}: the tensor {name} has type {tensor.dtype}, expected a floating type")
    tensor = tensor.astype(np.float32)
    # One number that is not finite would be in all of them after a step.
    if not np.isfinite(tensor).all():
        raise UserError(f"{folder}: the tensor {name} holds NaN or infinity, expected finite numbers")
    return tensor


def _from_published(tensor: np.ndarray, path: str, config: ModelConfig) -> np.ndarray:
    """Bring a tensor into our layout: a published matrix has its outputs first and all heads folded into one axis."""
    if _is_table(path) or tensor.ndim == 1:
        return tensor
    heads = (config.num_heads, config.d_kv)
    match path.rpartition("/")[2]:
        case "query" | "key" | "value":
            return tensor.T.reshape(config.d_model, *heads)  # [H * K, D] -> [D, H, K]
        case "output":
            return tensor.T.reshape(*heads, config.d_model)  # [D, H * K] -> [H, K, D]
        case _:
            return tensor.T


def _set(params: Params, path: str, value: np.ndarray) -> None:
    *folders, leaf = path.split("/")
    for folder in folders:
        params = params.setdefault(folder, {})
    params[leaf] = value


def _get(params: Mapping[str, Any], path: str) -> Any:
    for part in path.split("/"):
        params = params[part]
    return params


def _is_stacked(path: str) -> bool:
    return "/layers/" in path


def _is_table(path: str) -> bool:
    return path in ("embedding", "head") or path.endswith("relative_bias")
