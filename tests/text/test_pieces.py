"""Exact tests of native tokens' texts and pieces, and of pretrained weights brought to the native vocabulary."""

import dataclasses

import jax
import numpy as np
import pytest

from codeit_jax.config.errors import UserError
from codeit_jax.config.schema import ModelConfig
from codeit_jax.model import T5Model
from codeit_jax.model.huggingface import save_pretrained
from codeit_jax.run.initial_weights import load_initial_params
from codeit_jax.text.native import token_text
from codeit_jax.text.vocabularies import token_pieces

SIZES = {"d_model": 4, "d_ff": 6, "d_kv": 2, "num_heads": 2, "num_encoder_layers": 1, "num_decoder_layers": 1}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hmirror", "hmirror"),
        ("x12", "x12"),
        ("=x12", "x12 ="),
        ("I", "I"),
        ("ORIGIN", "ORIGIN"),
        ("height:12", "12x"),
        ("width:30", "30"),
        ("background:0", "background=0"),
        ("color:4", "4="),
        ("cell:5,26", "5,26"),
        ("run:3*4", "run:3*4"),
        ("same_row", "same_row"),
    ],
)
def test_texts_are_those_of_the_paper(name, text, native):
    assert name in native.token_names
    assert token_text(name) == text


def test_every_text_is_its_own(native):
    assert len({token_text(name) for name in native.token_names}) == native.vocabulary_size


def test_pieces_spell_the_text_and_special_tokens_are_special(native, bpe):
    pieces = dict(zip(native.token_names, token_pieces(native, bpe), strict=True))
    assert (pieces.pop("<pad>"), pieces.pop("<start>"), pieces.pop("<end>")) == ([0], [0], [2])
    for name, ids in pieces.items():
        assert bpe.decode_program(ids) == token_text(name)
    assert len(pieces["hmirror"]) > 0


@pytest.fixture(params=[True, False], ids=["tied", "untied"])
def weights(request, tmp_path, random_params, bpe, bpe_folder):
    config = ModelConfig(**SIZES, tie_embeddings=request.param)
    model = T5Model(config, bpe.vocabulary_size)
    params = random_params(model)
    ids = {"pad_id": bpe.pad_id, "end_id": bpe.end_id, "start_id": bpe.start_id}
    save_pretrained(tmp_path / "weights", params, model, **ids)
    return dataclasses.replace(config, weights=str(tmp_path / "weights"), weights_tokenizer=str(bpe_folder)), params


def test_native_rows_are_means_and_the_rest_is_as_it_was(weights, native, bpe):
    config, old = weights
    params = load_initial_params(config, native)
    shapes = T5Model(config, native.vocabulary_size).abstract_params()
    jax.tree.map(lambda leaf, shape: np.testing.assert_equal(leaf.shape, shape.shape), params, shapes)
    tables = {"embedding", "head"} & params.keys()
    assert len(tables) == (1 if config.tie_embeddings else 2)
    row = native.token_names.index("vmirror")
    ids = bpe.piece_ids("vmirror")
    for name in tables:
        want = np.asarray(old[name])[ids].astype(np.float64).sum(axis=0) / len(ids)
        np.testing.assert_allclose(params[name][row], want, rtol=1e-7)
        np.testing.assert_array_equal(params[name][native.pad_id], old[name][0])
        np.testing.assert_array_equal(params[name][native.end_id], old[name][2])
        np.testing.assert_array_equal(params[name][native.start_id], old[name][0])
    for name in params.keys() - tables:
        jax.tree.map(np.testing.assert_array_equal, params[name], old[name])


def test_the_weights_own_tokenizer_takes_them_as_they_are(weights, bpe):
    config, old = weights
    params = load_initial_params(dataclasses.replace(config, weights_tokenizer=None), bpe)
    jax.tree.map(np.testing.assert_array_equal, params, old)


def refused(config, tokenizer, mention):
    with pytest.raises(UserError, match=mention) as error:
        load_initial_params(config, tokenizer)
    assert "\n" not in str(error.value)


def test_what_does_not_belong_together_is_one_line(weights, native, bpe, tmp_path):
    config, _ = weights
    plain = dataclasses.replace(config, weights_tokenizer=None)
    both = f"vocab_size is {bpe.vocabulary_size}, expected {native.vocabulary_size} as in the tokenizer"
    refused(plain, native, both)
    refused(config, bpe, "weights_tokenizer is .*, expected none")
    refused(dataclasses.replace(config, weights=None), native, "weights_tokenizer is .*, expected none")
    refused(dataclasses.replace(config, weights_tokenizer=str(tmp_path / "none")), native, "no such file or folder")
    assert load_initial_params(dataclasses.replace(plain, weights=None), native) is None
