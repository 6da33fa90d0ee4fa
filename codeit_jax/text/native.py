"""The native tokenizer: one token per name, line end, grid cell or run; needs no files.

A program line `x7 = fill(x3, TWO, x5)` is `fill x3 TWO x5 =x7`: callee, arguments, then a line end that names the
variable just defined, so that the policy never has to count lines. The last line ends with the end token in place of
`=O`. A prompt is, for each demonstration, the input grid and then the output grid, side by side.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers

import interpreter
from codeit_jax.arc import Example
from codeit_jax.programs import canonical_text
from codeit_jax.text.grid_tokens import GridTokens
from codeit_jax.text.prompt import MAX_DEMONSTRATIONS
from codeit_jax.text.tokenizer import VARIABLES, EncodedPrompt, TokenIds, digest_of
from codeit_jax.text.tokenizer_files import write_tokenizer

PAD, START, END = "<pad>", "<start>", "<end>"
_LINE_END = "="
_NAME = re.compile(r"\w+")
_CACHED_GRIDS = 1 << 13
_HEIGHT = re.compile(r"height:(\d+)")
_WIDTH = re.compile(r"width:(\d+)")
_COLOR = re.compile(r"color:(\d)")
_CELL = re.compile(r"cell:(\d+),(\d+)")


class NativeTokenizer:
    """A fixed vocabulary for ARC grids and DSL programs; implements `Tokenizer`.

    Attributes:
        token_names: the name of every id, in order.
    """

    name = "native"

    def __init__(self) -> None:
        names = ("I", *sorted(interpreter.CONSTANTS), *sorted(interpreter.PRIMITIVES), *VARIABLES)
        program_names = (PAD, START, END, *names, *(_LINE_END + variable for variable in VARIABLES))
        grids = GridTokens(first_id=len(program_names))
        # All programs of a task have its inputs in their prompts, and many have the same outputs.
        self._encode_grid = lru_cache(_CACHED_GRIDS)(grids.encode)
        self.token_names = (*program_names, *grids.names)
        self._ids = {token_name: index for index, token_name in enumerate(self.token_names)}
        self.pad_id, self.start_id, self.end_id = (self._ids[special] for special in (PAD, START, END))
        # The end token and the names of programs stand together, so these ids are one range.
        self.program_token_ids = np.arange(self.end_id, len(program_names), dtype=np.int32)

    @property
    def vocabulary_size(self) -> int:
        """Return the number of ids."""
        return len(self.token_names)

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 in hex of the token names in order."""
        return digest_of((self.name, *self.token_names))

    def encode_prompt(self, demonstrations: Sequence[Example], *, max_tokens: int) -> EncodedPrompt:
        """Encode demonstrations from the shortest to the longest, as many whole ones as fit.

        Only if not even the shortest fits is it truncated at `max_tokens`.

        Raises:
            ValueError: no demonstration, a grid that isn't one, or max_tokens below 1.
        """
        if not demonstrations or max_tokens < 1:
            raise ValueError(f"{len(demonstrations)} demonstrations in {max_tokens} tokens, expected 1 in 1 at least")
        encoded = sorted((self._encode_example(example) for example in demonstrations), key=len)[:MAX_DEMONSTRATIONS]
        # Whole demonstrations only, and the shortest first: as many as can fit.
        ends = np.cumsum([len(tokens) for tokens in encoded])
        # Side "right": a demonstration that ends exactly at the limit still fits.
        num_whole = int(np.searchsorted(ends, max_tokens, side="right"))
        return EncodedPrompt(
            token_ids=np.concatenate(encoded[: max(num_whole, 1)])[:max_tokens],
            full_length=int(ends[-1]),
            truncated=num_whole < len(encoded),
        )

    def _encode_example(self, example: Example) -> TokenIds:
        return np.concatenate([self._encode_grid(example.input, "input"), self._encode_grid(example.output, "output")])

    def encode_program(self, program_text: str) -> TokenIds:
        """Encode a program, int32 [T]; variables are numbered in the order of their lines.

        Raises:
            ValueError: the text is outside the grammar.
        """
        names: list[str] = []
        for line in canonical_text(program_text).split("\n"):
            target, *call = _NAME.findall(line)
            names += [*call, _LINE_END + target]
        names[-1] = END  # in place of the line end of `O`, which the last line always assigns
        return np.array([self._ids[name] for name in names], np.int32)

    def decode_program(self, token_ids: Iterable[int]) -> str:
        """Return the text before the first end token; ids that spell no program give a text that doesn't parse.

        Without an end token the last line has no target: a program truncated by a length limit must not pass for a
        whole one.
        """
        lines: list[str] = []
        call: list[str] = []
        for index in token_ids:
            if index == self.end_id:
                return "\n".join([*lines, f"O = {_call_text(call)}"])
            # A name in angle brackets is none of the language: the parser refuses the text, as it should.
            name = self.token_names[index] if 0 <= index < self.vocabulary_size else f"<{index}>"
            if name.startswith(_LINE_END):
                lines.append(f"{name.removeprefix(_LINE_END)} = {_call_text(call)}")
                call = []
            else:
                call.append(name)
        return "\n".join([*lines, _call_text(call)])

    def save(self, folder: Path) -> None:
        """Write the files for transformers: a text is token names between blanks."""
        words = Tokenizer(models.WordLevel(self._ids, unk_token=PAD))
        words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        words.add_special_tokens([PAD, START, END])
        roles = {"pad_token": PAD, "eos_token": END, "unk_token": PAD}
        write_tokenizer(folder, words, frame=f"$A {END}", roles=roles)


def token_text(token_name: str) -> str:
    """Return what a native token stands for, as the paper's prompts and programs write it.

    A line end `=x7` is `x7 =`; a height `12x`, a width `30`, a background `background=0`, a color `4=`, a cell `5,6`.
    Other names, which the paper's text lacks, stand for themselves: `input:runs`, `run:3*4`, `same_row`.
    """
    if token_name.startswith(_LINE_END):
        return f"{token_name[1:]} ="
    for pattern, template in ((_HEIGHT, r"\1x"), (_WIDTH, r"\1"), (_COLOR, r"\1="), (_CELL, r"\1,\2")):
        if pattern.fullmatch(token_name):
            return pattern.sub(template, token_name)
    return token_name.replace("background:", "background=")


def _call_text(call: list[str]) -> str:
    callee, arguments = (call[0], call[1:]) if call else ("", [])
    return f"{callee}({', '.join(arguments)})"
