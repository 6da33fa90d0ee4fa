"""The file-based tokenizer: a BPE over the paper's prompt text, in RoBERTa's frame `<s>` ... `</s>` or its own."""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

import interpreter
from codeit_jax.arc import Example
from codeit_jax.config.errors import UserError
from codeit_jax.config.schema import DemonstrationOrder
from codeit_jax.programs import canonical_text
from codeit_jax.text.prompt import format_prompt, order_demonstrations
from codeit_jax.text.tokenizer import VARIABLES, EncodedPrompt, TokenIds, digest_of
from codeit_jax.text.tokenizer_files import START, UNKNOWN, load_bpe, write_tokenizer

# Every kind of sign that a prompt has, to see that the vocabulary spells it.
_PROMPT_SAMPLE = "12x30 background=0 4=5,6 7,8|1x1 background=9\n12x30 background=3"


class BpeTokenizer:
    """A BPE from files, such as CodeT5's; implements `Tokenizer`.

    With CodeT5's, an encoded program is `<s>` text `</s>`, as the checkpoints were trained; the decoder starts from
    `<pad>`. With that of a decoder alone it is the text and the end token, and follows the prompt on a new line.
    """

    name = "bpe"

    def __init__(self, path: Path, *, prompt_end: bool = True, order: DemonstrationOrder = "cells") -> None:
        """Load the tokenizer.

        Args:
            path: a `tokenizer.json`, or a folder with one, or a folder with `vocab.json` and `merges.txt`.
            prompt_end: whether prompts end with `</s>`.
            order: which demonstrations come first in a prompt, see `text.demonstration_order`.

        Raises:
            UserError: a file is missing or damaged, a special token is missing, or programs can't be spelled.
        """
        self._bpe, self._special = load_bpe(path)
        self._prompt_end = prompt_end
        self._order = order
        vocabulary: dict[str, int] = self._bpe.get_vocab(with_added_tokens=True)
        self.vocabulary_size = len(vocabulary)
        self.pad_id = vocabulary[self._special.pad]
        self.start_id = vocabulary[self._special.start]
        self.end_id = vocabulary[self._special.end]
        self._first_ids = [] if self._special.first is None else [vocabulary[self._special.first]]
        # A decoder alone reads prompt and program as one text, which has begun already.
        self._program_frame = self._first_ids if self._special.first == START and self.start_id == self.pad_id else []
        # An id outside the vocabulary is read as this one: it spells something that no program contains.
        self._unknown_id = vocabulary.get(UNKNOWN, self.pad_id)
        # A vocabulary that loses blanks or case would train on other programs than it is shown: refused at the start.
        for text in (_PROMPT_SAMPLE, *_programs_of_every_name()):
            decoded = self._bpe.decode(self.piece_ids(text), skip_special_tokens=False)
            if decoded != text:
                raise UserError(
                    f"{path}: spells {text[:50]!r} as {decoded[:50]!r}, expected the same text: not a byte-level BPE"
                )

    @cached_property
    def program_token_ids(self) -> TokenIds:
        """Return every id that a program can contain, int32 [A] ascending.

        Found by encoding each name of the language in each place where it can stand. The pre-tokenizer splits between
        letters, digits and signs, so no token spans a name and its surroundings, save for a space or sign before it. A
        token that does so nevertheless is learned, but never drawn.
        `docs/prompts.md` compares their number with that of the released code.
        """
        ids = [*self._program_frame, self.end_id]
        for text in _programs_of_every_name():
            ids += self.piece_ids(text)
        return np.unique(np.array(ids, np.int32))

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 in hex of the tokens in the order of their ids, then of the merges."""
        model = json.loads(self._bpe.to_str())["model"]
        vocabulary = self._bpe.get_vocab(with_added_tokens=True)
        # Files write a merge as "a b" or as ["a", "b"]; both are the same vocabulary.
        merges = (merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"])
        return digest_of((self.name, *sorted(vocabulary, key=vocabulary.__getitem__), "merges", *merges))

    def encode_prompt(self, demonstrations: Sequence[Example], *, max_tokens: int) -> EncodedPrompt:
        """Encode `<s>` inputs, newline, outputs `</s>`, demonstrations from the smallest to the largest.

        Inputs and outputs have half of `max_tokens` each and are truncated at its end, so the largest grids go first;
        what one half leaves free the other doesn't get (the paper's windows: 512 + 512). Without `prompt_end` the
        outputs have the place of `</s>` too, as in the released code.

        Raises:
            ValueError: no demonstration, or max_tokens below 4.
        """
        if not demonstrations or max_tokens < 4:
            raise ValueError(f"{len(demonstrations)} demonstrations in {max_tokens} tokens, expected 1 in 4 at least")
        inputs_text, outputs_text = format_prompt(order_demonstrations(demonstrations, self._order))
        inputs = [*self._first_ids, *self.piece_ids(inputs_text)]
        outputs = self.piece_ids(outputs_text)
        window = max_tokens // 2
        # The frame counts as part of the halves: `<s>` is in the first, `</s>` takes the last place of the second.
        end = [self.end_id] if self._prompt_end else []
        kept = [*inputs[:window], *outputs[: window - len(end)], *end]
        full_length = len(inputs) + len(outputs) + len(end)
        return EncodedPrompt(
            token_ids=np.array(kept, np.int32),
            full_length=full_length,
            truncated=len(kept) < full_length,
        )

    def encode_program(self, program_text: str) -> TokenIds:
        """Encode a program, int32 [T]; variables are numbered in the order of their lines.

        Raises:
            ValueError: the text is outside the grammar.
        """
        pieces = self.piece_ids(canonical_text(program_text))
        return np.array([*self._program_frame, *pieces, self.end_id], np.int32)

    def decode_program(self, token_ids: Iterable[int]) -> str:
        """Return the text before the first `</s>`, one `<s>` at its start removed; any ids give some text."""
        kept: list[int] = []
        for index in token_ids:
            if index == self.end_id:
                break
            kept.append(int(index) if 0 <= index < self.vocabulary_size else self._unknown_id)
        if kept and kept[:1] == self._program_frame:
            del kept[0]
        text: str = self._bpe.decode(kept, skip_special_tokens=False)
        return text

    def save(self, folder: Path) -> None:
        """Write the files for transformers; they are this tokenizer again when read."""
        special = self._special
        roles = {"eos_token": special.end, "pad_token": special.pad}
        if special.first is not None:
            roles["bos_token"] = special.first
        if self._bpe.token_to_id(UNKNOWN) is not None:
            roles["unk_token"] = UNKNOWN
        write_tokenizer(folder, self._bpe, frame=f"{special.first or ''} $A {special.end}".strip(), roles=roles)

    def piece_ids(self, text: str) -> list[int]:
        """Return the ids of any text, without a frame."""
        ids: list[int] = self._bpe.encode(text, add_special_tokens=False).ids
        return ids


def _programs_of_every_name() -> Iterator[str]:
    """Yield texts that hold every name of the language in every place where it can stand."""
    for name in ("I", *sorted(interpreter.CONSTANTS), *sorted(interpreter.PRIMITIVES), *VARIABLES):
        yield f"x1 = {name}({name}, {name}, {name})\nO = {name}({name})"
    # A target stands at the start of the text or of a later line.
    for variable in VARIABLES:
        yield f"{variable} = hmirror(I)\n{variable} = hmirror(I)"
