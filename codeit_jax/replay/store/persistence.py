"""One file per state: written atomically, versioned, checksummed, readable as a memory map.

Layout: magic, format version, length and CRC-32 of the header; the header (JSON: the nested state, with arrays
replaced by their place in the file); the arrays, each on a 64-byte boundary and with a CRC-32 of its own.
"""

import json
import os
import pickle
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from codeit_jax.replay.store.chunked_array import ChunkedArray, in_chunks
from codeit_jax.replay.store.dtypes import dtype_from_state, dtype_state

FORMAT_VERSION = 1
_MAGIC = b"PRIOREPL"
_PREFIX = struct.Struct("<8sIIQ")  # magic, format version, CRC-32 of the header, length of the header
_ALIGNMENT = 64
_ARRAY_MARK = "__array__"


class CorruptFileError(ValueError):
    """A file is not what was written: truncated, damaged, or of another kind."""


def save_state(path: str | Path, state: Mapping[str, Any]) -> None:
    """Write a state to a file, which then has it whole and durably; on any failure the old file stays."""
    target = Path(path)
    temporary = target.with_name(f"{target.name}.tmp-{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            write_state(file, state)
            file.flush()
            os.fsync(file.fileno())  # before the name changes, or a crash could leave the new name with old bytes
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    fsync_directory(target.parent)  # else a crash could still bring the old file back


def load_state(path: str | Path, *, mmap: bool = False, allow_pickle: bool = False, verify: bool = True) -> Any:
    """Return the state in a file; with `mmap`, arrays are copy-on-write maps of it.

    `verify` checks every array's checksum, which reads the whole file. Raises CorruptFileError.
    """
    with Path(path).open("rb") as file:
        if os.fstat(file.fileno()).st_size < _PREFIX.size:
            raise CorruptFileError(f"{path}: {os.fstat(file.fileno()).st_size} bytes are no replay state")
        # Mode "c", copy on write: changes go to memory, never to the file. Without `mmap` whoever takes an array copies
        # it, and through a map the bytes are in memory once, not twice.
        image: npt.NDArray[np.uint8] = np.memmap(file, np.uint8, "c")
    return read_state(image if mmap else image.view(np.ndarray), str(path), allow_pickle=allow_pickle, verify=verify)


def write_state(file: BinaryIO, state: Mapping[str, Any]) -> None:
    """Write a nested dict of arrays and JSON values; no array is copied as a whole."""
    found: list[npt.NDArray[Any] | ChunkedArray] = []  # in the order in which they come in the file
    tree = _detach_arrays(state, found)
    arrays = [_as_chunks(array) for array in found]
    entries = [
        {**_describe(array), "pickled": original.dtype == object} for array, original in zip(arrays, found, strict=True)
    ]
    offset = 0  # of the next array, from the end of the header
    for entry in entries:
        entry["offset"] = offset
        offset += -(-entry["nbytes"] // _ALIGNMENT) * _ALIGNMENT
    header = json.dumps({"state": tree, "arrays": entries}, allow_nan=False).encode()
    # Blanks are no change to JSON; the arrays then start on a boundary in the file, so also in a map of it.
    header += b" " * (-(_PREFIX.size + len(header)) % _ALIGNMENT)
    file.write(_PREFIX.pack(_MAGIC, FORMAT_VERSION, zlib.crc32(header), len(header)))
    file.write(header)
    for array, entry in zip(arrays, entries, strict=True):
        for chunk in array.chunks():
            file.write(_bytes_of(chunk))
        file.write(b"\0" * (-entry["nbytes"] % _ALIGNMENT))


def read_state(image: npt.NDArray[np.uint8], name: str, *, allow_pickle: bool, verify: bool = True) -> Any:
    """Return the state in the bytes of a file; arrays are views into them."""
    if len(image) < _PREFIX.size:
        raise CorruptFileError(f"{name}: {len(image)} bytes are no replay state")
    magic, version, checksum, length = _PREFIX.unpack(image[: _PREFIX.size].tobytes())
    if magic != _MAGIC:
        raise CorruptFileError(f"{name}: starts with {magic!r}, a replay state with {_MAGIC!r}")
    if version != FORMAT_VERSION:
        raise CorruptFileError(f"{name}: format version {version}: this code reads version {FORMAT_VERSION}")
    start = _PREFIX.size + length
    # The header's checksum first: offsets of a damaged one would lead anywhere.
    header = image[_PREFIX.size : start].tobytes()
    if len(header) != length or zlib.crc32(header) != checksum:
        raise CorruptFileError(f"{name}: the header is damaged")
    content = json.loads(header)
    # Before any array is read: a pickle can run code as it is loaded, whatever its checksum says.
    if not allow_pickle and any(entry["pickled"] for entry in content["arrays"]):
        raise ValueError(f"{name}: has pickled objects, which can run code: pass allow_pickle=True if you trust it")
    arrays = [_read_array(image, start, entry, name, verify) for entry in content["arrays"]]
    return _attach_arrays(content["state"], arrays)


def fsync_directory(directory: Path) -> None:
    """Make a new or renamed name in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def empty_directory(path: str | Path) -> Path:
    """Return a directory, made if it isn't there; raises ValueError if anything is in it."""
    directory = Path(path)
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise ValueError(f"directory {directory} is not empty: it is for the columns of one new buffer")
    return directory


def _detach_arrays(value: Any, arrays: list[npt.NDArray[Any] | ChunkedArray]) -> Any:
    """Return JSON values; arrays go to the list."""
    if isinstance(value, Mapping):
        return {key: _detach_arrays(inner, arrays) for key, inner in value.items()}
    if isinstance(value, np.ndarray | ChunkedArray):
        # A number in its place, so the header stays small and the arrays in one piece.
        arrays.append(value)
        return {_ARRAY_MARK: len(arrays) - 1}
    if isinstance(value, list | tuple):
        return [_detach_arrays(inner, arrays) for inner in value]
    return value.item() if isinstance(value, np.generic) else value


def _attach_arrays(value: Any, arrays: list[npt.NDArray[Any]]) -> Any:
    if isinstance(value, dict):
        if _ARRAY_MARK in value:
            return arrays[value[_ARRAY_MARK]]
        return {key: _attach_arrays(inner, arrays) for key, inner in value.items()}
    if isinstance(value, list):
        return [_attach_arrays(inner, arrays) for inner in value]
    return value


def _as_chunks(array: npt.NDArray[Any] | ChunkedArray) -> ChunkedArray:
    """Return an array in chunks; objects as the bytes of their pickle."""
    if isinstance(array, ChunkedArray):
        return array
    if array.dtype == object:
        # Written like any other array, with a checksum of its own.
        return in_chunks(np.frombuffer(pickle.dumps(array, protocol=5), np.uint8))
    return in_chunks(array)


def _describe(array: ChunkedArray) -> dict[str, Any]:
    checksum = 0
    for chunk in array.chunks():
        checksum = zlib.crc32(_bytes_of(chunk), checksum)
    state = dtype_state(array.dtype)
    return {"dtype": state, "shape": list(array.shape), "nbytes": array.nbytes, "crc32": checksum}


def _bytes_of(chunk: npt.NDArray[Any]) -> memoryview:
    """Return the bytes of a contiguous array; buffers of times and of types from elsewhere Python can't read."""
    return chunk.reshape(-1).view(np.uint8).data if chunk.size else memoryview(b"")


def _read_array(
    image: npt.NDArray[np.uint8], start: int, entry: Mapping[str, Any], name: str, verify: bool
) -> npt.NDArray[Any]:
    first = start + entry["offset"]
    content = image[first : first + entry["nbytes"]]
    if len(content) != entry["nbytes"]:
        raise CorruptFileError(f"{name}: ends at byte {len(image)}, an array at {first + entry['nbytes']}")
    if verify and zlib.crc32(content.data if content.size else b"") != entry["crc32"]:
        raise CorruptFileError(f"{name}: the array at byte {first} is damaged")
    if entry["pickled"]:
        objects: npt.NDArray[Any] = pickle.loads(content.tobytes())
        return objects
    array: npt.NDArray[Any] = content.view(dtype_from_state(entry["dtype"])).reshape(entry["shape"])
    return array
