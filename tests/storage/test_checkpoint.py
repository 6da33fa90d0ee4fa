"""Exact and fault tests of checkpoints: what is saved comes back bit for bit, what is damaged is passed over."""

import hashlib
import json
import os
import shutil

import jax
import numpy as np
import pytest

from codeit_jax.config.errors import StorageError
from codeit_jax.storage import checkpoint
from codeit_jax.storage.line_files import LINE_FILES
from codeit_jax.storage.run_directory import RunDirectory


def make_state(number):
    rng = np.random.default_rng(number)
    return {
        "step": jax.numpy.int32(number),
        "params": {
            "embedding": jax.numpy.asarray(rng.normal(size=(5, 4)), np.float32),
            "block": {"kernel": jax.numpy.asarray(rng.normal(size=(2, 3)), jax.numpy.bfloat16)},
        },
    }


def save(directory, number, keep=10, save_replay=None):
    checkpoint.save(
        directory,
        number,
        state=make_state(number),
        save_replay=save_replay or (lambda folder: (folder / "replay.bin").write_bytes(b"replay %d" % number)),
        meta={"iteration": number, "batches_done": None},
        keep=keep,
    )


def find(directory):
    """Return the newest whole checkpoint and what was said about damaged ones."""
    said = []
    return checkpoint.latest(directory, said.append), said


def files_of(directory, number):
    folders = (directory.checkpoints / str(number), directory.replay / str(number))
    return sorted(file for folder in folders for file in folder.rglob("*") if file.is_file())


def assert_equal_trees(found, wanted):
    assert jax.tree.structure(found) == jax.tree.structure(wanted)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


def shapes_of(tree):
    """Describe a tree of arrays for `restore_state`."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), tree)


def assert_restores(saved, number):
    assert saved.number == number
    assert_equal_trees(checkpoint.restore_state(saved, shapes_of(make_state(0))), make_state(number))
    assert (saved.replay / "replay.bin").read_bytes() == b"replay %d" % number


@pytest.fixture(scope="module")
def two_saved(tmp_path_factory):
    """A run directory's content with checkpoints 1 and 2, to be copied."""
    directory = RunDirectory(tmp_path_factory.mktemp("saved") / "run", "train")
    directory.append("metrics.jsonl", [{"n": 1}])
    save(directory, 1)
    save(directory, 2)
    directory.close()
    return directory.path


@pytest.fixture
def directory(two_saved, tmp_path):
    """A copy of the directory with checkpoints 1 and 2."""
    shutil.copytree(two_saved, tmp_path / "run")
    run = RunDirectory(tmp_path / "run", "train")
    yield run
    run.close()


def test_a_saved_tree_comes_back_bit_for_bit(directory):
    saved, said = find(directory)
    assert said == []
    assert saved.meta == {"iteration": 2, "batches_done": None}
    assert {name: mark.size for name, mark in saved.line_marks.items()} == dict.fromkeys(LINE_FILES, 0) | {
        "metrics.jsonl": 9
    }
    assert_restores(saved, 2)


def test_a_directory_without_checkpoints_has_none(tmp_path):
    run = RunDirectory(tmp_path, "train")
    assert find(run) == (None, [])
    run.close()


@pytest.mark.parametrize("keep", [1, 2])
def test_only_the_newest_are_kept(directory, keep):
    save(directory, 3, keep=keep)
    kept = [str(number) for number in (1, 2, 3)][-keep:]
    assert sorted(path.name for path in directory.checkpoints.iterdir()) == sorted(kept + [f"{n}.sha256" for n in kept])
    assert sorted(path.name for path in directory.replay.iterdir()) == kept
    assert_restores(find(directory)[0], 3)


def flip(file, position):
    content = bytearray(file.read_bytes())
    content[position] ^= 1
    file.write_bytes(content)


DAMAGES = {
    "delete": lambda file: file.unlink(),
    "empty": lambda file: file.write_bytes(b""),
    "cut the last byte": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "cut in half": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "grow": lambda file: file.write_bytes(file.read_bytes() + b"\0"),
    "flip the first bit": lambda file: flip(file, 0),
    "flip a middle bit": lambda file: flip(file, file.stat().st_size // 2),
    "flip a last bit": lambda file: flip(file, -1),
}


def test_every_damage_to_every_file_is_found(directory, two_saved):
    files = [file.relative_to(directory.path) for file in files_of(directory, 2)]
    assert len(files) > 5
    for name in files:
        file = directory.path / name
        for damage, hurt in DAMAGES.items():
            hurt(file)
            saved, said = find(directory)
            assert saved is not None, (name, damage)
            assert saved.number == 1, (name, damage)
            assert said == [f"checkpoint 2 is damaged: {name} isn't as it was written"], damage
            shutil.copy(two_saved / name, file)
            (directory.checkpoints / "2.corrupt").rename(directory.checkpoints / "2.sha256")
    assert_restores(find(directory)[0], 2)


@pytest.mark.parametrize("damage", [name for name in DAMAGES if name not in ("delete", "grow")])
def test_a_damaged_manifest_is_found(directory, damage):
    DAMAGES[damage](directory.checkpoints / "2.sha256")
    saved, said = find(directory)
    assert saved.number == 1
    assert len(said) == 1
    assert said[0].startswith("checkpoint 2 is damaged: ")
    assert "\n" not in said[0]
    assert_restores(saved, 1)


@pytest.mark.parametrize("content", ["[]", "1", '{"metrics.jsonl": 9}', "[" * 100_000, "{}"])
def test_a_manifest_of_another_form_is_a_damage(directory, content):
    (directory.checkpoints / "2.sha256").write_text(content)
    saved, said = find(directory)
    assert saved.number == 1
    assert len(said) == 1
    assert said[0].startswith("checkpoint 2 is damaged: ")


def test_a_line_file_that_changed_after_the_newest_checkpoint_takes_the_one_before(directory):
    directory.cut_line_files(find(directory)[0].line_marks, print)
    directory.append("solutions.jsonl", [{"n": 1}])
    save(directory, 3)
    assert find(directory)[0].number == 3
    for hurt in (DAMAGES["flip the first bit"], DAMAGES["cut the last byte"], DAMAGES["delete"]):
        whole = (directory.path / "solutions.jsonl").read_bytes()
        hurt(directory.path / "solutions.jsonl")
        assert checkpoint.newest_whole(directory, print).number == 3  # whoever only reads parameters needs none
        saved, said = find(directory)
        assert (saved.number, said) == (2, ["checkpoint 3 is damaged: solutions.jsonl isn't as it was written"])
        (directory.path / "solutions.jsonl").write_bytes(whole)
        (directory.checkpoints / "3.corrupt").rename(directory.checkpoints / "3.sha256")


def test_what_something_else_writes_into_a_line_file_is_in_no_checkpoint(directory):
    directory.cut_line_files(find(directory)[0].line_marks, print)
    with open(directory.path / "metrics.jsonl", "a") as file:
        file.write("{}\n")
    with pytest.raises(StorageError, match=r"metrics.jsonl: 12 bytes, expected the 9 of this run; something else"):
        save(directory, 3)
    assert_restores(find(directory)[0], 2)


def test_the_newest_manifest_s_loss_is_told(directory):
    (directory.checkpoints / "2.sha256").unlink()
    saved, said = find(directory)
    manifest = directory.checkpoints / "2.sha256"
    assert said == [f"checkpoint 2, the last one that was saved, is gone: {manifest} doesn't exist"]
    assert_restores(saved, 1)


def test_without_any_manifest_a_run_is_refused_and_nothing_is_removed(directory):
    for number in (1, 2):
        (directory.checkpoints / f"{number}.sha256").unlink()
    again = RunDirectory(directory.path, "train", writes=False)
    directory.close()
    again = RunDirectory(directory.path, "train")
    before = sorted(again.path.rglob("*"))
    with pytest.raises(StorageError) as caught:
        checkpoint.latest(again, lambda line: None)
    again.close()
    [line] = str(caught.value).splitlines()
    assert "found no checkpoint, expected number 2" in line
    assert sorted(again.path.rglob("*")) == before


def test_what_an_interrupted_removal_left_is_removed_by_the_next_start(directory, monkeypatch):
    def killed(path, **_):
        raise KilledError

    monkeypatch.setattr(checkpoint.shutil, "rmtree", killed)
    (directory.checkpoints / "1.sha256").unlink()  # the first step of a removal
    monkeypatch.undo()
    assert_restores(find(directory)[0], 2)
    assert sorted(path.name for path in directory.checkpoints.iterdir()) == ["2", "2.sha256"]
    assert sorted(path.name for path in directory.replay.iterdir()) == ["2"]


def test_no_checkpoint_is_removed_before_the_next_is_on_the_disk(directory, monkeypatch):
    events = []
    fsync, unlink = os.fsync, type(directory.path).unlink
    monkeypatch.setattr(
        checkpoint.os, "fsync", lambda file: (events.append(os.readlink(f"/proc/self/fd/{file}")), fsync(file))
    )
    monkeypatch.setattr(
        type(directory.path), "unlink", lambda path, **options: (events.append(f"-{path}"), unlink(path, **options))
    )
    save(directory, 3, keep=1)
    first_removal = events.index(f"-{directory.checkpoints}/1.sha256")
    durable = set(events[:first_removal])
    assert {str(file) for file in files_of(directory, 3) if file.name != "meta.json"} <= durable
    assert str(directory.checkpoints) in durable


def test_a_directory_that_cannot_be_tidied_up_is_a_storage_error(directory, monkeypatch):
    DAMAGES["empty"](directory.replay / "2" / "replay.bin")

    def refused(path, target):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(type(directory.path), "rename", refused)
    with pytest.raises(StorageError, match=r"can't be tidied up \(Read-only file system\)$"):
        find(directory)


def test_numbers_that_json_does_not_have_are_not_written(directory):
    with pytest.raises(StorageError, match="can't be written"):
        checkpoint.save(
            directory, 3, state=make_state(3), save_replay=lambda folder: None, meta={"x": float("nan")}, keep=9
        )
    assert_restores(find(directory)[0], 2)


def test_a_foreign_file_in_a_checkpoint_is_a_damage(directory):
    (directory.checkpoints / "2" / "state" / "extra").write_bytes(b"")
    assert find(directory)[1] == ["checkpoint 2 is damaged: checkpoints/2/state/extra isn't as it was written"]


def test_after_a_damage_the_run_goes_on_and_keeps_what_is_whole(directory):
    DAMAGES["empty"](directory.replay / "2" / "replay.bin")
    assert find(directory)[0].number == 1
    assert find(directory)[1] == []
    save(directory, 2, keep=1)
    assert_restores(find(directory)[0], 2)


def test_when_all_are_bad_it_is_a_storage_error_however_often_asked(directory):
    before = sorted(directory.path.rglob("*"))
    for number in (1, 2):
        DAMAGES["flip a middle bit"](files_of(directory, number)[0])
    for _ in range(2):
        said = []
        with pytest.raises(StorageError) as caught:
            checkpoint.latest(directory, said.append)
        assert [line.split(":")[0] for line in said] == ["checkpoint 2 is damaged", "checkpoint 1 is damaged"]
        line = str(caught.value)
        assert line == f"{directory.checkpoints}: no checkpoint is whole; start again with another --run-dir"
    assert sorted(directory.path.rglob("*")) == before


class KilledError(BaseException):
    """Stands for the end of the process at this place."""


@pytest.mark.parametrize("step", ["replay", "state", "meta", "manifest", "removal"])
def test_a_kill_between_two_steps_leaves_the_checkpoint_before_or_after(directory, monkeypatch, step):
    def killed(*arguments):
        raise KilledError

    def write_or_die(path, text):
        if path.name == ("meta.json" if step == "meta" else "3.sha256"):
            raise KilledError
        write(path, text)

    write = checkpoint.write_atomically
    if step == "state":
        monkeypatch.setattr(checkpoint.ocp.StandardCheckpointer, "save", killed)
    elif step == "removal":
        monkeypatch.setattr(checkpoint.shutil, "rmtree", lambda path, **_: path.name == "1" and killed())
    elif step != "replay":
        monkeypatch.setattr(checkpoint, "write_atomically", write_or_die)
    with pytest.raises(KilledError):
        save(directory, 3, keep=2, save_replay=killed if step == "replay" else None)
    monkeypatch.undo()
    saved, said = find(directory)
    assert said == []
    assert_restores(saved, 3 if step == "removal" else 2)
    save(directory, 3, keep=2)
    assert_restores(find(directory)[0], 3)


def test_a_save_that_fails_is_one_line_and_leaves_older_ones_whole(directory, capfd):
    def block(folder):
        (directory.checkpoints / "3" / "state").mkdir()  # orbax refuses a destination that exists

    with pytest.raises(StorageError) as caught:
        save(directory, 3, save_replay=block)
    line = str(caught.value)
    assert line.splitlines() == [line]
    assert line.startswith(f"{directory.checkpoints}/3: the checkpoint can't be written (")
    assert line.endswith(" MiB free)")
    assert capfd.readouterr().err == ""
    assert_restores(find(directory)[0], 2)


def test_a_full_disk_is_one_line_and_leaves_older_ones_whole(directory):
    def full_disk(folder):
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match=r"/3: the checkpoint can't be written \(\[Errno 28\] No space left"):
        save(directory, 3, save_replay=full_disk)
    assert_restores(find(directory)[0], 2)


def test_the_manifest_names_every_file_with_size_and_digest(directory):
    manifest = json.loads((directory.checkpoints / "2.sha256").read_text())
    files = files_of(directory, 2)
    assert sorted(manifest) == sorted([*LINE_FILES, *(str(file.relative_to(directory.path)) for file in files)])
    content = (directory.path / "metrics.jsonl").read_bytes()
    assert manifest["metrics.jsonl"] == [len(content), hashlib.sha256(content).hexdigest()]
    for file in files:
        size, digest = manifest[str(file.relative_to(directory.path))]
        assert (size, len(digest)) == (file.stat().st_size, 64)
    (directory.checkpoints / "notes.sha256").write_text("not ours")
    assert find(directory)[0].number == 2


def test_a_state_restores_with_the_sharding_of_its_target(directory):
    mesh = jax.make_mesh((jax.device_count(),), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    target = shapes_of(make_state(0))
    replicated = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    target = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=replicated), target)
    restored = checkpoint.restore_state(find(directory)[0], target)
    assert_equal_trees(restored, make_state(2))
    assert {leaf.sharding for leaf in jax.tree.leaves(restored)} == {replicated}
