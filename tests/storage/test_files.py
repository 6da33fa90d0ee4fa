"""Exact tests of atomic writes and digests."""

import hashlib
import os

import pytest

from codeit_jax.config.errors import StorageError
from codeit_jax.storage.files import sha256_of_file, write_atomically


def test_a_replaced_file_is_old_or_new_but_never_a_part(tmp_path, monkeypatch):
    path = tmp_path / "summary.json"
    write_atomically(path, "old")

    def full_disk(descriptor):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(StorageError) as caught:
        write_atomically(path, "new and longer")
    assert str(caught.value) == f"{path}: can't be written (No space left on device)"
    assert path.read_text() == "old"
    monkeypatch.undo()
    write_atomically(path, "new")
    assert path.read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["summary.json"]


@pytest.mark.parametrize("size", [0, 1, (1 << 20) + 7])
def test_a_files_digest_is_that_of_its_bytes(tmp_path, size):
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    assert sha256_of_file(tmp_path / "file") == hashlib.sha256(content).hexdigest()
