"""Choosing a tokenizer by its configured kind."""

from pathlib import Path

from codeit_jax.config.errors import UserError
from codeit_jax.text.bpe import BpeTokenizer
from codeit_jax.text.native import NativeTokenizer
from codeit_jax.text.tokenizer import Tokenizer


def build_tokenizer(kind: str, path: Path | None = None, *, vocabulary_size: int | None = None) -> Tokenizer:
    """Build the tokenizer that the config names.

    Args:
        kind: `native` or `bpe`.
        path: the files of a `bpe`, see `BpeTokenizer`; None for `native`.
        vocabulary_size: rows of the embedding that it has to fit; None if the model is yet to be made.

    Raises:
        UserError: unknown kind, path missing or not wanted, bad files, or another vocabulary size.
    """
    if kind == "native":
        if path is not None:
            raise UserError(f"tokenizer path is {path}, expected none: the native tokenizer has no files")
        tokenizer: Tokenizer = NativeTokenizer()
    elif kind == "bpe":
        if path is None:
            raise UserError("tokenizer path is missing, expected the folder with the files of the bpe tokenizer")
        tokenizer = BpeTokenizer(path)
    else:
        raise UserError(f"tokenizer kind is {kind!r}, expected native or bpe")
    if vocabulary_size is not None and tokenizer.vocabulary_size != vocabulary_size:
        raise UserError(
            f"the {tokenizer.name} tokenizer has {tokenizer.vocabulary_size} tokens, expected {vocabulary_size} "
            "as in the weights"
        )
    return tokenizer
