"""The tokenizers under test: the native one, and a BPE trained here on a few lines of the language."""

from pathlib import Path

import pytest

from codeit_jax.text import Tokenizer
from codeit_jax.text.bpe import BpeTokenizer
from codeit_jax.text.native import NativeTokenizer
from tests.text.train_bpe import train_bpe


@pytest.fixture(scope="session")
def bpe_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bpe")
    train_bpe(folder)
    return folder


@pytest.fixture(scope="session")
def native() -> NativeTokenizer:
    return NativeTokenizer()


@pytest.fixture(scope="session")
def bpe(bpe_folder: Path) -> BpeTokenizer:
    return BpeTokenizer(bpe_folder)


@pytest.fixture(scope="session", params=["native", "bpe"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return request.getfixturevalue(request.param)
