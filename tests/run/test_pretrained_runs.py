"""Contract and fault tests of runs from published weights: what starts, and what is one line with exit code 2."""

import json
import os
import pickle
import shutil
import zipfile

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from codeit_jax.config.loading import load_config
from codeit_jax.model import T5Model
from codeit_jax.model.huggingface import save_pretrained
from codeit_jax.run.initial_weights import load_initial_params
from codeit_jax.text import build_tokenizer
from codeit_jax.text.bpe import BpeTokenizer
from tests.text.train_bpe import train_bpe


@pytest.fixture(scope="session")
def weights(tmp_path_factory, tiny, random_params):
    """A folder as `fetch` leaves it: tiny random weights for a BPE of some hundred pieces, and the BPE."""
    folder = tmp_path_factory.mktemp("weights")
    train_bpe(folder)
    bpe = BpeTokenizer(folder)
    model = T5Model(load_config([tiny.config]).model, bpe.vocabulary_size)
    ids = {"pad_id": bpe.pad_id, "end_id": bpe.end_id, "start_id": bpe.start_id}
    save_pretrained(folder, random_params(model), model, **ids)
    return folder


@pytest.fixture
def copy(weights, tmp_path):
    return shutil.copytree(weights, tmp_path / "copy")


def test_a_native_run_starts_from_the_means_of_the_pieces(tiny, weights, tmp_path):
    settings = [f"model.weights={weights}", f"model.weights_tokenizer={weights}", "num_meta_iterations=0"]
    run = tmp_path / "run"
    done = tiny(run, *settings, "training.pretraining_epochs=0", "mutation.score_tasks=false")
    assert done.code == 0, done.err
    config = load_config([run / "config.yaml"])
    want = load_initial_params(config.model, build_tokenizer("native"))
    [number] = [file.stem for file in (run / "checkpoints").glob("1.sha256")]
    with ocp.StandardCheckpointer() as checkpointer:
        state = checkpointer.restore((run / "checkpoints" / number / "state").absolute())
    jax.tree.map(np.testing.assert_array_equal, state["params"], want)


class Evil:
    def __reduce__(self):
        return os.system, ("touch pwned",)


def damage(folder, how):
    match how:
        case "vocabulary":
            change(folder / "config.json", vocab_size=32128)
        case "special id":
            change(folder / "config.json", eos_token_id=1)
        case "size":
            change(folder / "config.json", d_model=32)
        case "no config":
            (folder / "config.json").unlink()
        case "truncated":
            path = folder / "model.safetensors"
            path.write_bytes(path.read_bytes()[:-10])
        case "no weights":
            (folder / "model.safetensors").unlink()
        case "hostile":
            (folder / "model.safetensors").unlink()
            with zipfile.ZipFile(folder / "pytorch_model.bin", "w") as archive:
                archive.writestr("archive/data.pkl", pickle.dumps(Evil(), 2))
        case "no tokenizer":
            (folder / "vocab.json").unlink()


def change(path, **settings):
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


@pytest.mark.parametrize(
    ("how", "mentions"),
    [
        ("vocabulary", ["vocab_size is 32128, expected"]),
        ("special id", ["eos_token_id is 1, expected 2"]),
        ("size", ["d_model is 32, expected 16"]),
        ("no config", ["config.json"]),
        ("truncated", ["model.safetensors"]),
        ("no weights", ["neither"]),
        ("hostile", ["posix.system"]),
        ("no tokenizer", ["vocab.json"]),
    ],
)
def test_damaged_weights_end_a_run_before_it_begins(tiny, copy, tmp_path, monkeypatch, how, mentions):
    monkeypatch.chdir(tmp_path)
    damage(copy, how)
    done = tiny(tmp_path / "run", f"model.weights={copy}", f"model.weights_tokenizer={copy}")
    assert (done.code, done.out) == (2, "")
    [line] = done.err.splitlines()
    assert line.startswith("error: ")
    assert all(mention in line for mention in mentions), line
    assert not (tmp_path / "pwned").exists()
    assert not list((tmp_path / "run").glob("checkpoints/*.sha256"))


def test_native_tokens_without_the_weights_tokenizer_are_one_line(tiny, weights, tmp_path):
    done = tiny(tmp_path / "run", f"model.weights={weights}")
    assert done.code == 2
    native, bpe = build_tokenizer("native"), BpeTokenizer(weights)
    sizes = f"vocab_size is {bpe.vocabulary_size}, expected {native.vocabulary_size} as in the tokenizer"
    assert sizes in done.err
