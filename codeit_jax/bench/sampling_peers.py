"""The peers of the sampling benchmark, transformers' torch `generate` and CTranslate2, and the memory of either side.

`python -m codeit_jax.bench.sampling_peers SIDE FOLDER PRESET ...` runs one contender alone and prints its peak memory:
a process of its own for each, for a peak can't be taken back.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from codeit_jax.bench.sampling_work import (
    PAD,
    TEMPERATURE,
    TOP_K,
    Work,
    float32_model,
    load_preset,
    make_work,
    our_sampling,
)
from codeit_jax.model.huggingface import load_pretrained

TORCH = "torch generate"
CTRANSLATE2 = {"float32": "CTranslate2 float32", "int8": "CTranslate2 int8"}


def torch_generate(folder: Path, work: Work) -> Callable[..., NDArray[np.int64]]:
    """Return torch's side: called with a number of tokens, 1 sample a prompt drawn greedily or S at random.

    Raises:
        ImportError: torch or transformers isn't installed.
    """
    # Imported here: torch is a peer, not a dependency.
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
        return np.asarray(rows[:, 1:].numpy(), np.int64)  # without the start token

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
            max_input_length=0,  # no limit; by default prompts are truncated at 1,024 tokens
        )

    return generate


def peak_memory(side: str, folder: Path, preset: str, work: Work) -> float:
    """Return the peak resident bytes of a process that does the work once."""
    prompts, prompt_tokens = work.prompts.shape
    sizes = [prompts, prompt_tokens, work.num_samples, work.num_tokens]
    command = [sys.executable, "-m", __name__, side, str(folder), preset, *map(str, sizes)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.splitlines()[-1])


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


def _main(side: str, folder: str, preset: str, *sizes: str) -> None:
    prompts, prompt_tokens, samples, tokens = map(int, sizes)
    model = float32_model(load_preset(preset))
    work = make_work(model, prompts=prompts, prompt_tokens=prompt_tokens, samples=samples, tokens=tokens)
    if side == "torch":
        torch_generate(Path(folder), work)()
    else:
        params = jax.device_put(load_pretrained(Path(folder), model.config, model.vocabulary_size))
        sample, _ = our_sampling(work, params, allowed_only=side == "allowed")
        sample()
    print(_peak_bytes())


def _peak_bytes() -> int:
    """Read this process's own peak from Linux; getrusage's counts what the parent had before exec."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [kilobytes] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(kilobytes) * 1024


if __name__ == "__main__":
    _main(*sys.argv[1:])
