"""The other side of the sampling benchmark: transformers' torch `generate`, and CTranslate2, with the same weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codeit_jax.bench.sampling_work import PAD, TEMPERATURE, TOP_K, Work

TORCH = "torch generate"
CTRANSLATE2 = {"float32": "CTranslate2 float32", "int8": "CTranslate2 int8"}


def torch_generate(folder: Path, work: Work) -> Callable[..., NDArray[np.int64]]:
    """Return torch's side: called with a number of tokens, 1 sample a prompt drawn greedily or S at random.

    Raises:
        ImportError: torch or transformers isn't installed.
    """
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    network = transformers.T5ForConditionalGeneration.from_pretrained(folder).eval()
    prompts = torch.from_numpy(work.prompts.astype(np.int64))

    def generate(num_tokens: int = work.num_tokens, *, greedy: bool = False) -> NDArray[np.int64]:
        draws: dict[str, Any] = {"do_sample": False}
        if not greedy:
            draws = {"do_sample": True, "temperature": TEMPERATURE, "top_k": TOP_K}
            draws["num_return_sequences"] = work.num_samples
        with torch.inference_mode():
            # A minimum as long as the maximum suppresses the end token throughout.
            lengths = {"min_new_tokens": num_tokens, "max_new_tokens": num_tokens}
            rows = network.generate(prompts, attention_mask=torch.ones_like(prompts), **draws, **lengths)
        return np.asarray(rows[:, 1:].numpy(), np.int64)

    return generate


def ctranslate2_generate(folder: Path, work: Work, kind: str) -> Callable[[], object]:
    """Return CTranslate2's side for float32 or int8 weights.

    Raises:
        ImportError: ctranslate2 isn't installed.
    """
    import ctranslate2
    from ctranslate2.converters import TransformersConverter

    _write_word_tokenizer(folder, work.model.vocabulary_size)
    target = folder.with_name(f"{folder.name}-{kind}")
    TransformersConverter(str(folder)).convert(str(target), quantization=kind, force=True)
    translator = ctranslate2.Translator(str(target), device="cpu", compute_type=kind, intra_threads=2)
    rows = [[_word(index) for index in row] for row in work.prompts.tolist()]

    def generate() -> object:
        return translator.translate_batch(
            rows,
            beam_size=1,
            num_hypotheses=work.num_samples,
            sampling_topk=TOP_K,
            sampling_temperature=TEMPERATURE,
            min_decoding_length=work.num_tokens,
            max_decoding_length=work.num_tokens,
            max_input_length=0,
        )

    return generate


def _write_word_tokenizer(folder: Path, vocabulary_size: int) -> None:
    """Write a tokenizer with a word for each id: the converter takes the vocabulary from it."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = {_word(index): index for index in range(vocabulary_size)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token=_word(3)))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=_word(PAD), eos_token=_word(2), unk_token=_word(3)
    ).save_pretrained(folder)


def _word(index: int) -> str:
    return f"w{index}"
