"""Twin tests of resuming on other devices: arrays come back bit for bit, what is learnt from them up to rounding."""

import jax
import numpy as np
import pytest

from codeit_jax.config.loading import load_config
from codeit_jax.model import T5Model
from codeit_jax.parallel import make_mesh
from codeit_jax.run import components
from codeit_jax.storage import checkpoint, faults
from codeit_jax.storage.run_directory import RunDirectory
from codeit_jax.text import build_tokenizer
from codeit_jax.training import make_optimizer
from codeit_jax.training.train_step import abstract_state
from tests.run.tiny_run import learning_rows, newest, state_of

pytestmark = pytest.mark.floats
MESHES = {"8x1": (8, 1), "4x2": (8, 2), "1x1": (1, 1)}  # devices, and how many of them split the model's width
TOLERANCE = 1e-5


@pytest.fixture
def on_mesh(tiny, monkeypatch):
    """Return a function that runs on some of the eight devices."""

    def run(directory, name):
        devices, fsdp = MESHES[name]
        monkeypatch.setattr(components, "make_mesh", lambda config: make_mesh(config, jax.devices()[:devices]))
        return tiny(directory, f"hardware.fsdp={fsdp}")

    return run


def restored_on(directory, name):
    """Read the newest checkpoint's arrays onto another mesh, sharded as a run there has them."""
    config = load_config([directory / "config.yaml"])
    devices, fsdp = MESHES[name]
    mesh = make_mesh(load_config([], [f"hardware.fsdp={fsdp}"]).hardware, jax.devices()[:devices])
    model = T5Model(config.model, build_tokenizer("native").vocabulary_size)
    target = vars(abstract_state(model, make_optimizer(config.training), mesh))
    run = RunDirectory(directory, "train")
    cut = checkpoint.latest(run, lambda line: None)
    run.close()
    state = checkpoint.restore_state(cut, target)
    assert all(jax.tree.leaves(jax.tree.map(lambda array, wanted: array.sharding == wanted.sharding, state, target)))
    leaves = jax.tree_util.tree_leaves_with_path(state)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf) for path, leaf in leaves}


@pytest.mark.slow
def test_twenty_steps_after_a_change_of_devices_differ_by_rounding_only(tiny, whole, on_mesh, tmp_path, monkeypatch):
    for name in ("8x1", "4x2"):
        monkeypatch.setattr(faults, "armed", faults.read_fault("learn:4:term"))
        assert on_mesh(tmp_path, name).code == 75
        saved = state_of(tmp_path)
        for other in MESHES:
            for path, array in restored_on(tmp_path, other).items():
                np.testing.assert_array_equal(array, saved[path], err_msg=path)
    assert int(saved["step"]) == 6  # fourteen of pretraining are left, then eight
    assert on_mesh(tmp_path, "1x1").code == 0
    for row, wanted in zip(learning_rows(tmp_path), learning_rows(whole), strict=True):
        assert (row["num_steps"], row["experiences"]) == (wanted["num_steps"], wanted["experiences"])
        assert row["loss"] == pytest.approx(wanted["loss"], abs=TOLERANCE)
    found, wanted_state = state_of(tmp_path), state_of(whole)
    assert newest(tmp_path) > newest(whole)
    for path, array in found.items():
        np.testing.assert_allclose(array, wanted_state[path], rtol=0, atol=TOLERANCE, err_msg=path)
    assert (tmp_path / "solutions.jsonl").read_bytes() == (whole / "solutions.jsonl").read_bytes()
