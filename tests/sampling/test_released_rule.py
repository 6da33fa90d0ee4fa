"""Exact and contract tests of the released code's rule: the end is forced after a token that no program contains."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codeit_jax.config.errors import UserError
from codeit_jax.config.schema import HardwareConfig, ModelConfig, SamplingConfig
from codeit_jax.model import T5Model
from codeit_jax.parallel import make_mesh
from codeit_jax.sampling import Sampler
from codeit_jax.sampling.automaton import stop_at_bad_token
from codeit_jax.sampling.decoding import DecodingSettings, sample_tokens
from codeit_jax.sampling.output_head import make_policy
from codeit_jax.text import build_tokenizer

PROGRAM_TOKENS = [1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
END = 2
MODEL = T5Model(
    ModelConfig(d_model=16, d_ff=16, d_kv=4, num_heads=2, num_encoder_layers=1, num_decoder_layers=1, dropout=0.0), 20
)


def test_only_the_end_may_follow_a_bad_token():
    rule = stop_at_bad_token(PROGRAM_TOKENS, 20, END)
    state = rule.start(2)
    assert rule.allowed(state).all()
    state = rule.advance(state, jnp.array([5, 17]))
    np.testing.assert_array_equal(rule.allowed(state)[0], np.ones(20, bool))
    np.testing.assert_array_equal(np.flatnonzero(rule.allowed(state)[1]), [END])


def test_samples_end_right_after_their_first_bad_token(random_params):
    settings = DecodingSettings(
        max_tokens=12, segment=12, smallest_compaction=99, top_k=0, start_id=0, end_id=END, pad_id=0
    )
    tokens = jnp.arange(3, 11)[None].repeat(2, 0)
    sampled = sample_tokens(
        MODEL,
        settings,
        make_policy(MODEL, random_params(MODEL)),
        tokens,
        tokens > 0,
        jax.random.split(jax.random.key(0), (2, 50)),
        jnp.float32(3.0),
        stop_at_bad_token(PROGRAM_TOKENS, 20, END),
    )
    num_bad = 0
    for row in np.asarray(sampled.tokens).reshape(100, 12):
        ends = np.flatnonzero(row == END)
        drawn = row[: ends[0]] if len(ends) else row
        bad = np.flatnonzero(~np.isin(drawn, PROGRAM_TOKENS))
        assert len(bad) == 0 or bad[0] == len(drawn) - 1  # nothing but the end, or the cut, comes after it
        num_bad += len(bad)
    assert 20 < num_bad < 100


def make_sampler(**sampling) -> Sampler:
    tokenizer = build_tokenizer("native")
    return Sampler(
        T5Model(MODEL.config, tokenizer.vocabulary_size),
        tokenizer,
        SamplingConfig(**sampling),
        prompt_buckets=(32,),
        max_program_tokens=8,
        mesh=make_mesh(HardwareConfig(), jax.devices()[:1]),
    )


def test_the_rule_needs_the_whole_vocabulary_and_the_others_do_not_take_it():
    make_sampler(grammar="released", vocabulary="full")
    with pytest.raises(UserError, match="'released' with the native tokenizer .* 'program', expected 'full'"):
        make_sampler(grammar="released")
    with pytest.raises(UserError, match="'typed' with the native tokenizer and .* 'full', expected 'program'"):
        make_sampler(grammar="typed", vocabulary="full")
