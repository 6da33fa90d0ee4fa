"""Attacks on weights and tokenizer files, seeded: a checkpoint or vocabulary is whole, or one line says what isn't."""

import json
import shutil
from random import Random

import pytest

from codeit_jax.config.errors import UserError
from codeit_jax.config.schema import ModelConfig
from codeit_jax.model.huggingface import load_pretrained
from codeit_jax.text.bpe import BpeTokenizer
from tests.attack.damage import PLACES, change_json, damage, flip, place
from tests.attack.outcomes import Tally, call
from tests.conftest import GOLDEN, GOLDEN_VOCABULARY
from tests.text.train_bpe import train_bpe

SEED = 20_240_721
SIZES = [pytest.param(0.08, id="some"), pytest.param(1.0, id="all", marks=pytest.mark.attack)]
MODEL = ModelConfig(d_model=16, d_ff=24, d_kv=4, num_heads=3, num_encoder_layers=2, num_decoder_layers=2, dropout=0.0)


@pytest.mark.parametrize("share", SIZES)
def test_weights(tmp_path, share):
    tally, rng = Tally("weights"), Random(SEED + 3)
    whole = {name: (GOLDEN / "relu-tied" / name).read_bytes() for name in ("config.json", "model.safetensors")}
    size = int.from_bytes(whole["model.safetensors"][:8], "little")
    for number in range(round(75 * share)):
        folder = tmp_path / str(number)
        folder.mkdir()
        content, name = dict(whole), rng.choice(list(whole))
        if name == "config.json":
            content[name] = (change_json if number % 2 else damage)(whole[name], rng)
        elif number % 3:
            # The header decides what the numbers mean; a bit of a number itself is just another number.
            header = content[name][8 : 8 + size]
            header = flip(header, rng) if number % 3 == 1 else change_json(header, rng)
            content[name] = len(header).to_bytes(8, "little") + header + whole[name][8 + size :]
        else:
            content[name] = damage(whole[name], rng)
        for file, data in content.items():
            (folder / file).write_bytes(data)
        tally.add(f"{number} {name}", call(lambda f=folder: load_pretrained(f, MODEL, GOLDEN_VOCABULARY)), (0, 2))
    for kind in PLACES if share == 1 else PLACES[:2]:
        for name in whole:
            folder = tmp_path / f"{kind}-{name}"
            shutil.copytree(GOLDEN / "relu-tied", folder)
            place(kind, folder / name)
            tally.add(f"{kind} {name}", call(lambda f=folder: load_pretrained(f, MODEL, GOLDEN_VOCABULARY)), (2,))
    tally.finish()


@pytest.mark.parametrize("share", SIZES)
def test_tokenizer_files(tmp_path, share):
    tally, rng = Tally("tokenizer files"), Random(SEED + 4)
    train_bpe(tmp_path)
    whole = {name: (tmp_path / name).read_bytes() for name in ("vocab.json", "merges.txt")}
    whole["added_tokens.json"] = json.dumps({"<more>": len(json.loads(whole["vocab.json"]))}).encode()
    for number in range(round(54 * share)):
        folder = tmp_path / str(number)
        folder.mkdir()
        content, name = dict(whole), rng.choice(list(whole))
        is_json = name.endswith("json") and number % 2
        content[name] = (change_json if is_json else damage)(whole[name], rng)
        for file, data in content.items():
            (folder / file).write_bytes(data)
        tally.add(f"{number} {name}", call(lambda f=folder: BpeTokenizer(f)), (0, 2))
    for kind in PLACES if share == 1 else PLACES[:1]:
        for name in (*whole, "tokenizer.json"):
            folder = tmp_path / f"{kind}-{name}"
            folder.mkdir()
            for file, data in whole.items():
                (folder / file).write_bytes(data)
            place(kind, folder / name)
            # Only what has to be there is missed: a dangling link to added tokens is no file of added tokens.
            tally.add(f"{kind} {name}", call(lambda f=folder: BpeTokenizer(f)), (2,))
    tally.finish()


def test_a_flipped_merges_file_is_refused_or_the_same(tmp_path):
    """Merges are read in order, so that a file with a turned bit must not pass for another tokenizer."""
    train_bpe(tmp_path)
    rng, merges = Random(SEED + 5), tmp_path / "merges.txt"
    whole, digest = merges.read_bytes(), BpeTokenizer(tmp_path).digest
    for _ in range(40):
        merges.write_bytes(flip(whole, rng))
        try:
            assert BpeTokenizer(tmp_path).digest == digest
        except UserError:
            continue
