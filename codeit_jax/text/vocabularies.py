"""The two vocabularies: the one that a configuration names, and native tokens in the pieces of the other."""

from pathlib import Path

from codeit_jax.config.errors import UserError
from codeit_jax.config.schema import DemonstrationOrder
from codeit_jax.text.bpe import BpeTokenizer
from codeit_jax.text.native import END, PAD, START, NativeTokenizer, token_text
from codeit_jax.text.tokenizer import Tokenizer


def build_tokenizer(
    kind: str,
    path: Path | None = None,
    *,
    vocabulary_size: int | None = None,
    prompt_end: bool = True,
    order: DemonstrationOrder = "cells",
) -> Tokenizer:
    """Build the tokenizer that the config names.

    Args:
        kind: `native` or `bpe`.
        path: the files of a `bpe`, see `BpeTokenizer`; None for `native`.
        vocabulary_size: rows of the embedding that it has to fit; None if the model is yet to be made.
        prompt_end: whether prompts of a `bpe` end with the end token.
        order: which demonstrations come first in prompts of a `bpe`.

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
        tokenizer = BpeTokenizer(path, prompt_end=prompt_end, order=order)
    else:
        raise UserError(f"tokenizer kind is {kind!r}, expected native or bpe")
    # JAX clamps indices: an id beyond the table would read its last row in silence.
    if vocabulary_size is not None and tokenizer.vocabulary_size != vocabulary_size:
        raise UserError(
            f"the {tokenizer.name} tokenizer has {tokenizer.vocabulary_size} tokens, expected {vocabulary_size} "
            "as in the weights"
        )
    return tokenizer


def token_pieces(native: NativeTokenizer, bpe: BpeTokenizer) -> list[list[int]]:
    """Return for every native token its text in another tokenizer's pieces: for weights that were trained on those.

    The special tokens are the other vocabulary's: padding, the decoder's first token, the end.

    Returns:
        The pieces' ids, at least one, for each native token in the order of ids.
    """
    special = dict(zip((PAD, START, END), (bpe.pad_id, bpe.start_id, bpe.end_id), strict=True))
    return [[special[name]] if name in special else bpe.piece_ids(token_text(name)) for name in native.token_names]
