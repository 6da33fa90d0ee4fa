"""Tokenizer files from public reports: what each is here, exact. Inputs are our own."""

import json
import shutil

import pytest

from codeit_jax.config.errors import UserError
from codeit_jax.text.bpe import BpeTokenizer


@pytest.fixture
def folder(bpe_folder, tmp_path):
    return shutil.copytree(bpe_folder, tmp_path / "bpe")


def vocabulary_of(folder):
    return json.loads((folder / "vocab.json").read_text())


def write_added(folder, added):
    (folder / "added_tokens.json").write_text(json.dumps(added))


def refusal(path):
    with pytest.raises(UserError) as caught:
        BpeTokenizer(path)
    return str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/huggingface/transformers/issues/26951",
        "https://github.com/Vchitect/Latte/issues/34",
    ],
)
def test_tokens_added_beside_the_vocabulary_keep_their_ids(folder, address):
    size, plain = len(vocabulary_of(folder)), BpeTokenizer(folder)
    # As transformers saves CodeT5's tokenizer: the sentinels in a file of their own. They make no other tokenizer.
    write_added(folder, {f"<extra_id_{99 - n}>": size + n for n in range(100)})
    assert BpeTokenizer(folder).digest == plain.digest
    write_added(folder, {"<more>": size, "<most>": size + 1})
    bpe = BpeTokenizer(folder)
    assert bpe.piece_ids("<most><more>") == [size + 1, size]
    assert bpe.vocabulary_size == size + 2 + 100


@pytest.mark.parametrize(
    ("address", "shift"),
    [
        ("https://github.com/huggingface/tokenizers/issues/914", 3),
        ("https://github.com/huggingface/tokenizers/issues/1085", -1),
    ],
)
def test_an_added_token_with_the_id_of_another_row_is_refused(folder, address, shift):
    size = len(vocabulary_of(folder))
    write_added(folder, {"<more>": size + shift})
    message = f"added_tokens.json: the token '<more>' has the id {size + shift}, expected {size}"
    assert refusal(folder).endswith(message)


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/huggingface/diffusers/issues/5342",
        "https://github.com/crusoecloud/fastokens/pull/55",
    ],
)
def test_a_token_that_the_vocabulary_has_is_counted_once(folder, address):
    plain, vocabulary = BpeTokenizer(folder), vocabulary_of(folder)
    write_added(folder, {token: vocabulary[token] for token in ("<pad>", "<s>", "!")})
    assert BpeTokenizer(folder).vocabulary_size == plain.vocabulary_size
    write_added(folder, {"!": vocabulary["!"] + 1})
    assert "'!' has the id" in refusal(folder)


@pytest.mark.parametrize(
    ("address", "change"),
    [
        ("https://github.com/huggingface/tokenizers/issues/900", lambda v: v.pop("x1")),
        ("https://github.com/erew123/alltalk_tts/issues/276", lambda v: v.update(x1=6680)),
        ("https://github.com/ggml-org/llama.cpp/issues/413", lambda v: v.update(x1=v["I"])),
        ("https://github.com/nghuyong/ERNIE-Pytorch/issues/72", lambda v: v.update({"x1": len(v)})),
    ],
)
def test_a_vocabulary_with_holes_or_shared_ids_is_refused(folder, address, change):
    vocabulary = vocabulary_of(folder)
    # Whatever token there is between two others.
    some = next(token for token, index in vocabulary.items() if index == 300)
    vocabulary = {{some: "x1"}.get(token, token): index for token, index in vocabulary.items()}
    change(vocabulary)
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    assert "aren't 0 to" in refusal(folder)


def test_a_vocabulary_without_its_merges_is_told(folder):
    """https://github.com/ggml-org/llama.cpp/issues/3732 and https://github.com/ankane/tokenizers-ruby/issues/32."""
    (folder / "merges.txt").unlink()
    assert refusal(folder) == f"{folder}/merges.txt: no such file"


def test_a_vocabulary_given_for_a_tokenizer_is_told(folder):
    """https://github.com/ankane/tokenizers-ruby/issues/32: `vocab.json` where a `tokenizer.json` is expected."""
    assert refusal(folder / "vocab.json").startswith(f"{folder}/vocab.json: not a tokenizer.json (")


def test_merges_with_the_line_ends_of_windows_are_the_same(folder):
    """https://github.com/breaking-brake/cc-wf-studio/issues/463, https://github.com/dotnet/machinelearning/issues/6800."""
    digest, path = BpeTokenizer(folder).digest, folder / "merges.txt"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert BpeTokenizer(folder).digest == digest


def test_a_merge_of_a_token_that_is_not_there_is_named(folder):
    """https://github.com/robertknight/rten/issues/453: merges that the vocabulary doesn't know."""
    with open(folder / "merges.txt", "a", encoding="utf-8") as file:
        file.write("oub or\n")
    assert "tokens that vocab.json lacks" in refusal(folder)


def test_special_tokens_that_only_the_vocabulary_names_are_special(folder):
    """https://github.com/dotnet/machinelearning/issues/7507: no `added_tokens` anywhere."""
    bpe, vocabulary = BpeTokenizer(folder), vocabulary_of(folder)
    assert bpe.piece_ids("<pad></s>") == [vocabulary["<pad>"], vocabulary["</s>"]]


@pytest.mark.parametrize(
    ("address", "content"),
    [
        ("https://github.com/huggingface/tokenizers/issues/1297", '{"version": "1.0", "model": {"type": "BPE"}}'),
        ("https://github.com/huggingface/tokenizers/issues/566", '{"version": "1.0", "model": {"vocab": {}, "merg'),
        ("https://github.com/dleemiller/WordLlama/issues/16", '{"version": "1.0", "normalizer": {"type": "New"}}'),
        ("https://github.com/oobabooga/textgen/issues/5908", ""),
    ],
)
def test_a_tokenizer_that_the_library_cannot_read_is_one_line(folder, address, content):
    (folder / "tokenizer.json").write_text(content)
    message = refusal(folder)
    assert message.startswith(f"{folder}/tokenizer.json: not a tokenizer.json (")
    assert message.isprintable()
