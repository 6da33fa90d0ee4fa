"""Exact and round-trip tests of tokenizers of decoders alone: Qwen2's kind, by a pattern, and Mistral's, by pieces."""

import json

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

import interpreter
from codeit_jax.arc import load_tasks
from codeit_jax.config.errors import UserError
from codeit_jax.programs import load_programs
from codeit_jax.text.bpe import BpeTokenizer

# What Qwen2 splits at: letters with a sign before them, single digits, signs with the line ends after them, blanks.
PATTERN = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEXTS = [f"x1 = {name}(I, {name})\nx2 = {name}(x1)\nO = {name}(x12)" for name in sorted(interpreter.PRIMITIVES)]


def by_pattern(folder):
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(PATTERN), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, show_progress=False))
    bpe.add_special_tokens([AddedToken("<|endoftext|>", special=True)])
    bpe.save(str(folder / "tokenizer.json"))
    roles = {"bos_token": None, "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(roles))


def by_pieces(folder):
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    bpe = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    bpe.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    # Training needs words: no piece of SentencePiece's has letters and signs. Its tokenizers split nothing.
    words = Regex(r"▁?[A-Za-z]+|▁?[0-9]|▁?[^A-Za-z0-9▁]+")
    bpe.pre_tokenizer = pre_tokenizers.Split(words, "isolated")
    texts = [line for text in TEXTS for line in text.split("\n")]
    digits = list("0123456789=|,-")
    trainer = trainers.BpeTrainer(vocab_size=900, special_tokens=special, initial_alphabet=digits, show_progress=False)
    bpe.train_from_iterator(texts, trainer)
    bpe.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    stored = json.loads(bpe.to_str())
    stored["pre_tokenizer"] = None
    # The bytes are no special tokens: they are what is left of signs that the vocabulary lacks.
    stored["added_tokens"] = [token for token in stored["added_tokens"] if not token["content"].startswith("<0x")]
    (folder / "tokenizer.json").write_text(json.dumps(stored))
    roles = {"bos_token": {"content": "<s>"}, "eos_token": {"content": "</s>"}, "pad_token": None}
    (folder / "tokenizer_config.json").write_text(json.dumps(roles))


@pytest.fixture(scope="module", params=[by_pattern, by_pieces], ids=lambda make: make.__name__)
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("decoder")
    request.param(folder)
    return folder


@pytest.fixture(scope="module")
def tokenizer(folder):
    return BpeTokenizer(folder, prompt_end=False)


def test_every_seed_program_comes_back_from_tokens_that_may_be_drawn(tokenizer):
    allowed = set(tokenizer.program_token_ids.tolist())
    for seed in load_programs("builtin"):
        text = str(seed.program)
        ids = tokenizer.encode_program(text).tolist()
        assert tokenizer.decode_program(ids) == text
        assert set(ids) <= allowed
        assert ids.index(tokenizer.end_id) == len(ids) - 1


def test_a_program_follows_its_prompt_on_a_new_line(tokenizer):
    task = load_tasks("arc1/training")["3c9b0459"]
    prompt = tokenizer.encode_prompt(task.demonstrations, max_tokens=10_000).token_ids.tolist()
    assert tokenizer.end_id not in prompt
    assert tokenizer.start_id not in (tokenizer.pad_id, tokenizer.end_id)
    text = tokenizer.decode_program([tokenizer.start_id])
    assert text == "\n"


def test_saved_it_is_the_same_tokenizer(tokenizer, tmp_path):
    tokenizer.save(tmp_path)
    again = BpeTokenizer(tmp_path, prompt_end=False)
    assert again.digest == tokenizer.digest
    assert (again.pad_id, again.start_id, again.end_id) == (tokenizer.pad_id, tokenizer.start_id, tokenizer.end_id)
    program = "x1 = hmirror(I)\nO = vconcat(I, x1)"
    assert again.encode_program(program).tolist() == tokenizer.encode_program(program).tolist()


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"eos_token": "<nowhere>"}'])
def test_a_file_that_does_not_name_the_end_is_one_line(folder, tmp_path, content):
    (tmp_path / "tokenizer.json").write_text((folder / "tokenizer.json").read_text())
    with pytest.raises(UserError, match="expected <pad>, <s> and </s>, or a tokenizer_config.json"):
        BpeTokenizer(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(content)
    with pytest.raises(UserError, match=r"tokenizer_config.json: ") as caught:
        BpeTokenizer(tmp_path)
    assert "\n" not in str(caught.value)
