"""Writes the files of `torch.save` without torch, and any that it wouldn't write."""

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path


class Global:
    """Pickled as a bare global, as torch's storage types and functions are."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class Call:
    """Pickled as a call of a global."""

    def __init__(self, function: Global, *arguments: object) -> None:
        self.function, self.arguments = function, arguments


class StorageRef:
    """Pickled as a persistent id."""

    def __init__(self, kind: str, key: str, size: int) -> None:
        self.id = ("storage", Global("torch", kind), key, "cpu", size)


class TorchPickler(pickle._Pickler):  # the pickler in Python: the public one, in C, has no `save` to override
    """Writes the opcodes of torch.save: Python's pickler with globals that need not exist here."""

    def persistent_id(self, value: object) -> object:
        return value.id if isinstance(value, StorageRef) else None

    def save(self, value: object, save_persistent_id: bool = True) -> None:
        if isinstance(value, Global):
            self.write(b"c" + f"{value.module}\n{value.name}\n".encode())
        elif isinstance(value, Call):
            self.save(value.function)
            self.save(value.arguments)
            self.write(b"R")
        else:
            super().save(value, save_persistent_id)


REBUILD = Global("torch._utils", "_rebuild_tensor_v2")


def tensor(
    key: str, shape: tuple, strides: tuple, *, offset: int = 0, size: int = 6, kind: str = "FloatStorage"
) -> Call:
    return Call(REBUILD, StorageRef(kind, key, size), offset, shape, strides, False, OrderedDict())


def pickled(value: object, protocol: int = 2) -> bytes:
    stream = io.BytesIO()
    TorchPickler(stream, protocol).dump(value)
    return stream.getvalue()


def write_zip(path: Path, entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def entries_of(table: object, storages: dict[str, bytes]) -> dict[str, bytes]:
    data = {f"archive/data/{key}": content for key, content in storages.items()}
    return {"archive/data.pkl": pickled(table), "archive/byteorder": b"little", **data, "archive/version": b"3\n"}
