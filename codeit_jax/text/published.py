"""Tokenizers as transformers' `AutoTokenizer` loads them: `tokenizer.json` and two files beside it."""

import json
from collections.abc import Mapping
from pathlib import Path

from tokenizers import Tokenizer, processors


def write_tokenizer(folder: Path, tokenizer: Tokenizer, *, frame: str, roles: dict[str, str]) -> None:
    """Write a tokenizer's files.

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
