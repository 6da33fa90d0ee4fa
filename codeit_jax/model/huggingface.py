"""Weights in and out, in the format that checkpoints are published in: named matrices and `config.json`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from safetensors.numpy import save_file

from codeit_jax.config.errors import UserError
from codeit_jax.config.model_schema import ModelConfig
from codeit_jax.model.adapters import Params, leaves
from codeit_jax.model.families import FAMILIES, build_model
from codeit_jax.model.policy import PolicyModel
from codeit_jax.model.published_config import PublishedTensor, SpecialIds
from codeit_jax.model.weight_files import INDEX_SUFFIX, SAFETENSORS_FILE, read_weights

SHARD_BYTES = 5 * 10**9  # of a file; what is larger comes in several, as elsewhere


def load_pretrained(
    folder: Path,
    config: ModelConfig,
    vocabulary_size: int,
    special: SpecialIds | None = None,
    dtype: DTypeLike = np.float32,
) -> Params:
    """Read parameters for a model of this configuration.

    Args:
        folder: holds `config.json` and weights, see `read_weights`.
        config: what the run wants; must agree with the checkpoint's own configuration.
        vocabulary_size: of the tokenizer; the checkpoint's table may not differ, but see `model.vocabulary_size`.
        special: the tokenizer's special ids; the checkpoint's may not differ. None compares none.
        dtype: of the parameters.

    Returns:
        Nested dict of NumPy arrays, layers stacked; without adapters.

    Raises:
        UserError: a file is missing or damaged, the configuration disagrees, a tensor is missing, left over, of the
            wrong shape or type, or holds a number that isn't finite.
    """
    family, model = FAMILIES[config.family], build_model(config, vocabulary_size)
    family.check_config(folder / "config.json", config, model.vocabulary_size, special)
    tensors = read_weights(folder)
    family.discard(tensors, config, folder)
    shapes = {path: leaf.shape for path, leaf in leaves(model.abstract_params())}
    params: Params = {}
    for published in family.tensors(config, model.vocabulary_size):
        rows = [take(tensors, name, published.shape, folder).astype(dtype) for name in published.names]
        rows = [row if published.is_table else row.T for row in rows]  # outputs first -> inputs first
        whole = np.stack(rows) if published.is_stacked else rows[0]
        set_leaf(params, published.path, whole.reshape(shapes[published.path]))
    refuse_rest(tensors, folder)
    return params


def save_pretrained(
    folder: Path,
    params: Params,
    model: PolicyModel,
    *,
    pad_id: int,
    end_id: int,
    start_id: int,
    shard_bytes: int = SHARD_BYTES,
) -> None:
    """Write a folder that transformers' class of this family loads by `from_pretrained`.

    Args:
        folder: created if missing.
        params: nested dict of arrays, without adapters; their types stay.
        model: whose parameters these are.
        pad_id, end_id, start_id: special tokens.
        shard_bytes: of a file; larger weights come in several with an index.
    """
    folder.mkdir(parents=True, exist_ok=True)
    family = FAMILIES[model.config.family]
    tensors = dict(
        tensor
        for published in family.tensors(model.config, model.vocabulary_size)
        for tensor in _to_published(np.asarray(get_leaf(params, published.path)), published)
    )
    _write(folder, tensors, shard_bytes)
    special = SpecialIds(pad=pad_id, start=start_id, end=end_id)
    description = family.describe_config(model.config, model.vocabulary_size, special)
    (folder / "config.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def replace_vocabulary(params: Params, pieces: Sequence[Sequence[int]]) -> Params:
    """Return the parameters with another vocabulary, each new row the mean of the old rows of its pieces.

    Args:
        params: NumPy arrays; the embedding, and the head where it isn't the embedding, are replaced.
        pieces: for each new token its pieces' ids in the old vocabulary.
    """
    tables = {name: mean_rows(params[name], pieces) for name in ("embedding", "head") if name in params}
    return params | tables


def mean_rows(table: NDArray[Any], pieces: Sequence[Sequence[int]]) -> NDArray[Any]:
    """Average rows of a table [V, D], in its type [len(pieces), D]; summed in float64, so rounded once."""
    return np.stack([table[list(ids)].mean(axis=0, dtype=np.float64) for ids in pieces]).astype(table.dtype)


def write_tensors(path: Path, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Write a safetensors file, as readable as its folder."""
    save_file(dict(tensors), path, metadata={"format": "pt"})
    # The library makes it readable by its owner only.
    path.chmod(path.parent.stat().st_mode & 0o666)


def take(tensors: dict[str, NDArray[Any]], name: str, shape: tuple[int, ...], folder: Path) -> NDArray[Any]:
    """Remove a tensor from the table and return it.

    Raises:
        UserError: it isn't there, has another shape, no floating type, or a number that isn't finite.
    """
    if name not in tensors:
        raise UserError(f"{folder}: the tensor {name} is missing, expected one of shape {shape}")
    tensor = tensors.pop(name)
    if tensor.shape != shape:
        raise UserError(f"{folder}: the tensor {name} has shape {tensor.shape}, expected {shape}")
    if not (np.issubdtype(tensor.dtype, np.floating) or tensor.dtype.name == "bfloat16"):
        raise UserError(f"{folder}: the tensor {name} has type {tensor.dtype}, expected a floating type")
    # One number that is not finite would be in all of them after a step.
    if not np.isfinite(tensor).all():
        raise UserError(f"{folder}: the tensor {name} holds NaN or infinity, expected finite numbers")
    return tensor


def refuse_rest(tensors: Mapping[str, NDArray[Any]], folder: Path) -> None:
    """Raise UserError if a tensor of a file was not used."""
    if tensors:
        raise UserError(
            f"{folder}: the tensor {min(tensors)} isn't part of the model, expected each to be used exactly once"
        )


def set_leaf(params: Params, path: str, value: NDArray[Any]) -> None:
    """Set a parameter in a nested dict, making the dicts above it."""
    *folders, leaf = path.split("/")
    for folder in folders:
        params = params.setdefault(folder, {})
    params[leaf] = value


def get_leaf(params: Mapping[str, Any], path: str) -> Any:
    """Return a parameter of a nested dict."""
    for part in path.split("/"):
        params = params[part]
    return params


def _to_published(array: NDArray[Any], published: PublishedTensor) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the published tensors of a parameter: back to heads folded into one axis, outputs first."""
    for name, row in zip(published.names, array if published.is_stacked else [array], strict=True):
        matrix = row if published.is_table else row.reshape(published.shape[::-1]).T
        yield name, np.ascontiguousarray(matrix)


def _write(folder: Path, tensors: dict[str, NDArray[Any]], shard_bytes: int) -> None:
    shards: list[dict[str, NDArray[Any]]] = [{}]
    size = 0
    for name, tensor in tensors.items():
        if shards[-1] and size + tensor.nbytes > shard_bytes:
            shards.append({})
            size = 0
        shards[-1][name] = tensor
        size += tensor.nbytes
    if len(shards) == 1:
        write_tensors(folder / SAFETENSORS_FILE, tensors)
        return
    stem = Path(SAFETENSORS_FILE).stem
    places: dict[str, str] = {}
    for number, shard in enumerate(shards, start=1):
        file = f"{stem}-{number:05}-of-{len(shards):05}.safetensors"
        write_tensors(folder / file, shard)
        places |= dict.fromkeys(shard, file)
    total = sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": places}
    (folder / (SAFETENSORS_FILE + INDEX_SUFFIX)).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
