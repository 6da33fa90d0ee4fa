"""Fault tests of what people see: a reader that left, a disk that is full, a log that can't be opened."""

import io
import os
import sys

import pytest

from codeit_jax.config.errors import StorageError
from codeit_jax.reporting.progress import Reporter


class Gone(io.StringIO):
    """A terminal that was closed."""

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


@pytest.fixture(params=["pipe", "terminal"])
def nobody(request, monkeypatch):
    """Make standard error something that nobody reads any more."""
    if request.param == "terminal":
        monkeypatch.setattr(sys, "stderr", Gone())
        yield
        return
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", buffering=1, closefd=False) as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        yield
        monkeypatch.undo()
        os.dup2(os.open(os.devnull, os.O_WRONLY), writer)  # what is left in the buffer goes nowhere


def test_when_nobody_reads_the_log_goes_on(nobody, tmp_path):
    reporter = Reporter()
    reporter.open_log(tmp_path / "log.txt")
    for number in range(3):
        reporter.say(f"line {number}")
    with reporter.stage("sampling") as advance:
        advance(1, 2)
    reporter.close()
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert [line.partition(" ")[2] for line in lines] == ["line 0", "line 1", "line 2"]


@pytest.mark.parametrize("there", ["folder", "dangling link"])
def test_a_log_that_cannot_be_opened_is_a_storage_error(tmp_path, there):
    log = tmp_path / "log.txt"
    log.mkdir() if there == "folder" else log.symlink_to(tmp_path / "no" / "where")
    with pytest.raises(StorageError, match="log.txt: can't be opened"):
        Reporter().open_log(log)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a file that is always full")
def test_a_log_on_a_full_disk_is_a_storage_error():
    reporter = Reporter(quiet=True)
    reporter.open_log("/dev/full")
    with pytest.raises(StorageError, match="/dev/full: can't be written \\(No space left on device\\)"):
        reporter.say("line")
    reporter.close()


def test_any_text_can_be_logged(tmp_path):
    reporter = Reporter(quiet=True)
    reporter.open_log(tmp_path / "log.txt")
    reporter.say("\udc80 \u2028")
    reporter.close()
    assert "\\udc80" in (tmp_path / "log.txt").read_text()
