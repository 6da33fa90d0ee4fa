"""Lengths of what a run trains on, and which length buckets waste the least arithmetic on them.

    python -m codeit_jax.bench.length_mix configs/codet5p_220m.yaml [text.tokenizer_path=FOLDER]

prints the useful share of training FLOPs with the configuration's buckets, and with the best that were found.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from codeit_jax.arc import Example, load_tasks
from codeit_jax.config.loading import load_config
from codeit_jax.config.schema import TextConfig
from codeit_jax.model import PolicyModel, build_model
from codeit_jax.mutation import generate_mutants
from codeit_jax.programs import load_programs
from codeit_jax.replay import TokenRows
from codeit_jax.run.components import load_tokenizer
from codeit_jax.text import Tokenizer, choose_bucket_lengths
from codeit_jax.training.batches import BatchSizes, plan_batches
from codeit_jax.training.experience_replay import Draw
from codeit_jax.training.throughput import row_flops, useful_share
from interpreter import InterpreterPool, Limits

POLICY_SHARE = 0.9  # of a draw, as the paper draws
ROUNDS = 4  # of choosing one axis for the other's buckets; the second changes little, the third nothing so far


@dataclass(frozen=True, kw_only=True)
class LengthMix:
    """Token counts of experiences; what is longer than the windows is truncated or left out, as in a run.

    Attributes:
        prompts: int64 [N].
        programs: int64 [N], end token included.
    """

    prompts: np.ndarray
    programs: np.ndarray


def measure_lengths(
    tokenizer: Tokenizer, text: TextConfig, *, num_mutants: int = 400, num_rows: int = 100_000, seed: int = 0
) -> LengthMix:
    """Measure a draw as it is before the policy has written anything that differs from its examples.

    A tenth of the rows are seed programs and their mutants with their tasks' prompts. In the others the prompt is an
    evaluation task's and the program any of these: a stand-in for the policy's, whose lengths follow what it learnt.

    Args:
        tokenizer: encodes both.
        text: the windows.
        num_mutants: depth-1 mutants of the built-in seed programs.
        num_rows: N.
        seed: of the mutants and of the draw.
    """
    training, evaluation = load_tasks("arc1/training"), load_tasks("arc1/evaluation")
    seeds = [row for row in load_programs("builtin") if row.task_id in training]
    with InterpreterPool(0, Limits()) as pool:
        mutants = generate_mutants(
            seeds,
            training,
            num_programs=num_mutants,
            seed=seed,
            pool=pool,
            method="d1",
            recipe="paper",
            limits=Limits(),
        ).mutants

    def prompt_length(demonstrations: Sequence[Example]) -> int:
        return len(tokenizer.encode_prompt(demonstrations, max_tokens=text.max_prompt_tokens).token_ids)

    rows = [(row.task_id, len(tokenizer.encode_program(str(row.program)))) for row in seeds]
    rows += [(row.task_id, len(tokenizer.encode_program(str(row.program)))) for row in mutants]
    # As a run does: programs that are too long are left out, not truncated.
    rows = [row for row in rows if row[1] <= text.max_program_tokens]
    own = {task.id: prompt_length(task.demonstrations) for task in training}
    searched = np.array([prompt_length(task.demonstrations) for task in evaluation])
    rng = np.random.default_rng(seed)
    chosen = [rows[index] for index in rng.integers(len(rows), size=num_rows)]
    prompts = np.array([own[task_id] for task_id, _ in chosen])
    # The policy's share of the rows: a search task's prompt with any of the programs.
    policy = rng.random(num_rows) < POLICY_SHARE
    prompts[policy] = rng.choice(searched, int(policy.sum()))
    return LengthMix(prompts=prompts, programs=np.array([length for _, length in chosen]))


def draw_of(mix: LengthMix) -> Draw:
    """Return a draw of rows of these lengths; every token is 3."""
    number = len(mix.prompts)
    # Planning looks at lengths alone, so all rows may share one run of an ordinary token.
    tokens = np.full(max(mix.prompts.max(), mix.programs.max()), 3, np.uint16)
    starts = np.zeros(number, np.int64)
    return Draw(
        prompts=TokenRows(tokens, starts, mix.prompts),
        programs=TokenRows(tokens, starts, mix.programs),
        origins=np.zeros(number, np.int8),
        performance=np.zeros(number, np.float32),
    )


def planned_share(model: PolicyModel, mix: LengthMix, text: TextConfig, sizes: BatchSizes) -> float:
    """Return the share of useful FLOPs when a draw of these lengths is split into batches."""
    draw = draw_of(mix)
    return useful_share(model, draw, plan_batches(draw, text, sizes, np.random.default_rng(0)))


def choose_buckets(
    model: PolicyModel, mix: LengthMix, num_prompt_buckets: int, num_program_buckets: int, *, multiple: int = 16
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Choose prompt and program buckets that make training on these lengths take few operations.

    Each axis is chosen exactly for the other's buckets, in turns: a local optimum.
    """
    # Begin with a bucket for every length, as if the other axis cost no padding.
    prompt_buckets = tuple(range(multiple, mix.prompts.max() + multiple, multiple))
    program_buckets = tuple(range(multiple, mix.programs.max() + multiple, multiple))
    for _ in range(ROUNDS):
        programs = _padded(mix.programs, program_buckets)
        prompt_buckets = choose_bucket_lengths(
            mix.prompts,
            num_buckets=num_prompt_buckets,
            multiple=multiple,
            row_costs=partial(row_flops, model, program_length=programs),
        )
        prompts = _padded(mix.prompts, prompt_buckets)
        program_buckets = choose_bucket_lengths(
            mix.programs,
            num_buckets=num_program_buckets,
            multiple=multiple,
            row_costs=partial(row_flops, model, prompts),
        )
    return prompt_buckets, program_buckets


def main(arguments: Sequence[str]) -> None:
    """Print shares and buckets for a configuration."""
    config = load_config([Path(arguments[0])], arguments[1:])
    tokenizer = load_tokenizer(config.text)
    model = build_model(config.model, tokenizer.vocabulary_size)
    training = config.training
    sizes = BatchSizes(batch_size=training.batch_size, tokens_per_device=training.tokens_per_device)
    mix = measure_lengths(tokenizer, config.text)
    prompts, programs = config.text.prompt_buckets, config.text.program_buckets
    best = choose_buckets(model, mix, len(prompts), len(programs))
    for name, buckets in (("configured", (prompts, programs)), ("best found", best)):
        text = replace(config.text, prompt_buckets=buckets[0], program_buckets=buckets[1])
        print(f"{name}: {planned_share(model, mix, text, sizes):.3f} with {buckets[0]} x {buckets[1]}")


def _padded(lengths: np.ndarray, buckets: Sequence[int]) -> np.ndarray:
    return np.asarray(buckets)[np.searchsorted(buckets, lengths)]


if __name__ == "__main__":
    main(sys.argv[1:])
