"""Tokenizers in files: a byte-level BPE read from a checkpoint's, any tokenizer written for transformers.

Every fault of a file is a `UserError` of one line.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

from codeit_jax.config.errors import UserError, first_line

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
        path: a `tokenizer.json`, or a folder with a `tokenizer.json` or with `vocab.json` and `merges.txt`.

    Raises:
        UserError: a file is missing, damaged or truncated, they don't belong together, or a special token is missing.
    """
    if path.is_file():
        tokenizer = _from_tokenizer_json(path)
    elif (path / "tokenizer.json").is_file():
        tokenizer = _from_tokenizer_json(path / "tokenizer.json")
    elif path.is_dir():
        tokenizer = _from_vocabulary(path / "vocab.json", path / "merges.txt")
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
    try:
        stored = json.loads(_read_text(path))
    except ValueError as error:
        raise UserError(f"{path}: not JSON, perhaps truncated ({first_line(error)})") from None
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
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust library raises plain Exception
        raise UserError(f"{path}: not a tokenizer.json ({first_line(error)})") from None
    if not isinstance(tokenizer.model, models.BPE):
        raise UserError(f"{path}: a {type(tokenizer.model).__name__} model, expected a byte-level BPE")
    return tokenizer


def _from_vocabulary(vocabulary_path: Path, merges_path: Path) -> Tokenizer:
    vocabulary = _read_vocabulary(vocabulary_path)
    merges = _read_merges(merges_path)
    _check_merges(vocabulary, merges, merges_path)
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token=UNKNOWN))
    # RoBERTa's own setting: a prefix space would spell the first name of a text as another token.
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    # After the vocabulary's own, so that the sentinels get the ids of the weights' rows that follow it.
    present = [token for token in _SPECIAL if token in vocabulary]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in (*present, *_EXTRA)])
    return tokenizer


def _read_vocabulary(path: Path) -> dict[str, int]:
    try:
        vocabulary = json.loads(_read_text(path))
    except ValueError as error:
        raise UserError(f"{path}: not JSON, perhaps truncated ({first_line(error)})") from None
    if not isinstance(vocabulary, dict) or not all(type(index) is int for index in vocabulary.values()):
        raise UserError(f"{path}: expected one object from token to id")
    _check_ids(vocabulary, path)
    return vocabulary


def _check_ids(vocabulary: dict[str, int], path: Path) -> None:
    if sorted(vocabulary.values()) != list(range(len(vocabulary))):
        raise UserError(f"{path}: the ids of {len(vocabulary)} tokens aren't 0 to {len(vocabulary) - 1}, each once")


def _read_merges(path: Path) -> list[tuple[str, str]]:
    lines = _read_text(path).splitlines()
    merges = []
    for number, line in enumerate(lines, start=1):
        if not line or (number == 1 and line.startswith("#version")):
            continue
        left, _, right = line.partition(" ")
        if not left or not right or " " in right:
            raise UserError(f"{path}: line {number} is {line[:40]!r}, expected two tokens with a space between them")
        merges.append((left, right))
    return merges


def _check_merges(vocabulary: dict[str, int], merges: list[tuple[str, str]], path: Path) -> None:
    """Raise UserError unless vocabulary and merges make each other: a truncated file shows here and nowhere else."""
    products = {left + right for left, right in merges}
    unknown = sorted(token for token in products.union(*merges) if token not in vocabulary)
    if unknown:
        raise UserError(
            f"{path}: {len(unknown)} tokens that vocab.json lacks, {unknown[0]!r} for one; the files don't match"
        )
    # Single characters and special tokens are there without a merge; any other token is the product of one.
    unmade = sorted(
        token for token in vocabulary if len(token) > 1 and token not in products and not _is_special(token)
    )
    if unmade:
        raise UserError(
            f"{path}: {len(merges)} merges don't make {len(unmade)} tokens of vocab.json, {unmade[0]!r} for one; "
            "the file is truncated or belongs to another vocabulary"
        )


def _is_special(token: str) -> bool:
    return token.startswith("<") and token.endswith(">")


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file, expected tokenizer.json, or vocab.json and merges.txt") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: can't be read ({first_line(error)})") from None
