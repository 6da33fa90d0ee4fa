"""`pytorch_model.bin` without torch: a zip of raw arrays and a pickle that says which tensor lies where."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from codeit_jax.config.errors import UserError, first_line
from codeit_jax.model.torch_pickle import Storage, StoredTensor, read_tensor_table

_MAX_PICKLE_BYTES = 4 << 20  # it is read whole
_DTYPES = {
    "float32": np.dtype(np.float32),
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(jnp.bfloat16),
    "int64": np.dtype(np.int64),
}


def read_torch_file(path: Path) -> dict[str, NDArray[Any]]:
    """Read every tensor of a file that `torch.save` wrote from a state dict.

    No entry is unpacked to disk, no pickle is run, and nothing larger than the file is allocated.

    Returns:
        Arrays by name, in the types stored; tensors that share a storage share memory.

    Raises:
        UserError: not such a file, damaged, or with something else in it than tensors of four known types.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            folder = _check_entries(archive, path.stat().st_size)
            pickled = archive.read(f"{folder}/data.pkl")
            return _load_tensors(archive, folder, read_tensor_table(pickled))
    except zipfile.BadZipFile as error:
        raise UserError(
            f"{path}: not a whole zip file ({first_line(error)}), expected what torch.save writes since torch 1.6"
        ) from None
    except (ValueError, OSError, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
        problem = first_line(error) or type(error).__name__  # an EOFError says nothing
        raise UserError(f"{path}: can't be read as saved tensors: {problem}") from None


def _check_entries(archive: zipfile.ZipFile, file_size: int) -> str:
    """Raise ValueError for anything that torch doesn't write; return the folder that all entries are in."""
    # Stored entries alone, and no more bytes than the file has: nothing can be a zip bomb or point outside.
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    for entry in entries:
        parts = entry.filename.split("/")
        if not all(parts) or ".." in parts or "." in parts or "\\" in entry.filename:
            raise ValueError(f"the entry {entry.filename[:80]!r} isn't a plain path inside the archive")
        if entry.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"the entry {entry.filename[:80]!r} is compressed, expected stored bytes")
    if len(set(names)) != len(names):
        raise ValueError("two entries have one name")
    if sum(entry.file_size for entry in entries) > file_size:
        raise ValueError(f"its entries claim more bytes than the file's {file_size}")
    folders = {name.split("/")[0] for name in names}
    if len(folders) != 1 or f"{(folder := folders.pop())}/data.pkl" not in names:
        raise ValueError("it has no data.pkl in its one folder, expected a state dict saved by torch.save")
    if (size := archive.getinfo(f"{folder}/data.pkl").file_size) > _MAX_PICKLE_BYTES:
        raise ValueError(f"its data.pkl has {size} bytes, expected at most {_MAX_PICKLE_BYTES}")
    if f"{folder}/byteorder" in names and archive.read(f"{folder}/byteorder") != b"little":
        raise ValueError("its numbers aren't little-endian")
    return folder


def _load_tensors(archive: zipfile.ZipFile, folder: str, table: dict[str, StoredTensor]) -> dict[str, NDArray[Any]]:
    # By storage: tied tables are two tensors over one, and are read once.
    arrays: dict[Storage, NDArray[Any]] = {}
    tensors = {}
    for name, tensor in table.items():
        storage = tensor.storage
        if storage not in arrays:
            arrays[storage] = _load_storage(archive, folder, storage)
        array = arrays[storage]
        strides = [stride * array.itemsize for stride in tensor.strides]
        # Safe only because `read_tensor_table` has refused every tensor that doesn't lie in its storage.
        tensors[name] = np.lib.stride_tricks.as_strided(array[tensor.offset :], tensor.shape, strides, writeable=False)
    return tensors


def _load_storage(archive: zipfile.ZipFile, folder: str, storage: Storage) -> NDArray[Any]:
    name, dtype = f"{folder}/data/{storage.key}", _DTYPES[storage.dtype]
    try:
        entry = archive.getinfo(name)
    except KeyError:
        raise ValueError(f"the entry {name[:80]!r} is missing") from None
    if entry.file_size != storage.num_elements * dtype.itemsize:
        expected = f"expected {storage.num_elements} elements of {storage.dtype}"
        raise ValueError(f"the entry {name[:80]!r} has {entry.file_size} bytes, {expected}")
    return np.frombuffer(archive.read(entry), dtype)
