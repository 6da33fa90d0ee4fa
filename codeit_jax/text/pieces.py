"""Native tokens as text, and that text in another tokenizer's pieces: for weights that were trained on those pieces."""

import re

from codeit_jax.text.bpe import BpeTokenizer
from codeit_jax.text.native import NativeTokenizer

_HEIGHT = re.compile(r"height:(\d+)")
_WIDTH = re.compile(r"width:(\d+)")
_COLOUR = re.compile(r"colour:(\d)")
_CELL = re.compile(r"cell:(\d+),(\d+)")
_SPECIAL_PIECES = ("<pad>", "<start>", "<end>")


def token_text(token_name: str) -> str:
    """Return what a native token stands for, as the paper's prompts and programs write it.

    A line end `=x7` is `x7 =`; a height `12x`, a width `30`, a background `background=0`, a colour `4=`, a cell `5,6`.
    Other names, which the paper's text lacks, stand for themselves: `input:runs`, `run:3*4`, `same_row`.
    """
    if token_name.startswith("="):
        return f"{token_name[1:]} ="
    for pattern, template in ((_HEIGHT, r"\1x"), (_WIDTH, r"\1"), (_COLOUR, r"\1="), (_CELL, r"\1,\2")):
        if pattern.fullmatch(token_name):
            return pattern.sub(template, token_name)
    return token_name.replace("background:", "background=")


def token_pieces(native: NativeTokenizer, bpe: BpeTokenizer) -> list[list[int]]:
    """Return for every native token, in the order of ids, the ids of its text's pieces, at least one.

    The special tokens are the other vocabulary's: padding, the decoder's first token, the end.
    """
    special = dict(zip(_SPECIAL_PIECES, (bpe.pad_id, bpe.start_id, bpe.end_id), strict=True))
    return [[special[name]] if name in special else bpe.piece_ids(token_text(name)) for name in native.token_names]
