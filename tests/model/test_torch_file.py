"""Exact and fault tests of `pytorch_model.bin`: what torch writes is read bit for bit, everything else is one line."""

import os
import pickle
import pickletools
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeit_jax.config.errors import UserError
from codeit_jax.model.torch_file import read_torch_file
from codeit_jax.model.torch_pickle import read_tensor_table
from tests.model.torch_writer import Call, Global, entries_of, pickled, tensor, write_zip

DTYPES = {
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "BFloat16Storage": jnp.bfloat16,
    "LongStorage": np.int64,
}


SIX = np.arange(6, dtype=np.float32)


def refused(path: Path, *mentions: str) -> None:
    with pytest.raises(UserError) as error:
        read_torch_file(path)
    message = str(error.value)
    assert "\n" not in message
    assert len(message) < 400 + len(str(path))
    for mention in (str(path), *mentions):
        assert mention in message, message


@pytest.mark.parametrize("kind", DTYPES)
def test_every_type_is_read_bit_for_bit(tmp_path, kind):
    array = np.arange(-3, 3).astype(DTYPES[kind])
    table = OrderedDict(a=tensor("0", (2, 3), (3, 1), kind=kind), scalar=tensor("0", (), (), offset=4, kind=kind))
    found = read_torch_file(write_zip(tmp_path / "f.bin", entries_of(table, {"0": array.tobytes()})))
    assert found["a"].dtype == DTYPES[kind]
    np.testing.assert_array_equal(found["a"], array.reshape(2, 3))
    assert found["scalar"] == array[4]


def test_views_shared_storages_and_empty_tensors(tmp_path):
    table = {
        "transposed": tensor("0", (3, 2), (1, 3)),
        "slice": tensor("0", (2,), (2,), offset=1),
        "empty": tensor("1", (0, 4), (4, 1), size=0),
    }
    found = read_torch_file(write_zip(tmp_path / "f.bin", entries_of(table, {"0": SIX.tobytes(), "1": b""})))
    np.testing.assert_array_equal(found["transposed"], SIX.reshape(2, 3).T)
    np.testing.assert_array_equal(found["slice"], [1, 3])
    assert found["empty"].shape == (0, 4)
    with pytest.raises(ValueError, match="read-only"):
        found["slice"][0] = 1


class Reduces:
    def __init__(self, *what: object) -> None:
        self.what = what

    def __reduce__(self):
        return self.what


HOSTILE = {
    "os.system": (pickle.dumps(Reduces(os.system, ("touch pwned",)), 2), "posix.system"),
    "reduce_eval": (pickle.dumps(Reduces(eval, ("1",)), 2), "builtin"),
    "getattr": (pickle.dumps(Reduces(getattr, ("x", "upper")), 2), "getattr"),
    "protocol_4": (pickle.dumps(Reduces(os.system, ("touch pwned",)), 4), "SHORT_BINUNICODE"),
    "bare_global": (pickled({"a": Global("os", "system")}), "os.system"),
    "global_of_torch": (pickled(Call(Global("torch", "load"), "f")), "torch.load"),
    "dotted": (pickled(Call(Global("collections", "OrderedDict.fromkeys"), "ab")), "fromkeys"),
    "split_name": (pickled(Call(Global("torch._utils _rebuild_tensor_v2", "x"))), "rebuild_tensor_v2.x"),
    "parameter": (pickled(Call(Global("torch._utils", "_rebuild_parameter"), 1)), "_rebuild_parameter"),
    "other_storage": (pickled({"a": tensor("0", (1,), (1,), kind="DoubleStorage")}), "torch.DoubleStorage"),
    "call_of_a_storage": (pickled(Call(Global("torch", "FloatStorage"), 10**9)), "calls something"),
    "call_of_a_string": (b"\x80\x02X\x01\x00\x00\x00ai\n)R.", ""),
    "odict_of_items": (pickled(Call(Global("collections", "OrderedDict"), (("a", 1),))), "calls something"),
    "object": (pickle.dumps(Path("x"), 2), "pathlib"),
    "instance": (b"(ios\nsystem\n.", "INST"),
    "extension": (b"\x80\x02\x82\x01.", "EXT1"),
    "state_of_a_tensor": (pickled(tensor("0", (1,), (1,)))[:-1] + b"}b.", "state"),
    "huge_memo": (b"\x80\x02Nr\xff\xff\xff\xff.", ""),
    "huge_bytes": (b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b".", ""),
    "deep": (b"\x80\x02" + b")" + b"\x85" * 100_000 + b".", "something else"),
    "opcodes": (b"\x80\x02" + b"N" * 2_100_000 + b".", "opcodes"),
    "no_stop": (b"\x80\x02}", "STOP"),
    "empty": (b"", ""),
    "no_dict": (pickled(tensor("0", (1,), (1,))), "one dict"),
    "not_tensors": (pickled({"model": {"a": tensor("0", (1,), (1,))}}), "'model' is of type dict"),
    "number_as_key": (pickled({1: tensor("0", (1,), (1,))}), "names"),
    "pop_of_nothing": (b"\x80\x02R.", "isn't there"),
    "unknown_memo": (b"\x80\x02h\x07.", "isn't there"),
    "persistent_text": (b"Px\n.", "PERSID"),
    "other_persistent_id": (b"\x80\x02X\x01\x00\x00\x00aQ.", "storage"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pickle_is_one_line(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    data, mention = HOSTILE[name]
    path = write_zip(tmp_path / "f.bin", {"archive/data.pkl": data, "archive/data/0": SIX.tobytes()})
    refused(path, mention)
    assert [file.name for file in tmp_path.iterdir()] == ["f.bin"]


SHAPES = {
    "outside": tensor("0", (7,), (1,)),
    "offset": tensor("0", (3,), (1,), offset=4),
    "stride": tensor("0", (2, 2), (5, 1)),
    "repeated": tensor("0", (100_000, 100_000), (0, 0)),
    "negative_size": tensor("0", (-2, -3), (1, 1)),
    "negative_stride": tensor("0", (2,), (-1,)),
    "negative_offset": tensor("0", (2,), (1,), offset=-1),
    "unequal": tensor("0", (2, 3), (1,)),
    "dimensions": tensor("0", (1,) * 40, (1,) * 40),
    "boolean": tensor("0", (True,), (1,)),
    "text": tensor("0", ("2",), (1,)),
    "huge_storage": tensor("0", (2,), (1,), size=1 << 60),
    "small_storage": tensor("0", (2,), (1,), size=5),
    "missing_storage": tensor("9", (2,), (1,)),
    "path_as_key": tensor("../../../etc/passwd", (2,), (1,)),
    "negative_storage": tensor("0", (0,), (1,), size=-1),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_tensor_that_does_not_lie_in_its_storage_is_one_line(tmp_path, name):
    refused(write_zip(tmp_path / "f.bin", entries_of({"a": SHAPES[name]}, {"0": SIX.tobytes()})))


GOOD = entries_of({"a": tensor("0", (2, 3), (3, 1))}, {"0": SIX.tobytes()})


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../x", "archive/../../x", "archive//x", "other/x", "x", "archive/data\\0", "archive/./x"]
)
def test_an_entry_outside_the_folder_is_one_line(tmp_path, name):
    refused(write_zip(tmp_path / "f.bin", {**GOOD, name: b"x"}))


def test_a_compressed_entry_is_one_line(tmp_path):
    refused(write_zip(tmp_path / "f.bin", GOOD, zipfile.ZIP_DEFLATED), "compressed")


def test_two_entries_of_one_name_are_one_line(tmp_path):
    path = write_zip(tmp_path / "f.bin", GOOD)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/data/0", SIX.tobytes())
    refused(path, "one name")


def test_big_endian_numbers_are_one_line(tmp_path):
    refused(write_zip(tmp_path / "f.bin", {**GOOD, "archive/byteorder": b"big"}), "little-endian")


def test_a_declared_size_larger_than_the_file_is_one_line(tmp_path):
    path = write_zip(tmp_path / "f.bin", GOOD)
    data = path.read_bytes()
    place = data.index(b"PK\x01\x02", data.rindex(b"archive/data/0") - 60) + 20
    path.write_bytes(data[:place] + struct.pack("<II", 1 << 31, 1 << 31) + data[place + 8 :])
    refused(path, "more bytes")


@pytest.mark.parametrize("share", [0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_one_line(tmp_path, share):
    path = write_zip(tmp_path / "f.bin", GOOD)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    refused(path)


def test_a_flipped_bit_of_a_tensor_is_one_line(tmp_path):
    path = write_zip(tmp_path / "f.bin", GOOD)
    data = bytearray(path.read_bytes())
    data[data.index(SIX.tobytes()) + 7] ^= 4
    path.write_bytes(bytes(data))
    refused(path, "CRC")


def test_the_format_before_torch_1_6_is_one_line(tmp_path):
    path = tmp_path / "f.bin"
    path.write_bytes(pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({"a": 1}, 2))
    refused(path, "torch 1.6")


@given(st.data())
def test_a_damaged_pickle_gives_a_table_or_a_value_error(data):
    """Whatever the bytes, nothing but ValueError comes out, and what comes out lies in its storage."""
    whole = GOOD["archive/data.pkl"]
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        table = read_tensor_table(bytes(damaged[: data.draw(st.integers(1, len(whole)))]))
    except ValueError:
        return
    for entry in table.values():
        last = entry.offset + sum((n - 1) * s for n, s in zip(entry.shape, entry.strides, strict=True))
        assert np.prod(entry.shape) == 0 or last < entry.storage.num_elements


def test_the_pickles_of_these_tests_have_the_opcodes_that_torch_writes():
    used = {opcode.name for opcode, _, _ in pickletools.genops(GOOD["archive/data.pkl"])}
    assert {"GLOBAL", "BINPERSID", "REDUCE", "BINPUT", "TUPLE2"} <= used
