"""`python -m codeit_jax.bench.sampling_memory SIDE FOLDER PRESET ...`: one contender alone, its peak memory in bytes.

A process of its own for each, for a peak can't be taken back.
"""

import subprocess
import sys
from pathlib import Path

import jax

from codeit_jax.bench.sampling_peers import torch_generate
from codeit_jax.bench.sampling_work import Work, float32_model, load_preset, make_work, our_sampling
from codeit_jax.model.huggingface import load_pretrained

SIDES = ("full", "allowed", "torch")


def peak_memory(side: str, folder: Path, preset: str, work: Work) -> float:
    """Return the peak resident bytes of a process that does the work once."""
    prompts, prompt_tokens = work.prompts.shape
    sizes = [prompts, prompt_tokens, work.num_samples, work.num_tokens]
    command = [sys.executable, "-m", __name__, side, str(folder), preset, *map(str, sizes)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.splitlines()[-1])


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
