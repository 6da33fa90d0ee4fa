"""What every tokenizer offers, prompts of demonstrations in, programs in and out, and what all of them share.

Shape letters of this room: L prompt tokens, T program tokens, A tokens that a program can contain, N rows.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from codeit_jax.arc import Example
from interpreter.language.slots import MAX_LINES

TokenIds = NDArray[np.int32]

VARIABLES = tuple(f"x{number}" for number in range(1, MAX_LINES))
"""The variables of a canonical program; the last of its lines assigns `O`."""


@dataclass(frozen=True, kw_only=True)
class EncodedPrompt:
    """The encoder's tokens for one task.

    Attributes:
        token_ids: int32 [L], without padding.
        full_length: how many tokens the demonstrations, ten at most, have before anything is left out.
        truncated: whether something was left out.
    """

    token_ids: TokenIds
    full_length: int
    truncated: bool


class Tokenizer(Protocol):
    """Turns demonstrations and programs into token ids, and ids back into program text.

    Attributes:
        name: short name for logs, e.g. `native`.
        vocabulary_size: ids are 0 to vocabulary_size - 1; any; the replay keeps those above 65,536 in 32 bits.
        pad_id: fills rows of a batch.
        start_id: first input token of the decoder; never part of an encoded program.
        end_id: last token of every encoded program.
        program_token_ids: int32 [A], ascending: every id that a program of the grammar can contain, `end_id` included.
        digest: SHA-256 in hex of the vocabulary and its rules. Weights only fit the tokenizer they were trained with.
    """

    # Properties rather than plain fields, so that an implementation may compute or cache them.
    @property
    def name(self) -> str:
        """Return the short name."""
        ...

    @property
    def vocabulary_size(self) -> int:
        """Return the number of ids."""
        ...

    @property
    def pad_id(self) -> int:
        """Return the id of padding."""
        ...

    @property
    def start_id(self) -> int:
        """Return the id that the decoder starts from."""
        ...

    @property
    def end_id(self) -> int:
        """Return the id that ends a program."""
        ...

    @property
    def program_token_ids(self) -> TokenIds:
        """Return the ids that programs can contain, int32 [A] ascending."""
        ...

    @property
    def digest(self) -> str:
        """Return the digest of the vocabulary and its rules."""
        ...

    def encode_prompt(self, demonstrations: Sequence[Example], *, max_tokens: int) -> EncodedPrompt:
        """Encode a task's demonstrations in at most `max_tokens` tokens; never looks at tests."""
        ...

    def encode_program(self, program_text: str) -> TokenIds:
        """Encode a program, int32 [T] with `end_id` last, never truncated; ValueError if it is outside the grammar."""
        ...

    def decode_program(self, token_ids: Iterable[int]) -> str:
        """Return the text before the first `end_id`; ids that spell no program give a text that doesn't parse."""
        ...

    def save(self, folder: Path) -> None:
        """Write the vocabulary and its rules for transformers, see `write_tokenizer`."""
        ...


def digest_of(parts: Iterable[str | bytes]) -> str:
    """Return the SHA-256 in hex of `parts`, each preceded by its length so that their borders count."""
    sha = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        sha.update(len(data).to_bytes(8, "little") + data)
    return sha.hexdigest()
