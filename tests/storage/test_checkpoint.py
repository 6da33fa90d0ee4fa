"""Exact and fault tests of checkpoints: what is saved comes back bit for bit, what is damaged is passed over."""

import json
import shutil

import jax
import numpy as np
import pytest

from codeit_jax.config.errors import StorageError
from codeit_jax.storage import checkpoint
from codeit_jax.storage.run_directory import LINE_FILES, RunDirectory


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
    assert saved.meta == {
        "iteration": 2,
        "batches_done": None,
        "line_files": dict.fromkeys(LINE_FILES, 0) | {"metrics.jsonl": 9},
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
    assert sorted(manifest) == [str(file.relative_to(directory.path)) for file in files]
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
