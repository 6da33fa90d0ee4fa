"""Golden test: with one candidate the sampling loop is greedy decoding, token for token transformers' `generate`."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codeit_jax.config import ModelConfig
from codeit_jax.model import T5Model
from codeit_jax.model.huggingface import load_pretrained
from codeit_jax.sampling.decoding import DecodingSettings, sample_tokens
from codeit_jax.sampling.policy import make_policy

DATA = Path(__file__).parents[1] / "model" / "data"
SETTINGS = DecodingSettings(max_tokens=20, segment=8, smallest_rung=1, top_k=1, start_id=0, end_id=2, pad_id=0)


@pytest.mark.parametrize("kind", ["relu-tied", "gated-gelu-untied"])
def test_greedy_decoding_equals_torch(kind):
    feed_forward, _, tie = kind.rpartition("-")
    config = ModelConfig(
        d_model=16,
        d_ff=24,
        d_kv=4,
        num_heads=3,
        num_encoder_layers=2,
        num_decoder_layers=2,
        feed_forward=feed_forward,
        tie_embeddings=tie == "tied",
        dropout=0.0,
    )
    params = load_pretrained(DATA / kind, config, 41)
    expected = np.load(DATA / kind / "expected.npz")
    sampled = sample_tokens(
        T5Model(config, 41),
        SETTINGS,
        make_policy(T5Model(config, 41), params),
        expected["tokens"],
        expected["mask"],
        jax.random.split(jax.random.key(0), (2, 1)),
        jnp.float32(1.0),
    )
    want = np.zeros((2, 20), np.int32)
    want[:, : expected["greedy"].shape[1]] = expected["greedy"]
    np.testing.assert_array_equal(np.asarray(sampled.tokens)[:, 0], want)
