"""The weights in a checkpoint's folder: safetensors or torch, in one file or in shards with an index."""

import os
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from codeit_jax.config.errors import UserError, first_line, shown
from codeit_jax.config.input_files import read_json
from codeit_jax.model.torch_file import read_torch_file

SAFETENSORS_FILE = "model.safetensors"
TORCH_FILE = "pytorch_model.bin"
INDEX_SUFFIX = ".index.json"
_MAX_INDEX_BYTES = 64 << 20


def read_weights(folder: Path) -> dict[str, NDArray[Any]]:
    """Read all tensors of a checkpoint; safetensors win where both formats are there.

    Returns:
        Arrays by name, in the types stored.

    Raises:
        UserError: no weights, a damaged file, or shards that don't hold what their index says.
    """
    for name in (SAFETENSORS_FILE, TORCH_FILE):
        if os.path.isfile(folder / name):
            return _read_file(folder / name)
        if os.path.isfile(folder / (name + INDEX_SUFFIX)):
            return _read_shards(folder / (name + INDEX_SUFFIX))
    raise UserError(f"{folder}: found neither {SAFETENSORS_FILE} nor {TORCH_FILE}, expected the checkpoint's weights")


def _read_file(path: Path) -> dict[str, NDArray[Any]]:
    return read_torch_file(path) if path.suffix == ".bin" else read_safetensors(path)


def read_safetensors(path: Path) -> dict[str, NDArray[Any]]:
    """Read all tensors of one file, in the types stored.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        return load_file(path)
    # A type that NumPy lacks, such as float8, is a TypeError, KeyError or AttributeError, by the library's version.
    except (OSError, SafetensorError, TypeError, KeyError, AttributeError) as error:
        problem = first_line(error) or type(error).__name__
        raise UserError(f"{path}: not a whole safetensors file ({problem})") from None


def _read_shards(index: Path) -> dict[str, NDArray[Any]]:
    shards = _shards(index)
    tensors: dict[str, NDArray[Any]] = {}
    for shard in sorted(set(shards.values())):
        path = index.parent / shard
        if not os.path.isfile(path):  # also for a name that no system takes
            raise UserError(f"{index}: names {shown(shard)}, expected such a file beside it")
        found = _read_file(path)
        # Both ways: a tensor too few is a damaged shard, one too many a shard of another checkpoint.
        wanted = {name for name, file in shards.items() if file == shard}
        if wanted != found.keys():
            name = min(wanted ^ found.keys())
            verb = "lacks" if name in wanted else "also holds"
            raise UserError(f"{path}: {verb} the tensor {name}, expected those that {index.name} places there")
        tensors |= found
    return tensors


def _shards(index: Path) -> dict[str, str]:
    """Return tensor name -> file name."""
    content = read_json(index, max_bytes=_MAX_INDEX_BYTES)
    shards = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(shards, dict) or not shards or not all(isinstance(file, str) for file in shards.values()):
        raise UserError(
            f"{index}: has no weight_map from tensors to files, expected the index of a checkpoint's shards"
        )
    # A downloaded index is not to be trusted with paths: `../` would read anywhere.
    for file in shards.values():
        if Path(file).name != file:
            raise UserError(f"{index}: names {shown(file)}, expected names of files beside it")
    return shards
