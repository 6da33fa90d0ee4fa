"""Write vocab.json and merges.txt of a small byte-level BPE, as CodeT5 has them: `python train_bpe.py FOLDER`."""

import sys
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

import interpreter

SPECIAL_TOKENS = ["<pad>", "<s>", "</s>", "<unk>", "<mask>"]


def train_bpe(folder: Path, vocabulary_size: int = 600) -> None:
    """Write the two files of a BPE that was trained on one line per primitive."""
    names = [*sorted(interpreter.PRIMITIVES), *sorted(interpreter.CONSTANTS)]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([f"x1 = {name}(I, {name})\nO = {name}(x1)" for name in names], trainer)
    tokenizer.model.save(str(folder))


if __name__ == "__main__":
    train_bpe(Path(sys.argv[1]))
