"""Fault: whatever a journal's files lose or change is an error that names the file; only a short end is a torn tail."""

import shutil
import threading

import numpy as np
import pytest

from codeit_jax.replay import CorruptFileError, PrioritizedReplayBuffer, ReplayJournal, SegmentLog, TornTailWarning


def make_buffer():
    return PrioritizedReplayBuffer(50, {"x": np.int64}, seed=2)


def segments_of(folder):
    return sorted(folder.glob("*.segment"))


@pytest.fixture
def folder(tmp_path):
    """Return a log of several segments, sealed but for the last."""
    log = SegmentLog(tmp_path / "log", max_segment_bytes=120)
    for number in range(9):
        log.append(b"%d" % number * 30)
    assert len(segments_of(tmp_path / "log")) > 3
    return tmp_path / "log"


def test_every_missing_or_empty_segment_is_noticed(folder, tmp_path):
    whole = list(SegmentLog(folder).records())
    assert whole == [b"%d" % number * 30 for number in range(9)]
    for path in segments_of(folder):
        for harm in ("unlink", "empty", "swap"):
            copy = tmp_path / "copy"
            shutil.copytree(folder, copy)
            victim = copy / path.name
            if harm == "unlink":
                victim.unlink()
            elif harm == "empty":
                victim.write_bytes(b"")
            else:
                victim.write_bytes(segments_of(folder)[(int(path.stem) + 1) % 4].read_bytes())
            with pytest.raises(CorruptFileError, match="segment"):
                SegmentLog(copy)
            shutil.rmtree(copy)


def test_every_flipped_bit_is_noticed(folder):
    """In the last record too: one that is there in full is damaged, not torn."""
    for path in (segments_of(folder)[1], segments_of(folder)[-1]):
        image = path.read_bytes()
        for position in range(len(image)):
            path.write_bytes(image[:position] + bytes([image[position] ^ 4]) + image[position + 1 :])
            with pytest.raises(CorruptFileError, match=r"\.segment"):
                SegmentLog(folder)
        path.write_bytes(image)


def test_a_segment_that_lost_records_is_noticed(folder):
    """Cut between two records, so that every record left is whole."""
    path = segments_of(folder)[1]
    image = path.read_bytes()
    assert image.count(b"RSEG") == 2
    path.write_bytes(image[: image.rindex(b"RSEG")] + image[image.index(b"REND") :])
    with pytest.raises(CorruptFileError, match="follows a segment"):
        SegmentLog(folder)


def test_zeros_that_a_power_cut_left_are_a_torn_tail(folder):
    path = segments_of(folder)[-1]
    image = path.read_bytes()
    path.write_bytes(image + b"\0" * 100)
    with pytest.warns(TornTailWarning, match="dropped 100 bytes"):
        SegmentLog(folder)
    assert path.read_bytes() == image


@pytest.mark.parametrize("checkpoints", [0, 1, 3])
def test_a_journal_without_one_of_its_files_does_not_open(tmp_path, checkpoints):
    journal = ReplayJournal(tmp_path / "journal", make_buffer)
    for step in range(6):
        journal.add({"x": np.arange(4)}, 1.0 + step)
        if step < checkpoints:
            journal.checkpoint()
    files = [path for path in (tmp_path / "journal").iterdir() if path.name != "segments"]
    assert len(files) == 1 + bool(checkpoints)
    for path in files:
        copy = tmp_path / "copy"
        shutil.copytree(tmp_path / "journal", copy)
        (copy / path.name).unlink()
        with pytest.raises(CorruptFileError, match="missing"):
            ReplayJournal(copy, make_buffer)
        shutil.rmtree(copy)


def test_a_log_of_the_format_before_is_named(tmp_path):
    (tmp_path / "00000000.segment").write_bytes(b"RSEG" + bytes(40))
    with pytest.raises(CorruptFileError, match="format version 1"):
        SegmentLog(tmp_path)


def test_an_item_that_cannot_be_written_down_is_nowhere(tmp_path):
    """A lock in an item: https://github.com/pytorch/rl/issues/1408, https://github.com/eleurent/rl-agents/issues/74."""
    journal = ReplayJournal(tmp_path, lambda: PrioritizedReplayBuffer(9), allow_pickle=True)
    journal.add(["a"], 1.0)
    with pytest.raises(TypeError, match="pickle"):
        journal.add([threading.Lock()], 2.0)
    assert len(journal.buffer) == 1
    journal.add(["b"], 3.0)
    journal.update_priorities([1], 4.0)
    journal.evict()
    reopened = ReplayJournal(tmp_path, lambda: PrioritizedReplayBuffer(9), allow_pickle=True).buffer
    assert reopened.items().data.tolist() == ["a", "b"]
    assert reopened.priorities.raw[:2].tolist() == [1.0, 4.0]


def test_clearing_is_repeated(tmp_path):
    journal = ReplayJournal(tmp_path, make_buffer)
    journal.add({"x": np.arange(20)}, 1.0)
    stale = journal.buffer.items()
    journal.clear()
    journal.add({"x": np.arange(100, 103)}, 2.0)
    reopened = ReplayJournal(tmp_path, make_buffer).buffer
    for buffer in (journal.buffer, reopened):
        assert buffer.items().data["x"].tolist() == [100, 101, 102]
        assert buffer.update_priorities(stale.indices, 9.0, stale.generation) == 0
        assert buffer.max_priority == 2.0


def test_a_policy_that_fails_leaves_everything_as_it_was():
    def failing(slots, priorities, needed):
        raise OSError("the user's own")

    buffer = PrioritizedReplayBuffer(3, {"x": np.int64}, eviction=failing)
    buffer.add({"x": np.arange(3)}, [1.0, 2.0, 3.0], key=["a", "b", "c"], group=["g"] * 3)
    before = buffer.state_dict()
    with pytest.raises(OSError, match="own"):
        buffer.add({"x": [7, 8]}, 9.0, key=["b", "d"])
    np.testing.assert_equal(buffer.state_dict(), before)


@pytest.mark.parametrize("answer", [np.array([True, False, False]), np.array([0.5]), [3], [-1]])
def test_a_policy_says_positions_or_a_mask(answer):
    buffer = PrioritizedReplayBuffer(3, {"x": np.int64}, eviction=lambda slots, priorities, needed: answer)
    buffer.add({"x": np.arange(3)}, 1.0)
    if np.asarray(answer).dtype == bool:
        buffer.add({"x": [9]}, 1.0)
        assert buffer.items().data["x"].tolist() == [9, 1, 2]
    else:
        with pytest.raises(IndexError, match="indices"):
            buffer.add({"x": [9]}, 1.0)
