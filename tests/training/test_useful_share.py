"""Exact tests of how much arithmetic padding costs, on lengths measured once: 10,000 rows of a run's first draw.

`data/*_lengths.npz` hold what `codeit_jax.bench.length_mix.measure_lengths` found with the built-in seed programs, by
the native tokenizer and by CodeT5's (whose files aren't ours to keep).
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codeit_jax.bench.length_mix import LengthMix, choose_buckets, draw_of, planned_share
from codeit_jax.config.loading import load_config
from codeit_jax.config.schema import Config, TextConfig
from codeit_jax.model import T5Model
from codeit_jax.training.batches import BatchSizes, plan_batches
from codeit_jax.training.throughput import row_flops, useful_share

DATA = Path(__file__).parent / "data"
CONFIGS = Path(__file__).parents[2] / "configs"


def measured(tokenizer, repeats=1):
    columns = np.load(DATA / f"{tokenizer}_lengths.npz")
    return LengthMix(**{name: np.tile(columns[name].astype(np.int64), repeats) for name in columns.files})


def sizes_of(config):
    return BatchSizes(batch_size=config.training.batch_size, tokens_per_device=config.training.tokens_per_device)


@pytest.mark.parametrize(
    ("config", "tokenizer", "vocabulary_size", "least"),
    # With parts of shapes of their own it was 0.90 and 0.83; those of a scan all have the shape of their batch.
    [("codet5p_220m.yaml", "bpe", 32_100, 0.88), (None, "native", 1_603, 0.81)],
)
def test_the_buckets_of_the_presets_waste_little(config, tokenizer, vocabulary_size, least):
    config = Config() if config is None else load_config([CONFIGS / config])
    assert len(sizes_of(config).shapes(config.text)) <= 48
    model = T5Model(load_config([CONFIGS / "codet5p_220m.yaml"]).model, vocabulary_size)
    mix = measured(tokenizer, repeats=10)  # as many rows as the paper draws
    assert planned_share(model, mix, config.text, sizes_of(config)) >= least


def test_chosen_buckets_waste_less_than_evenly_spaced_ones():
    model, mix, sizes = (
        T5Model(Config().model, 32_100),
        measured("bpe"),
        BatchSizes(batch_size=32, tokens_per_device=8192),
    )
    prompts, programs = choose_buckets(model, mix, 5, 3, multiple=32)
    assert (len(prompts), len(programs)) == (5, 3)
    chosen = TextConfig(prompt_buckets=prompts, program_buckets=programs)
    even = TextConfig(prompt_buckets=(208, 416, 624, 832, 1024), program_buckets=(144, 288, 432))
    assert planned_share(model, mix, chosen, sizes) > planned_share(model, mix, even, sizes) + 0.02


def test_the_share_counts_operations_of_every_part():
    model, text = T5Model(Config().model, 500), TextConfig(prompt_buckets=(8, 16), program_buckets=(4,))
    mix = LengthMix(prompts=np.array([8, 8, 9]), programs=np.array([4, 2, 4]))
    draw, sizes = draw_of(mix), BatchSizes(batch_size=4, tokens_per_device=40)
    plan = plan_batches(draw, text, sizes, np.random.default_rng(0))
    assert [batch.shape for batch in plan] == [(2, 2, 16, 4)]
    useful = row_flops(model, 8, 4) + row_flops(model, 8, 2) + row_flops(model, 9, 4)
    padded = 4 * row_flops(model, 16, 4)
    assert useful_share(model, draw, plan) == pytest.approx(useful / padded)
    full = replace(mix, prompts=np.array([8, 8, 16]), programs=np.array([4, 4, 4]))
    assert useful_share(model, draw_of(full), plan[:0]) == 1.0
