"""Exact tests of what a run directory tells of its beginning, which later starts leave as it is."""

import json
import shutil
import subprocess
import sys

import pytest

from codeit_jax.storage import first_start
from codeit_jax.storage.run_directory import RunDirectory


def begun(path):
    RunDirectory(path, "train").close()
    return json.loads((path / "run.json").read_text())


def test_the_first_command_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/somewhere/codeit-jax", "train", "--run-dir", "a b"])
    first = begun(tmp_path)
    assert first["command"] == "codeit-jax train --run-dir 'a b'"
    assert first["host"]
    monkeypatch.setattr(sys, "argv", ["codeit-jax", "train", "num_meta_iterations=9"])
    assert begun(tmp_path) == first


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_commit_is_that_of_the_packages_own_checkout(tmp_path, monkeypatch):
    def git(*words):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        return subprocess.run(["git", "-C", tmp_path, *identity, *words], check=True, capture_output=True, text=True)

    monkeypatch.setattr(first_start, "__file__", str(tmp_path / "codeit_jax" / "storage" / "first_start.py"))
    assert first_start.first_start()["commit"] is None
    git("init")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-m", "one")
    head = git("rev-parse", "HEAD").stdout.strip()
    assert first_start.first_start()["commit"] == head[:12]
    (tmp_path / "file").write_text("2")
    assert first_start.first_start()["commit"] == head[:12] + "-dirty"
