"""T5 checkpoints from public reports: what each is here, exact. Inputs are our own, made from the golden ones."""

import json
import shutil
import struct

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from codeit_jax.config.errors import UserError
from codeit_jax.model.huggingface import load_pretrained
from codeit_jax.model.published_config import SpecialIds
from tests.conftest import GOLDEN, GOLDEN_VOCABULARY
from tests.model.test_weight_files import CONFIGS, change, write_bin

INDEX = "model.safetensors.index.json"


def copy_of(tmp_path, kind="relu-tied"):
    folder = tmp_path / "checkpoint"
    shutil.copytree(GOLDEN / kind, folder)
    return folder


def load(folder, kind="relu-tied", special=None):
    return load_pretrained(folder, CONFIGS[kind], GOLDEN_VOCABULARY, special)


def refusal(folder, kind="relu-tied", special=None):
    with pytest.raises(UserError) as caught:
        load(folder, kind, special)
    return str(caught.value)


def rewrite(folder, edit):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    edit(tensors)
    save_file(tensors, path)


def shard(folder, edit_index=lambda index: None, edit_shards=lambda shards: None):
    """Cut a checkpoint in two with an index, as large ones are published."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    shards = {
        f"model-{part + 1:05}-of-00002.safetensors": {name: tensors[name] for name in names[part::2]} for part in (0, 1)
    }
    index = {name: file for file, part in shards.items() for name in part}
    edit_shards(shards)
    edit_index(index)
    for file, part in shards.items():
        save_file(part, folder / file)
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": index}))


def edit_header(path, edit):
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    edit(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


# Tied tables under their several names.


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://github.com/huggingface/transformers/issues/38870", "lm_head.weight"),
        ("https://github.com/huggingface/transformers/issues/41038", "encoder.embed_tokens.weight"),
        ("https://github.com/huggingface/accelerate/pull/2875", "decoder.embed_tokens.weight"),
    ],
)
def test_a_tied_table_is_found_under_any_of_its_names(tmp_path, address, name):
    expected = load(copy_of(tmp_path))["embedding"]
    rewrite(tmp_path / "checkpoint", lambda tensors: tensors.update({name: tensors.pop("shared.weight")}))
    assert (load(tmp_path / "checkpoint")["embedding"] == expected).all()


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/huggingface/transformers/issues/27972",
        "https://github.com/ml-explore/mlx-lm/pull/1298",
    ],
)
def test_copies_of_a_tied_table_may_be_there_or_not(tmp_path, address):
    folder = copy_of(tmp_path)
    expected = load(folder)["embedding"]
    names = ("lm_head.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
    rewrite(folder, lambda tensors: tensors.update({name: tensors["shared.weight"].copy() for name in names}))
    assert (load(folder)["embedding"] == expected).all()
    rewrite(folder, lambda tensors: [tensors.pop(name) for name in names])
    assert (load(folder)["embedding"] == expected).all()


def test_a_head_is_never_taken_for_the_embedding_of_an_untied_model(tmp_path):
    """https://github.com/huggingface/transformers/issues/48154: without `shared.weight` the encoder got the head."""
    folder, kind = copy_of(tmp_path, "gated-gelu-untied"), "gated-gelu-untied"
    before = load(folder, kind)
    rewrite(folder, lambda tensors: tensors.update({"decoder.embed_tokens.weight": tensors.pop("shared.weight")}))
    after = load(folder, kind)
    assert (after["embedding"] == before["embedding"]).all()
    assert (after["head"] == before["head"]).all()
    assert not (after["embedding"] == after["head"]).all()


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://github.com/QwenLM/Qwen3-VL-Embedding/issues/89", "lm_head.weight"),
        ("https://github.com/huggingface/candle/pull/903", "lm_head.weight"),
        ("https://github.com/huggingface/transformers/issues/42460", "decoder.final_layer_norm.weight"),
    ],
)
def test_a_table_that_is_missing_is_named(tmp_path, address, name):
    folder = copy_of(tmp_path, "gated-gelu-untied")
    rewrite(folder, lambda tensors: tensors.pop(name))
    assert f"the tensor {name} is missing, expected one of shape" in refusal(folder, "gated-gelu-untied")


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/huggingface/transformers/issues/2334",
        "https://github.com/huggingface/transformers/issues/8933",
    ],
)
def test_the_bias_of_cross_attention_in_old_checkpoints_is_left_out(tmp_path, address):
    folder = copy_of(tmp_path)
    name = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
    rewrite(folder, lambda tensors: tensors.update({name: np.ones((32, 3), np.float32)}))
    load(folder)


def test_a_bias_in_every_layer_is_another_architecture(tmp_path):
    """https://github.com/OpenNMT/CTranslate2/issues/2102: UMT5's checkpoints look like T5's."""
    folder = copy_of(tmp_path)
    name = "encoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight"
    rewrite(folder, lambda tensors: tensors.update({name: np.ones((32, 3), np.float32)}))
    assert f"the tensor {name} isn't part of the model" in refusal(folder)
    change(folder, model_type="umt5")
    assert "model_type is 'umt5', expected 't5'" in refusal(folder)


def test_a_tensor_of_another_model_is_named(tmp_path):
    """https://github.com/google/tunix/issues/611: a key that no rule maps."""
    folder, name = copy_of(tmp_path), "language_model.model.layers.10.input_layernorm.weight"
    rewrite(folder, lambda tensors: tensors.update({name: np.ones(3, np.float32)}))
    assert f"the tensor {name} isn't part of the model" in refusal(folder)


def test_the_decoder_has_a_number_of_layers_of_its_own(tmp_path):
    """https://github.com/huggingface/transformers/pull/17279: an encoder's size taken for the decoder's."""
    folder = copy_of(tmp_path)
    change(folder, num_decoder_layers=3)
    assert "num_decoder_layers is 3, expected 2" in refusal(folder)


def test_the_token_that_a_decoder_starts_from_need_not_be_padding(tmp_path):
    """https://github.com/OpenNMT/CTranslate2/pull/1552: MADLAD-400 starts from another token."""
    folder = copy_of(tmp_path)
    stored = json.loads((folder / "config.json").read_text())
    special = SpecialIds(pad=stored["pad_token_id"], start=7, end=stored["eos_token_id"])
    assert "decoder_start_token_id is" in refusal(folder, special=special)
    change(folder, decoder_start_token_id=7)
    load(folder, special=special)


def test_a_folder_without_its_configuration_is_told(tmp_path):
    """https://github.com/JustVugg/colibri/pull/1487: a checkpoint copied without `config.json`."""
    folder = copy_of(tmp_path)
    (folder / "config.json").unlink()
    assert refusal(folder) == f"{folder}/config.json: no such file"


# Shards.


def test_a_shard_that_was_not_downloaded_is_named(tmp_path):
    """https://github.com/sgl-project/sglang/pull/32279, https://github.com/Blaizzy/mlx-vlm/pull/1827."""
    folder = copy_of(tmp_path)
    shard(folder)
    load(folder)
    (folder / "model-00002-of-00002.safetensors").rename(folder / "model-00002-of-00003.safetensors")
    assert "names 'model-00002-of-00002.safetensors', expected such a file beside it" in refusal(folder)


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/huggingface/huggingface_hub/pull/4728",
        "https://github.com/huggingface/huggingface_hub/pull/4740",
    ],
)
def test_an_index_that_places_a_tensor_elsewhere_is_told(tmp_path, address):
    folder = copy_of(tmp_path)

    def swap(index):
        index["shared.weight"] = next(file for file in index.values() if file != index["shared.weight"])

    shard(folder, edit_index=swap)
    assert "shared.weight, expected those that model.safetensors.index.json places there" in refusal(folder)


def test_an_index_that_leaves_a_tensor_out_is_told(tmp_path):
    """https://github.com/osaurus-ai/vmlx-swift/pull/388: a rewritten index hid what the shards hold."""
    folder = copy_of(tmp_path)
    shard(folder, edit_index=lambda index: index.pop("shared.weight"))
    assert "also holds the tensor shared.weight" in refusal(folder)


@pytest.mark.parametrize(
    ("address", "damage"),
    [
        ("https://github.com/osaurus-ai/vmlx-swift/pull/217", lambda content: content[:-40]),
        ("https://github.com/EricTan7/VeritasPP/issues/2", lambda content: bytes(8) + content[8:]),
        ("https://github.com/sgl-project/sglang/pull/14465", lambda content: content[:50]),
        ("https://github.com/debpalash/VoiceStudio/pull/1422", lambda content: b"<!doctype html>" + content[:99]),
    ],
)
def test_a_damaged_shard_is_refused(tmp_path, address, damage):
    folder = copy_of(tmp_path)
    shard(folder)
    path = folder / "model-00001-of-00002.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    assert refusal(folder).startswith(f"{path}: not a whole safetensors file (")


# Types that NumPy has no name for.


def test_bfloat16_is_read(tmp_path):
    """https://github.com/safetensors/safetensors/issues/598 and https://github.com/tinygrad/tinygrad/pull/3310."""
    folder = copy_of(tmp_path)
    expected = load(folder)["embedding"]
    path = folder / "model.safetensors"
    save_file({name: tensor.astype(ml_dtypes.bfloat16) for name, tensor in load_file(path).items()}, path)
    assert (load(folder)["embedding"] == expected.astype(ml_dtypes.bfloat16).astype(np.float32)).all()


@pytest.mark.parametrize(
    ("address", "dtype"),
    [
        ("https://github.com/safetensors/safetensors/pull/683", "F8_E5M2"),
        ("https://github.com/city96/ComfyUI-GGUF/issues/21", "F8_E4M3"),
        ("https://github.com/huggingface/transformers/pull/36828", "F8_E8M0"),
    ],
)
def test_a_type_of_eight_bits_is_refused_in_one_line(tmp_path, address, dtype):
    folder = copy_of(tmp_path)
    rewrite(folder, lambda tensors: tensors.update({"shared.weight": np.ones((GOLDEN_VOCABULARY, 16), np.uint8)}))
    edit_header(folder / "model.safetensors", lambda header: header["shared.weight"].update(dtype=dtype))
    assert refusal(folder).isprintable()


# torch's files.


@pytest.mark.parametrize(
    ("address", "damage"),
    [
        ("https://github.com/CompVis/stable-diffusion/issues/93", lambda content: content[: len(content) // 2]),
        ("https://github.com/open-mmlab/mmagic/issues/876", lambda content: content[:-30]),
        ("https://github.com/abhimishra91/transformers-tutorials/issues/20", lambda content: b'[{"a": 1}]'),
        ("https://github.com/hanyangyu1021/LMGaussian/issues/13", lambda content: b"version https://git-lfs...\n"),
        ("https://github.com/FreedomIntelligence/GrammarGPT/issues/8", lambda content: b""),
    ],
)
def test_a_torch_file_that_is_not_whole_is_refused(tmp_path, address, damage):
    folder = copy_of(tmp_path)
    write_bin(folder / "pytorch_model.bin", load_file(folder / "model.safetensors"))
    (folder / "model.safetensors").unlink()
    load(folder)
    path = folder / "pytorch_model.bin"
    path.write_bytes(damage(path.read_bytes()))
    assert refusal(folder).startswith(f"{path}: not a whole zip file (")
