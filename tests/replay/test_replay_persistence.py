"""Saved state, segments, journal: exact (bitwise round trips), fault (every cut, every damaged byte), contract."""

import os
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest

from codeit_jax.replay import (
    Column,
    CorruptFileError,
    LowestPriority,
    MaxAge,
    PrioritizedReplayBuffer,
    ReplayJournal,
    ReplayMixture,
    Ring,
    SegmentLog,
    Tokens,
    TornTailWarning,
)
from codeit_jax.replay.store import persistence

SCHEMA = {"reward": Column(np.float32), "prompt": Tokens()}


def add_random(buffer, count, seed):
    rng = np.random.default_rng(seed)
    prompts = [rng.integers(0, 30_000, size) for size in rng.integers(0, 9, count)]
    keys = [int(key) for key in rng.integers(0, 4 * count, count)]
    buffer.add({"reward": rng.random(count, np.float32), "prompt": prompts}, rng.random(count), key=keys, group=keys)


def make_buffer(**arguments):
    return PrioritizedReplayBuffer(
        500, SCHEMA, **{"alpha": 0.7, "beta": 0.4, "max_per_group": 2, "seed": 5} | arguments
    )


def used_buffer(**arguments):
    buffer = make_buffer(**arguments)
    for seed in range(6):
        add_random(buffer, 150, seed)
        buffer.sample(20)
        buffer.remove(range(seed, 600, 37))
    return buffer


def assert_same_future(first, second):
    """Both hold the same and do the same from here on, bitwise."""
    for round_ in range(4):
        for arguments in ({"n": 30}, {"n": 40, "replacement": False}, {"n": 500, "method": "stratified"}):
            ours, theirs = first.sample(**arguments), second.sample(**arguments)
            for name in ("indices", "weights", "probabilities", "generation"):
                np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
            np.testing.assert_array_equal(ours.data["reward"], theirs.data["reward"])
            np.testing.assert_array_equal(ours.data["prompt"].pad(9), theirs.data["prompt"].pad(9))
        for buffer in (first, second):
            add_random(buffer, 100, 100 + round_)
            buffer.update_priorities(buffer.sample(5).indices, 2.0)
        assert (first.min_priority, first.max_priority) == (second.min_priority, second.max_priority)


@pytest.mark.parametrize("eviction", [Ring(), LowestPriority(0.3), MaxAge(200)])
@pytest.mark.parametrize("how", ["state_dict", "file", "mmap"])
def test_a_restored_buffer_goes_on_the_same(tmp_path, eviction, how):
    buffer = used_buffer(eviction=eviction)
    if how == "state_dict":
        restored = make_buffer(eviction=eviction, seed=99)
        add_random(restored, 77, 7)
        restored.load_state_dict(buffer.state_dict())
    else:
        buffer.save(tmp_path / "replay")
        restored = PrioritizedReplayBuffer.load(tmp_path / "replay", mmap=how == "mmap")
        before = (tmp_path / "replay").read_bytes()
    assert_same_future(buffer, restored)
    if how == "mmap":
        assert (tmp_path / "replay").read_bytes() == before  # writes never reach the file


def test_a_state_is_a_copy():
    buffer = used_buffer()
    state = buffer.state_dict()
    first, second = make_buffer(), make_buffer()
    first.load_state_dict(state)
    add_random(first, 150, 50)
    add_random(buffer, 150, 51)
    second.load_state_dict(state)
    third = used_buffer()
    assert_same_future(second, third)


def test_a_mixture_is_one_file(tmp_path):
    mixture = ReplayMixture({"policy": used_buffer(seed=1), "train": used_buffer(seed=2)})
    mixture.save(tmp_path / "replay")
    restored = ReplayMixture.load(tmp_path / "replay")
    for name in mixture:
        assert_same_future(mixture[name], restored[name])
    with pytest.raises(ValueError, match="partitions"):
        ReplayMixture({"other": make_buffer()}).load_state_dict(mixture.state_dict())


def test_objects_are_loaded_only_if_the_file_is_trusted(tmp_path):
    buffer = PrioritizedReplayBuffer(3)
    buffer.add([("any", 1), None], 1.0)
    buffer.save(tmp_path / "replay")
    with pytest.raises(ValueError, match="allow_pickle"):
        PrioritizedReplayBuffer.load(tmp_path / "replay")
    loaded = PrioritizedReplayBuffer.load(tmp_path / "replay", allow_pickle=True)
    assert loaded.items().data.tolist() == [("any", 1), None]


def test_a_callable_policy_has_to_be_passed_again(tmp_path):
    def policy(slots, priorities, needed):
        return slots.occupied()[:needed]

    used_buffer(eviction=policy).save(tmp_path / "replay")
    with pytest.raises(ValueError, match="pass `eviction`"):
        PrioritizedReplayBuffer.load(tmp_path / "replay")
    assert PrioritizedReplayBuffer.load(tmp_path / "replay", eviction=policy).eviction is policy


def test_another_schema_or_version_is_refused():
    state = used_buffer().state_dict()
    with pytest.raises(ValueError, match="schema"):
        PrioritizedReplayBuffer(500, {"reward": np.float64, "prompt": Tokens()}).load_state_dict(state)
    with pytest.raises(ValueError, match="version 7"):
        make_buffer().load_state_dict(state | {"version": 7})
    with pytest.raises(ValueError, match="capacity"):
        PrioritizedReplayBuffer(10, SCHEMA).load_state_dict(state)


def test_every_damaged_byte_is_noticed(tmp_path):
    path = tmp_path / "state"
    persistence.save_state(path, {"a": np.arange(5), "b": {"c": [1, None, "x"], "d": np.zeros((0, 2))}, "e": 2**100})
    image = path.read_bytes()
    np.testing.assert_equal(
        persistence.load_state(path),
        {"a": np.arange(5), "b": {"c": [1, None, "x"], "d": np.zeros((0, 2))}, "e": 2**100},
    )
    padding = range(len(image) - 24, len(image))  # after 40 bytes of the array
    for position in range(len(image)):
        path.write_bytes(image[:position] + bytes([image[position] ^ 0x10]) + image[position + 1 :])
        if position in padding:
            continue
        with pytest.raises(CorruptFileError, match="state"):
            persistence.load_state(path, mmap=bool(position % 2))
    for length in range(len(image) - 24):
        path.write_bytes(image[:length])
        with pytest.raises(CorruptFileError):
            persistence.load_state(path)


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "state"
    persistence.save_state(path, {"a": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        persistence.save_state(path, {"a": 2})
    assert persistence.load_state(path) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_cut_at_every_byte_loses_nothing_acknowledged(tmp_path):
    log = SegmentLog(tmp_path)
    [path] = log.segment_paths()
    contents, ends = [b"first", b"", b"third record"], [path.stat().st_size]
    for content in contents:
        log.append(content)
        ends.append(path.stat().st_size)
    image = path.read_bytes()
    for length in range(len(image) + 1):
        path.write_bytes(image[:length])
        if length < ends[0]:  # its head, which no crash leaves unfinished
            with pytest.raises(CorruptFileError, match="the head is damaged"):
                SegmentLog(tmp_path)
            continue
        if length in ends:
            reopened = SegmentLog(tmp_path)
        else:
            with pytest.warns(TornTailWarning, match="unfinished record"):
                reopened = SegmentLog(tmp_path)
        whole = sum(end <= length for end in ends[1:])
        assert list(reopened.records()) == contents[:whole]
        reopened.append(b"next")
        assert list(SegmentLog(tmp_path).records()) == [*contents[:whole], b"next"]


def test_damage_before_the_tail_names_the_file(tmp_path):
    log = SegmentLog(tmp_path, max_segment_bytes=60)
    for number in range(6):
        log.append(b"%d" % number * 20)
    older, last = log.segment_paths()[0], log.segment_paths()[-1]
    assert len(log.segment_paths()) > 1
    for path, position in ((older, 3), (older, older.stat().st_size - 1)):
        image = path.read_bytes()
        path.write_bytes(image[:position] + b"?" + image[position + 1 :])
        with pytest.raises(CorruptFileError, match=path.name):
            SegmentLog(tmp_path)
        path.write_bytes(image)
    last.write_bytes(b"?" + last.read_bytes()[1:] + older.read_bytes())  # a sound record follows: no torn tail
    with pytest.raises(CorruptFileError, match=last.name):
        SegmentLog(tmp_path)


def test_a_failed_append_leaves_the_log_as_it_was(tmp_path, monkeypatch):
    log = SegmentLog(tmp_path)
    log.append(b"kept")
    real_fsync = os.fsync

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        log.append(b"lost")
    monkeypatch.setattr(os, "fsync", real_fsync)
    log.append(b"after")
    assert list(log.records()) == [b"kept", b"after"]


def test_a_journal_repeats_every_change(tmp_path):
    journal, twin = ReplayJournal(tmp_path, make_buffer), make_buffer()
    for step in range(12):
        for target in (journal, twin):
            add_random(target, 60, step)
            target.update_priorities([3, 4], [5.0, 6.0])
            target.remove([step, 100 + step])
            if step % 5 == 4:
                target.evict()
        np.testing.assert_array_equal(journal.buffer.sample(10).indices, twin.sample(10).indices)
        for target in (journal, twin):
            single = {"reward": 1.0, "prompt": [1, 2]}
            assert isinstance(target.add(single, None, key=f"one {step}"), int)
        if step in (3, 7):
            journal.checkpoint()
        if step % 2:
            journal = ReplayJournal(tmp_path, make_buffer)
    assert_same_future(ReplayJournal(tmp_path, make_buffer).buffer, twin)
    assert len(list(tmp_path.glob("*.segment"))) == 1


def test_a_checkpoint_that_dropped_no_segments_is_whole(tmp_path, monkeypatch):
    """Killed between the snapshot and the removal of the segments: they are not repeated, and new ones go after."""
    journal = ReplayJournal(tmp_path, make_buffer)
    add_random(journal, 60, 1)
    monkeypatch.setattr(SegmentLog, "drop_before", lambda *_: None)
    journal.checkpoint()
    monkeypatch.undo()
    reopened = ReplayJournal(tmp_path, make_buffer)
    add_random(reopened, 60, 2)
    twin = make_buffer()
    add_random(twin, 60, 1)
    add_random(twin, 60, 2)
    assert_same_future(ReplayJournal(tmp_path, make_buffer).buffer, twin)


def test_a_journal_that_could_not_log_refuses_until_a_snapshot(tmp_path, monkeypatch):
    journal = ReplayJournal(tmp_path, make_buffer)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            add_random(journal, 100, 1)
    with pytest.raises(RuntimeError, match="checkpoint"):
        add_random(journal, 100, 2)
    journal.checkpoint()
    add_random(journal, 100, 2)
    assert_same_future(ReplayJournal(tmp_path, make_buffer).buffer, journal.buffer)


WRITER = """
import sys
import numpy as np
from codeit_jax.replay import PrioritizedReplayBuffer, ReplayJournal, Tokens
journal = ReplayJournal(sys.argv[1], lambda: PrioritizedReplayBuffer(10**6, {"x": np.int64, "prompt": Tokens()}))
first = len(journal.buffer)
for start in range(first, 10**6, 50):
    numbers = np.arange(start, start + 50)
    journal.add({"x": numbers, "prompt": [[n % 1000] * 30 for n in numbers]}, 1.0, key=[int(n) for n in numbers])
    print(start + 50, flush=True)
    if start // 50 % 7 == 6:
        journal.checkpoint()
"""


def test_kill_at_any_moment_loses_nothing_acknowledged(tmp_path):
    """kill -9 at random moments of a writer, again and again in one directory."""
    rng = np.random.default_rng(0)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True, env=environment
        )
        line = writer.stdout.readline()
        time.sleep(rng.uniform(0, 0.08))
        writer.send_signal(signal.SIGKILL)
        acknowledged = [line, *writer.stdout.read().splitlines(keepends=True)]
        writer.wait()
        promised = int([line for line in acknowledged if line.endswith("\n")][-1])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TornTailWarning)  # there may be a torn tail, or none
            buffer = ReplayJournal(tmp_path, number_buffer).buffer
        assert len(buffer) >= promised
        stored = buffer.items()
        np.testing.assert_array_equal(np.sort(stored.data["x"]), np.arange(len(buffer)))
        assert (stored.data["x"] % 1000 == stored.data["prompt"].pad(30).T).all()


def number_buffer():
    return PrioritizedReplayBuffer(10**6, {"x": np.int64, "prompt": Tokens()})
