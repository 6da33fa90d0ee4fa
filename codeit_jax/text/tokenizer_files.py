"""Tokenizers in files: a byte-level BPE read from a checkpoint's, any tokenizer written for transformers.

Every fault of a file is a `UserError` of one line.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

from codeit_jax.config.errors import UserError, first_line, shown
from codeit_jax.config.input_files import read_json, read_text

MAX_FILE_BYTES = 64 << 20
"""The largest file that is read; published ones have up to 10 MB."""

PAD, START, END, UNKNOWN = "<pad>", "<s>", "</s>", "<unk>"
_SPECIAL = (PAD, START, END, UNKNOWN, "<mask>")
# T5's sentinels: CodeT5's vocab.json leaves them out, its weights have rows for them, in this order.
_EXTRA = tuple(f"<extra_id_{number}>" for number in reversed(range(100)))


@dataclass(frozen=True, kw_only=True)
class SpecialTokens:
    """The tokens around programs and prompts.

    Attributes:
        pad: fills rows.
        first: begins every text; None where texts begin by themselves.
        end: ends programs.
        start: what the decoder is given before a program.
    """

    pad: str
    first: str | None
    end: str
    start: str


def load_bpe(path: Path) -> tuple[Tokenizer, SpecialTokens]:
    """Load a BPE with its special tokens: RoBERTa's, as CodeT5 has them, else those of `tokenizer_config.json`.

    Args:
        path: a `tokenizer.json`, or a folder with a `tokenizer.json`, or with `vocab.json`, `merges.txt` and perhaps
            `added_tokens.json`.

    Raises:
        UserError: a file is missing, damaged or truncated, they don't belong together, or a special token is missing.
    """
    # Unlike Path's methods, these functions are False for a name that the system refuses.
    if os.path.isfile(path):
        tokenizer = _from_tokenizer_json(path)
    elif os.path.lexists(path / "tokenizer.json"):
        tokenizer = _from_tokenizer_json(path / "tokenizer.json")
    elif os.path.isdir(path):
        tokenizer = _from_vocabulary(path)
    else:
        raise UserError(
            f"{path}: no such file or folder, expected a tokenizer.json or a folder with vocab.json and merges.txt"
        )
    tokenizer.no_padding()
    tokenizer.no_truncation()  # a tokenizer.json may carry both; lengths are the caller's
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    _check_ids(vocabulary, path)
    return tokenizer, _special_tokens(path, tokenizer)


def _special_tokens(path: Path, tokenizer: Tokenizer) -> SpecialTokens:
    """Find the special tokens.

    Raises:
        UserError: there are none of either kind, or those named aren't in the vocabulary.
    """
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    missing = [token for token in (PAD, START, END) if token not in vocabulary]
    if not missing:
        return SpecialTokens(pad=PAD, first=START, end=END, start=PAD)  # T5's decoder starts from padding
    roles_path = (path if path.is_dir() else path.parent) / "tokenizer_config.json"
    if not roles_path.is_file():
        raise UserError(
            f"{path}: the vocabulary has no {missing[0]}, expected {PAD}, {START} and {END}, or a {roles_path.name} "
            "beside it that names the tokens"
        )
    roles = _read_roles(roles_path)
    end, first = roles.get("eos_token"), roles.get("bos_token")
    # A decoder alone reads the program after the prompt: on a new line. Some have no padding of their own.
    pad, lines = roles.get("pad_token") or end, tokenizer.encode("\n", add_special_tokens=False).tokens
    unknown = [token for token in (pad, first, end) if token is not None and token not in vocabulary]
    if end is None or pad is None or unknown or not lines:
        raise UserError(f"{roles_path}: eos_token is {end!r}, expected a token of the vocabulary, as of all it names")
    return SpecialTokens(pad=pad, first=first, end=end, start=lines[-1])


def _read_roles(path: Path) -> dict[str, str]:
    """Return transformers' name of each special token -> the token."""
    stored = read_json(path, max_bytes=MAX_FILE_BYTES)
    found = stored if isinstance(stored, dict) else {}
    # A token is a string, or an object that has it.
    tokens = {name: value.get("content") if isinstance(value, dict) else value for name, value in found.items()}
    return {name: value for name, value in tokens.items() if name.endswith("_token") and isinstance(value, str)}


def write_tokenizer(folder: Path, tokenizer: Tokenizer, *, frame: str, roles: dict[str, str]) -> None:
    """Write a tokenizer as transformers' `AutoTokenizer` loads it: `tokenizer.json` and two files beside it.

    Args:
        folder: exists.
        tokenizer: with its vocabulary and rules; left as it is.
        frame: what an encoded text is put into, `$A` being the text, e.g. `<s> $A </s>`.
        roles: transformers' name of each special token, e.g. `eos_token`, -> the token.
    """
    copy = Tokenizer.from_str(tokenizer.to_str())
    special = [(token, copy.token_to_id(token)) for token in frame.split() if token != "$A"]
    copy.post_processor = processors.TemplateProcessing(single=frame, special_tokens=special)
    copy.save(str(folder / "tokenizer.json"))
    _write_json(folder / "special_tokens_map.json", roles)
    # Cleaning up would take blanks away that programs and prompts have.
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    _write_json(folder / "tokenizer_config.json", settings | roles)


def _write_json(path: Path, value: Mapping[str, object]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _from_tokenizer_json(path: Path) -> Tokenizer:
    text = read_text(path, max_bytes=MAX_FILE_BYTES)
    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as error:  # the Rust library raises plain Exception
        raise UserError(f"{path}: not a tokenizer.json ({first_line(error)})") from None
    if not isinstance(tokenizer.model, models.BPE):
        raise UserError(f"{path}: a {type(tokenizer.model).__name__} model, expected a byte-level BPE")
    return tokenizer


def _from_vocabulary(folder: Path) -> Tokenizer:
    vocabulary = _read_vocabulary(folder / "vocab.json")
    _check_ids(vocabulary, folder / "vocab.json")
    added = _read_added(folder / "added_tokens.json", vocabulary)
    merges = _read_merges(folder / "merges.txt")
    _check_merges(vocabulary, merges, folder / "merges.txt")
    try:
        tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token=UNKNOWN))
    except Exception as error:  # the Rust library raises plain Exception, and for a lone surrogate a ValueError
        raise UserError(f"{folder}: not a vocabulary with its merges ({first_line(error)})") from None
    # RoBERTa's own setting: a prefix space would spell the first name of a text as another token.
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    # After the vocabulary's own, so that the sentinels get the ids of the weights' rows that follow it.
    present = [token for token in _SPECIAL if token in vocabulary]
    sentinels = [token for token in _EXTRA if token not in added]
    tokens = dict.fromkeys([*present, *added, *sentinels])
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in tokens])
    return tokenizer


def _read_vocabulary(path: Path) -> dict[str, int]:
    vocabulary = read_json(path, max_bytes=MAX_FILE_BYTES)
    if not isinstance(vocabulary, dict) or not all(type(index) is int for index in vocabulary.values()):
        raise UserError(f"{path}: expected one object from token to id")
    return vocabulary


def _read_added(path: Path, vocabulary: Mapping[str, int]) -> list[str]:
    """Return the tokens that transformers keeps beside a vocabulary, in the order of their ids; none without a file."""
    added = _read_vocabulary(path) if os.path.lexists(path) else {}
    tokens = sorted((token for token in added if token not in vocabulary), key=added.__getitem__)
    # The library numbers what is added from the vocabulary's end: any other id would be another row of the weights.
    for index, token in enumerate(tokens, len(vocabulary)):
        if added[token] != index:
            raise UserError(f"{path}: the token {shown(token)} has the id {added[token]}, expected {index}")
    for token in added.keys() & vocabulary.keys():
        if added[token] != vocabulary[token]:
            raise UserError(
                f"{path}: the token {shown(token)} has the id {added[token]}, vocab.json {vocabulary[token]}"
            )
    return tokens


def _check_ids(vocabulary: dict[str, int], path: Path) -> None:
    if sorted(vocabulary.values()) != list(range(len(vocabulary))):
        raise UserError(f"{path}: the ids of {len(vocabulary)} tokens aren't 0 to {len(vocabulary) - 1}, each once")


def _read_merges(path: Path) -> list[tuple[str, str]]:
    lines = read_text(path, max_bytes=MAX_FILE_BYTES).split("\n")
    merges = []
    for number, line in enumerate(lines, start=1):
        if not line or (number == 1 and line.startswith("#version")):
            continue
        left, _, right = line.partition(" ")
        if not left or not right or " " in right:
            raise UserError(f"{path}: line {number} is {shown(line)}, expected two tokens with a space between them")
        merges.append((left, right))
    return merges


def _check_merges(vocabulary: dict[str, int], merges: list[tuple[str, str]], path: Path) -> None:
    """Raise UserError unless vocabulary and merges make each other: a truncated file shows here and nowhere else."""
    products = {left + right for left, right in merges}
    unknown = sorted(token for token in products.union(*merges) if token not in vocabulary)
    if unknown:
        raise UserError(
            f"{path}: {len(unknown)} tokens that vocab.json lacks, {shown(unknown[0])} for one; the files don't match"
        )
    # Single characters and special tokens are there without a merge; any other token is the product of one.
    unmade = sorted(
        token for token in vocabulary if len(token) > 1 and token not in products and not _is_special(token)
    )
    if unmade:
        raise UserError(
            f"{path}: {len(merges)} merges don't make {len(unmade)} tokens of vocab.json, {shown(unmade[0])} for one; "
            "the file is truncated or belongs to another vocabulary"
        )


def _is_special(token: str) -> bool:
    return token.startswith("<") and token.endswith(">")
