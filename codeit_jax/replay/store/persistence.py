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
        # Mode "c", copy on write: changes go to memory, never to the file.
        image = np.memmap(file, np.uint8, "c") if mmap else np.frombuffer(bytearray(file.read()), np.uint8)
    return read_state(image, str(path), allow_pickle=allow_pickle, verify=verify)


def write_state(file: BinaryIO, state: Mapping[str, Any]) -> None:
    """Write a nested dict of arrays and JSON values."""
    arrays: list[npt.NDArray[Any]] = []  # in the order in which they come in the file
    tree = _detach_arrays(state, arrays)
    pickled = [array.dtype == object for array in arrays]
    arrays = [_as_bytes(array) for array in arrays]
    entries = [{**_describe(array), "pickled": flag} for array, flag in zip(arrays, pickled, strict=True)]
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
        file.write(array.data if array.size else b"")
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


def _detach_arrays(value: Any, arrays: list[npt.NDArray[Any]]) -> Any:
    """Return JSON values; arrays go to the list."""
    if isinstance(value, Mapping):
        return {key: _detach_arrays(inner, arrays) for key, inner in value.items()}
    if isinstance(value, np.ndarray):
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


def _as_bytes(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a contiguous array; objects as the bytes of their pickle."""
    if array.dtype == object:
        # Written like any other array, with a checksum of its own.
        return np.frombuffer(pickle.dumps(array, protocol=5), np.uint8)
    return np.ascontiguousarray(array)


def _describe(array: npt.NDArray[Any]) -> dict[str, Any]:
    return {
        "dtype": array.dtype.str,
        "shape": list(array.shape),
        "nbytes": array.nbytes,
        "crc32": zlib.crc32(array.data if array.size else b""),
    }


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
    array: npt.NDArray[Any] = content.view(np.dtype(entry["dtype"])).reshape(entry["shape"])
    return array
