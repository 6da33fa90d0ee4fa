"""Golden test: with one candidate the sampling loop is greedy decoding, token for token transformers' `generate`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codeit_jax.sampling.decoding import DecodingSettings, sample_tokens
from codeit_jax.sampling.output_head import make_policy

pytestmark = pytest.mark.floats
SETTINGS = DecodingSettings(max_tokens=20, segment=8, smallest_compaction=1, top_k=1, start_id=0, end_id=2, pad_id=0)


def test_greedy_decoding_equals_torch(golden):
    model, params, expected = golden
    sampled = sample_tokens(
        model,
        SETTINGS,
        make_policy(model, params),
        expected["tokens"],
        expected["mask"],
        jax.random.split(jax.random.key(0), (2, 1)),
        jnp.float32(1.0),
    )
    want = np.zeros((2, 20), np.int32)
    want[:, : expected["greedy"].shape[1]] = expected["greedy"]
    np.testing.assert_array_equal(np.asarray(sampled.tokens)[:, 0], want)
