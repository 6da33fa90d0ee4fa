"""Contract: prompts, programs and vocabularies are the same under every hash seed."""

import os
import subprocess
import sys

SCRIPT = """
import sys
from pathlib import Path
from codeit_jax.arc import Example
from codeit_jax.text import build_tokenizer
demonstrations = [
    Example(input=((3, 0, 7, 3), (0, 5, 0, 0)), output=((7, 3, 5),)),
    Example(input=((1, 2), (8, 9)), output=((4, 4), (6, 4))),
]
for tokenizer in (build_tokenizer("native"), build_tokenizer("bpe", Path(sys.argv[1]))):
    print(tokenizer.digest, tokenizer.program_token_ids.tolist())
    print(tokenizer.encode_prompt(demonstrations, max_tokens=64).token_ids.tolist())
    print(tokenizer.encode_program("x1 = fork(equality, size, first)\\nO = fill(I, TWO, x1)").tolist())
"""


def test_hash_seed_changes_nothing(bpe_folder):
    outputs = set()
    for hash_seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", SCRIPT, str(bpe_folder)]
        outputs.add(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
    assert len(outputs) == 1
    assert len(outputs.pop().splitlines()) == 6
