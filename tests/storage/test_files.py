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


def test_no_link_is_followed_but_the_one_that_is_replaced(tmp_path):
    (tmp_path / "precious").write_text("mine")
    for name in ("report.html.tmp", ".report.html.tmp", "report.html"):
        (tmp_path / name).symlink_to(tmp_path / "precious")
    write_atomically(tmp_path / "report.html", "new")
    assert (tmp_path / "precious").read_text() == "mine"
    assert (tmp_path / "report.html").read_text() == "new"
    assert not (tmp_path / "report.html").is_symlink()


def test_a_new_file_has_the_mode_that_the_user_asked_for(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "file", "")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640
