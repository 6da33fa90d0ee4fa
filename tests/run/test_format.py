"""Golden test of the format of run directories: what was written when the format began is read to the bit."""

import tarfile

from tests.run.make_format_fixture import FIXTURE, content_of
from tests.run.tiny_run import read_json


def test_a_run_directory_of_this_format_is_read(tmp_path):
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(tmp_path, filter="data")
    assert content_of(tmp_path) == read_json(FIXTURE.with_suffix("").with_suffix(".json").read_text())
