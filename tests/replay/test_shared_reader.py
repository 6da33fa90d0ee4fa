"""One process writes, others read: exact (what they see), real processes, contract (what is refused)."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from codeit_jax.replay import Column, PrioritizedReplayBuffer, SharedReader, Tokens

SCHEMA = {"number": np.int64, "row": {"copies": Column(np.int64, (50,)), "half": np.float32}}


def items(numbers):
    numbers = np.asarray(numbers)
    return {"number": numbers, "row": {"copies": np.repeat(numbers[:, None], 50, 1), "half": numbers / 2}}


def make(directory, **arguments):
    return PrioritizedReplayBuffer(100, SCHEMA, directory=directory, **arguments)


def test_columns_in_files_are_as_those_in_memory(tmp_path):
    mapped, twin = make(tmp_path / "columns", seed=3), PrioritizedReplayBuffer(100, SCHEMA, seed=3)
    for buffer in (mapped, twin):
        for start in range(0, 300, 7):
            buffer.add(items(range(start, start + 7)), np.arange(1.0, 8.0))
            buffer.update_priorities(buffer.sample(5).indices, 3.0)
    for first, second in ((mapped.sample(30), twin.sample(30)), (mapped.items(), twin.items())):
        np.testing.assert_array_equal(first.indices, second.indices)
        np.testing.assert_array_equal(first.data["row"]["copies"], second.data["row"]["copies"])
    mapped.save(tmp_path / "one")
    twin.save(tmp_path / "other")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    again = PrioritizedReplayBuffer.load(tmp_path / "one", directory=tmp_path / "again")
    np.testing.assert_array_equal(again.sample(30).indices, twin.sample(30).indices)
    assert (tmp_path / "again" / "row.copies.column").stat().st_size == 100 * 50 * 8


def test_a_reader_sees_items_priorities_and_what_left(tmp_path):
    buffer = make(tmp_path / "shared", alpha=0.5, beta=0.4)
    reader = SharedReader(tmp_path / "shared", beta=0.4)
    with pytest.raises(ValueError, match="empty"):
        reader.sample(3)
    buffer.add(items(range(10)), np.arange(10.0), key=range(10))
    buffer.remove([9])
    reader.refresh()
    assert len(reader) == 9
    batch = reader.sample(2000)
    expected = np.sqrt(np.arange(9.0)) / np.sqrt(np.arange(9.0)).sum()
    counts = np.bincount(batch.data["number"], minlength=9)
    assert counts[0] == 0
    z = (((counts - 2000 * expected)[1:] ** 2 / (2000 * expected[1:])).sum() - 7) / np.sqrt(14)
    assert abs(z) < 4.5
    np.testing.assert_allclose(batch.probabilities, expected[batch.data["number"]])
    np.testing.assert_array_equal(batch.data["row"]["half"], batch.data["number"] / 2)
    assert buffer.update_priorities(batch.indices, 1.0, batch.generation) == 2000


def test_what_was_overwritten_since_the_refresh_is_never_returned(tmp_path):
    buffer = make(tmp_path / "shared")
    buffer.add(items(range(100)), 1.0)
    reader = SharedReader(tmp_path / "shared")
    buffer.add(items(range(100, 160)), 1.0)
    numbers = reader.sample(500).data["number"]
    assert numbers.min() >= 60
    assert len(reader.sample(50)) == 50


READER = """
import json, sys
import numpy as np
from codeit_jax.replay import SharedReader
reader = SharedReader(sys.argv[1], seed=int(sys.argv[2]))
torn, newest = 0, 0
for round_ in range(300):
    try:
        batch = reader.sample(32)
    except ValueError:
        reader.refresh()
        continue
    rows = batch.data["row"]
    torn += int((rows["copies"] != batch.data["number"][:, None]).sum())
    torn += int((rows["half"] != batch.data["number"] / 2).sum())
    newest = max(newest, int(batch.data["number"].max()))
    if round_ % 10 == 0:
        reader.refresh()
print(json.dumps([torn, newest]))
"""


def test_processes_read_while_one_writes(tmp_path):
    buffer = make(tmp_path / "shared")
    buffer.add(items(range(100)), 1.0)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", READER, tmp_path / "shared"]
    readers = [
        subprocess.Popen([*command, str(seed)], stdout=subprocess.PIPE, text=True, env=environment) for seed in range(2)
    ]
    start = 100
    while any(reader.poll() is None for reader in readers):
        buffer.add(items(range(start, start + 8)), 1.0)
        start += 8
    for reader in readers:
        torn, newest = json.loads(reader.stdout.read())
        assert reader.wait() == 0
        assert torn == 0
        assert newest >= 100  # they saw what was written meanwhile


def test_a_directory_is_for_one_buffer_and_for_arrays(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").write_text("kept")
    with pytest.raises(ValueError, match="is not empty"):
        make(tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["precious"]
    with pytest.raises(ValueError, match="column 'text'"):
        PrioritizedReplayBuffer(3, {"text": Tokens()}, directory=tmp_path / "tokens")
    with pytest.raises(ValueError, match=r"has no buffer\.json"):
        SharedReader(tmp_path / "full", timeout=0.0)
