"""Fault: each way in which a tokenizer's files can be wrong ends in one line that names them. Twin: tokenizer.json."""

import json
import shutil

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from codeit_jax.config.errors import UserError
from codeit_jax.text import build_tokenizer
from codeit_jax.text.bpe import BpeTokenizer


@pytest.fixture
def folder(bpe_folder, tmp_path):
    return shutil.copytree(bpe_folder, tmp_path / "bpe")


def change_vocabulary(folder, change):
    path = folder / "vocab.json"
    vocabulary = json.loads(path.read_text())
    change(vocabulary)
    path.write_text(json.dumps(vocabulary))


def assert_refused(path, *mentions):
    with pytest.raises(UserError) as error:
        BpeTokenizer(path)
    message = str(error.value)
    assert "\n" not in message
    for mention in (str(path), *mentions):
        assert mention in message, message


def test_vocabulary_has_the_extra_ids(bpe_folder, bpe):
    num_tokens = len(json.loads((bpe_folder / "vocab.json").read_text()))
    assert bpe.vocabulary_size == num_tokens + 100
    assert bpe.decode_program([num_tokens, num_tokens + 99]) == "<extra_id_99><extra_id_0>"


def test_tokenizer_json_is_the_same_tokenizer(bpe, folder):
    whole = Tokenizer(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"), unk_token="<unk>"))
    whole.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    whole.decoder = decoders.ByteLevel()
    whole.add_special_tokens(
        ["<pad>", "<s>", "</s>", "<unk>", "<mask>", *(f"<extra_id_{k}>" for k in range(99, -1, -1))]
    )
    whole.enable_truncation(5)
    whole.enable_padding(length=50)
    whole.save(str(folder / "tokenizer.json"))
    for path in (folder, folder / "tokenizer.json"):
        other = BpeTokenizer(path)
        assert other.digest == bpe.digest
        program = "x1 = hmirror(I)\nO = vconcat(I, x1)"
        assert (other.encode_program(program) == bpe.encode_program(program)).all()


@pytest.mark.parametrize("missing", ["vocab.json", "merges.txt"])
def test_missing_file(folder, missing):
    (folder / missing).unlink()
    assert_refused(folder, missing, "no such file")


def test_missing_folder(tmp_path):
    assert_refused(tmp_path / "nowhere", "expected")


@pytest.mark.parametrize("share", [0, 0.5, 0.999])
@pytest.mark.parametrize("name", ["vocab.json", "merges.txt"])
def test_truncated_file(folder, name, share):
    path = folder / name
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    assert_refused(folder, name)


@pytest.mark.parametrize("text", ["[]", '{"a": "b"}', '{"a": 1}', "\x00"])
def test_vocabulary_of_another_form(folder, text):
    (folder / "vocab.json").write_text(text)
    assert_refused(folder, "vocab.json")


def test_vocabulary_that_is_not_utf8(folder):
    (folder / "vocab.json").write_bytes(b"\xff\xfe")
    assert_refused(folder, "vocab.json")


@pytest.mark.parametrize("token", ["<pad>", "<s>", "</s>"])
def test_missing_special_token(folder, token):
    def rename(vocabulary):
        vocabulary["<other>"] = vocabulary.pop(token)

    change_vocabulary(folder, rename)
    assert_refused(folder, token)


def test_vocabulary_without_digits(folder):
    def rename(vocabulary):
        vocabulary["<other>"] = vocabulary.pop("1")

    change_vocabulary(folder, rename)
    assert_refused(folder)


def test_merges_of_another_vocabulary(folder):
    with (folder / "merges.txt").open("a") as file:
        file.write("q q\n")
    assert_refused(folder, "merges.txt", "'qq'")


@pytest.mark.parametrize("content", ["", "{}", '{"version": "1.0"'])
def test_bad_tokenizer_json(tmp_path, content):
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    assert_refused(path)


def test_words_instead_of_bytes(tmp_path):
    path = tmp_path / "tokenizer.json"
    words = Tokenizer(models.WordLevel({"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3}, unk_token="<unk>"))
    words.save(str(path))
    assert_refused(path, "WordLevel", "byte-level BPE")


def test_bpe_that_adds_a_space(folder):
    bpe = Tokenizer(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    bpe.decoder = decoders.ByteLevel()
    bpe.save(str(folder / "tokenizer.json"))
    assert_refused(folder, "expected the same text")


def test_tokenizer_json_with_a_gap_in_its_ids(folder):
    vocabulary = json.loads((folder / "vocab.json").read_text())
    vocabulary["<s>"] = len(vocabulary)
    bpe = Tokenizer(models.BPE(vocabulary, []))
    bpe.save(str(folder / "tokenizer.json"))
    assert_refused(folder, "each once")


def test_vocabulary_size_of_other_weights(bpe_folder, bpe):
    assert build_tokenizer("bpe", bpe_folder, vocabulary_size=bpe.vocabulary_size).digest == bpe.digest
    with pytest.raises(UserError, match=f"has {bpe.vocabulary_size} tokens, expected 32100"):
        build_tokenizer("bpe", bpe_folder, vocabulary_size=32100)


def test_kinds(bpe_folder, native, bpe):
    assert build_tokenizer("native").digest == native.digest != bpe.digest
    for kind, path, mention in [
        ("native", bpe_folder, "no files"),
        ("bpe", None, "missing"),
        ("words", None, "'words'"),
    ]:
        with pytest.raises(UserError, match=mention):
            build_tokenizer(kind, path)
