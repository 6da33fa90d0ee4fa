"""Exact and fault tests of checkpoints as published: both formats, shards, aliases, every disagreement one line."""

import dataclasses
import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from codeit_jax.config.errors import UserError
from codeit_jax.config.loading import load_config
from codeit_jax.config.schema import ModelConfig
from codeit_jax.model import T5Model
from codeit_jax.model.huggingface import load_pretrained, mean_rows, replace_vocabulary, save_pretrained
from codeit_jax.model.published_config import SpecialIds
from tests.model.torch_writer import entries_of, tensor, write_zip

DATA = Path(__file__).parent / "data"
VOCABULARY = 41
SIZES = {"d_model": 16, "d_ff": 24, "d_kv": 4, "num_heads": 3, "num_encoder_layers": 2, "num_decoder_layers": 2}
CONFIGS = {
    "relu-tied": ModelConfig(**SIZES),
    "gated-gelu-untied": ModelConfig(**SIZES, feed_forward="gated-gelu", tie_embeddings=False),
}
UNUSED = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"


@pytest.fixture(params=CONFIGS)
def kind(request):
    return request.param


@pytest.fixture
def folder(kind, tmp_path):
    """A copy of a golden checkpoint, to be changed."""
    copy = tmp_path / "checkpoint"
    copy.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(DATA / kind / name, copy)
    return copy


def write_bin(path, tensors, dtype=np.float32):
    """Write tensors as torch.save does, the floating ones in this type; in `test_torch_round_trip` torch writes."""
    kinds = {"float32": "FloatStorage", "float16": "HalfStorage", "int64": "LongStorage"}
    arrays = {name: a.astype(dtype) if a.dtype.kind == "f" else a for name, a in tensors.items()}
    strides = {name: tuple(stride // array.itemsize for stride in array.strides) for name, array in arrays.items()}
    table = {
        name: tensor(name, array.shape, strides[name], size=array.size, kind=kinds[array.dtype.name])
        for name, array in arrays.items()
    }
    write_zip(path, entries_of(table, {name: array.tobytes() for name, array in arrays.items()}))


def change(folder, **settings):
    path = folder / "config.json"
    stored = json.loads(path.read_text()) | settings
    path.write_text(json.dumps({key: value for key, value in stored.items() if value != "absent"}))


def refused(folder, kind, *mentions, vocabulary=VOCABULARY, special=None):
    with pytest.raises(UserError) as error:
        load_pretrained(folder, CONFIGS[kind], vocabulary, special)
    message = str(error.value)
    assert "\n" not in message
    for mention in (str(folder), *mentions):
        assert mention in message, message


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_torch_file_gives_the_parameters_of_the_safetensors(folder, kind, dtype):
    tensors = load_file(folder / "model.safetensors")
    halved = {name: array.astype(dtype).astype(np.float32) for name, array in tensors.items()}
    save_file(halved, folder / "model.safetensors")
    want = load_pretrained(folder, CONFIGS[kind], VOCABULARY)
    (folder / "model.safetensors").unlink()
    write_bin(folder / "pytorch_model.bin", tensors, dtype)
    found = load_pretrained(folder, CONFIGS[kind], VOCABULARY)
    assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {np.dtype(np.float32)}
    jax.tree.map(np.testing.assert_array_equal, found, want)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_safetensors_become_float32(folder, kind, dtype):
    dtype = jax.numpy.dtype(dtype)
    tensors = {name: array.astype(dtype) for name, array in load_file(folder / "model.safetensors").items()}
    save_file(tensors, folder / "model.safetensors")
    params = load_pretrained(folder, CONFIGS[kind], VOCABULARY)
    np.testing.assert_array_equal(params["embedding"], tensors["shared.weight"].astype(np.float32))
    assert params["embedding"].dtype == np.float32


def split(folder, name, suffix):
    """Split the checkpoint into two shards with an index; return the index's path and content."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    shards = {f"{name}-1{suffix}": names[::2], f"{name}-2{suffix}": names[1::2]}
    for file, members in shards.items():
        write = write_bin if suffix == ".bin" else lambda path, content: save_file(content, path)
        write(folder / file, {member: tensors[member] for member in members})
    index = folder / f"{name}{suffix}.index.json"
    content = {"metadata": {}, "weight_map": {member: file for file, own in shards.items() for member in own}}
    index.write_text(json.dumps(content))
    return index, content


FORMATS = pytest.mark.parametrize(("name", "suffix"), [("model", ".safetensors"), ("pytorch_model", ".bin")])


@FORMATS
def test_shards_are_one_checkpoint(folder, kind, name, suffix):
    want = load_pretrained(folder, CONFIGS[kind], VOCABULARY)
    split(folder, name, suffix)
    jax.tree.map(np.testing.assert_array_equal, load_pretrained(folder, CONFIGS[kind], VOCABULARY), want)


@FORMATS
@pytest.mark.parametrize("damage", ["file", "absolute", "parent", "lacks", "holds", "json", "map", "list", "number"])
def test_a_damaged_index_is_one_line(folder, kind, name, suffix, damage):
    index, content = split(folder, name, suffix)
    shards = content["weight_map"]
    match damage:
        case "file":
            (folder / f"{name}-2{suffix}").unlink()
        case "absolute":
            shards["shared.weight"] = "/etc/passwd"
        case "parent":
            shards["shared.weight"] = f"../checkpoint/{name}-1{suffix}"
        case "lacks":
            shards["surprise"] = f"{name}-1{suffix}"
        case "holds":
            del shards["shared.weight"]
        case "map":
            content = {"weights": shards}
        case "list":
            content = [1]
        case "number":
            shards["shared.weight"] = 3
    index.write_text("{" if damage == "json" else json.dumps(content))
    refused(folder, kind)


@pytest.mark.parametrize("alias", ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"])
@pytest.mark.parametrize("keep", [True, False])
def test_aliases_of_the_embedding(folder, kind, alias, keep):
    want = load_pretrained(folder, CONFIGS[kind], VOCABULARY)
    tensors = load_file(folder / "model.safetensors")
    tensors[alias] = tensors["shared.weight"] if keep else tensors.pop("shared.weight")
    save_file(tensors, folder / "model.safetensors")
    jax.tree.map(np.testing.assert_array_equal, load_pretrained(folder, CONFIGS[kind], VOCABULARY), want)
    tensors[alias] = tensors[alias] + np.float32(1e-3)
    tensors["lm_head.weight" if kind == "relu-tied" else "shared.weight"] = tensors[alias] - np.float32(1e-3)
    save_file(tensors, folder / "model.safetensors")
    refused(folder, kind, "differs")


def test_a_tied_head_is_an_alias_and_an_untied_one_a_tensor(folder, kind):
    tensors = load_file(folder / "model.safetensors")
    if kind == "relu-tied":
        save_file(tensors | {"lm_head.weight": tensors["shared.weight"]}, folder / "model.safetensors")
        assert "head" not in load_pretrained(folder, CONFIGS[kind], VOCABULARY)
    else:
        params = load_pretrained(folder, CONFIGS[kind], VOCABULARY)
        np.testing.assert_array_equal(params["head"], tensors.pop("lm_head.weight"))
        save_file(tensors, folder / "model.safetensors")
        refused(folder, kind, "lm_head.weight is missing")


def test_the_bias_that_nothing_reads_is_left_out(folder, kind):
    want = load_pretrained(folder, CONFIGS[kind], VOCABULARY)
    tensors = load_file(folder / "model.safetensors")
    save_file(tensors | {UNUSED: np.ones((32, 3), np.float32)}, folder / "model.safetensors")
    jax.tree.map(np.testing.assert_array_equal, load_pretrained(folder, CONFIGS[kind], VOCABULARY), want)


@pytest.mark.parametrize("writer", ["safetensors", "bin"])
@pytest.mark.parametrize("damage", ["missing", "extra", "shape", "integer", "nan", "infinity", "truncated", "empty"])
def test_damaged_weights_are_one_line(folder, kind, writer, damage):
    tensors = load_file(folder / "model.safetensors")
    name = "encoder.block.1.layer.1.layer_norm.weight"
    match damage:
        case "missing":
            del tensors[name]
        case "extra":
            tensors["encoder.block.9.layer.0.layer_norm.weight"] = np.ones(16, np.float32)
        case "shape":
            tensors[name] = tensors[name][:-1].copy()
        case "integer":
            tensors[name] = np.ones(16, np.int64)
        case "nan" | "infinity":
            tensors[name][3] = np.nan if damage == "nan" else -np.inf
    if writer == "safetensors":
        path = folder / "model.safetensors"
        save_file(tensors, path)
    else:
        (folder / "model.safetensors").unlink()
        path = folder / "pytorch_model.bin"
        write_bin(path, tensors)
    if damage in ("truncated", "empty"):
        path.write_bytes(path.read_bytes()[: -100 if damage == "truncated" else 0])
    refused(folder, kind)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("d_model", 17),
        ("d_ff", "24"),
        ("d_kv", None),
        ("num_heads", 2),
        ("num_layers", 3),
        ("num_decoder_layers", 1),
        ("feed_forward_proj", "gated-silu"),
        ("relative_attention_num_buckets", 16),
        ("relative_attention_max_distance", 64),
        ("layer_norm_epsilon", 1e-5),
        ("model_type", "bart"),
        ("vocab_size", 42),
    ],
)
def test_another_config_is_one_line(folder, kind, key, value):
    change(folder, **{key: value})
    refused(folder, kind, f"config.json: {key} is {value!r}, expected ")


def test_the_other_kind_of_head_is_one_line(folder, kind):
    other = kind != "relu-tied"
    change(folder, scale_decoder_outputs="absent", tie_word_embeddings=other)
    refused(folder, kind, f"scale_decoder_outputs is {other}")


def test_what_published_configs_leave_out_has_its_default(folder, kind):
    change(folder, **dict.fromkeys(["relative_attention_max_distance", "model_type", "num_decoder_layers"], "absent"))
    if kind == "relu-tied":
        change(folder, scale_decoder_outputs="absent", tie_word_embeddings="absent", feed_forward_proj="absent")
    load_pretrained(folder, CONFIGS[kind], VOCABULARY)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[" * 100_000, "\xff"])
def test_a_config_that_is_none_is_one_line(folder, kind, text):
    (folder / "config.json").write_text(text, encoding="latin-1")
    refused(folder, kind, "config.json")


def test_a_padded_table_is_one_line_with_both_numbers(folder, kind):
    change(folder, vocab_size=64)
    refused(folder, kind, "vocab_size is 64, expected 41 as in the tokenizer")
    change(folder, vocab_size=40)
    refused(folder, kind, "(41, 16)", "(40, 16)", vocabulary=40)


@pytest.mark.parametrize(("field", "key"), [("pad", "pad"), ("end", "eos"), ("start", "decoder_start")])
def test_another_special_id_is_one_line_with_both_numbers(folder, kind, field, key):
    special = SpecialIds(pad=0, start=0, end=2)
    load_pretrained(folder, CONFIGS[kind], VOCABULARY, special)
    other = dataclasses.replace(special, **{field: 7})
    refused(folder, kind, f"{key}_token_id is {getattr(special, field)}, expected 7", special=other)


def test_no_weights_at_all_is_one_line(folder, kind):
    (folder / "model.safetensors").unlink()
    refused(folder, kind, "neither model.safetensors nor pytorch_model.bin")


@pytest.mark.parametrize(
    ("preset", "parameters"),
    [("codet5_small", 60_492_288), ("codet5p_220m", 222_882_048), ("codet5p_770m", 737_639_424)],
)
def test_presets_have_the_published_sizes(preset, parameters):
    """T5's published counts for 32,128 rows (60,506,624, 222,903,552 and 737,668,096), less 28 rows."""
    config = load_config([f"configs/{preset}.yaml"])
    assert T5Model(config.model, 32_100).num_parameters() == parameters
    assert (config.model.feed_forward, config.model.tie_embeddings, config.text.tokenizer) == ("relu", True, "bpe")


def test_new_rows_are_the_exact_means_of_their_pieces(random_params, kind):
    model = T5Model(CONFIGS[kind], VOCABULARY)
    params = jax.tree.map(np.asarray, random_params(model))
    pieces = [[3], [5, 5, 6], [40, 1, 0, 7, 9], list(range(41))]
    changed = replace_vocabulary(params, pieces)
    tables = {"embedding", "head"} & params.keys()
    assert tables == ({"embedding"} if kind == "relu-tied" else {"embedding", "head"})
    for name in tables:
        table = params[name].astype(np.longdouble)
        want = [sum(table[index] for index in ids) / len(ids) for ids in pieces]
        np.testing.assert_array_equal(changed[name], np.array(want).astype(np.float32))
        assert changed[name].dtype == np.float32
    others = params.keys() - tables
    assert all(changed[name] is params[name] for name in others)
    assert T5Model(CONFIGS[kind], 4).abstract_params()["embedding"].shape == changed["embedding"].shape


def test_equal_rows_stay_what_they_are():
    table = np.tile(np.float32([0.1, 0.7, -3e-5]), (9, 1))
    np.testing.assert_array_equal(mean_rows(table, [[1, 2, 3], [4], [0, 8]]), table[:3])


def test_an_export_replaces_an_embedding_by_itself(tmp_path, random_params, kind):
    model = T5Model(CONFIGS[kind], VOCABULARY)
    params = random_params(model)
    save_pretrained(tmp_path, params, model, pad_id=0, end_id=2, start_id=0)
    again = load_pretrained(tmp_path, model.config, VOCABULARY, SpecialIds(pad=0, start=0, end=2))
    identity = replace_vocabulary(again, [[index] for index in range(VOCABULARY)])
    jax.tree.map(np.testing.assert_array_equal, identity, params)
