"""Golden and exact tests of the network: against transformers' torch T5, and against its own slower forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from codeit_jax.config.schema import ModelConfig
from codeit_jax.model import Params, T5Model
from codeit_jax.model.huggingface import load_pretrained, save_pretrained
from codeit_jax.model.t5 import relative_buckets
from codeit_jax.training.train_step import token_nll

pytestmark = pytest.mark.floats


def teacher_forced(model: T5Model, params: Params, expected: dict[str, np.ndarray]) -> Array:
    network = model.bind(params)
    targets = expected["targets"]
    inputs = np.concatenate([np.zeros((len(targets), 1), np.int32), targets[:, :-1]], axis=1)
    encoded = network.encode(expected["tokens"], expected["mask"])
    return network.logits(network.decode(inputs, encoded, expected["mask"]))


def test_logits_equal_torch(golden):
    model, params, expected = golden
    logits = jax.jit(lambda p: teacher_forced(model, p, expected))(params)
    np.testing.assert_allclose(logits, expected["logits"], atol=1e-4)
    assert np.std(expected["logits"]) > 0.3  # numbers that could be wrong


def test_loss_and_gradient_norm_equal_torch(golden):
    model, params, expected = golden

    def loss(p: Params) -> Array:
        mask = np.ones(expected["targets"].shape, bool)
        total, count = token_nll(teacher_forced(model, p, expected), expected["targets"], mask)
        return total / count.astype(jnp.float32)

    value, gradient = jax.jit(jax.value_and_grad(loss))(params)
    norm = np.sqrt(sum(np.square(leaf).sum() for leaf in jax.tree.leaves(gradient)))
    np.testing.assert_allclose(value, expected["loss"], rtol=1e-5)
    np.testing.assert_allclose(norm, expected["grad_norm"], rtol=1e-4)


def test_export_reads_back_bit_equal(golden, tmp_path):
    model, params, _ = golden
    save_pretrained(tmp_path, params, model, pad_id=0, end_id=2, start_id=0)
    again = load_pretrained(tmp_path, model.config, model.vocabulary_size)
    jax.tree.map(np.testing.assert_array_equal, again, params)


def test_relative_buckets_against_a_scan():
    """Every distance on its own: half exact, half logarithmic, both directions apart."""

    def one(distance: int, bidirectional: bool) -> int:
        offset, buckets = 0, 32
        if bidirectional:
            buckets = 16
            offset, distance = (16, distance) if distance > 0 else (0, -distance)
        else:
            distance = max(-distance, 0)
        if distance < buckets // 2:
            return offset + distance
        exact = buckets // 2
        large = exact + int(np.log(distance / exact) / np.log(128 / exact) * (buckets - exact) + 1e-9)
        return offset + min(large, buckets - 1)

    positions = np.arange(300)
    for bidirectional in (True, False):
        table = relative_buckets(positions, positions, bidirectional=bidirectional, num_buckets=32, max_distance=128)
        want = [[one(int(k - q), bidirectional) for k in positions[::7]] for q in positions[::11]]
        np.testing.assert_array_equal(table[::11, ::7], want)


def test_padding_changes_nothing(golden):
    model, params, expected = golden
    network = model.bind(params)
    row = expected["tokens"][1:, :97]
    short = network.encode(row, np.ones((1, 97), bool))
    padded = network.encode(np.pad(row, ((0, 0), (0, 31))), np.arange(128)[None] < 97)
    np.testing.assert_allclose(padded[:, :97], short, atol=1e-5)


def test_one_head_after_another_is_all_heads_at_once(golden):
    model, params, expected = golden
    network = model.bind(params)
    at_once, by_head = (network.encode(expected["tokens"], expected["mask"], by_head=flag) for flag in (False, True))
    np.testing.assert_allclose(by_head, at_once, atol=1e-5)


def test_allowed_tokens_are_columns_of_the_full_head(golden):
    model, params, expected = golden
    network = model.bind(params)
    hidden = jax.random.normal(jax.random.key(0), (3, 16))
    chosen = np.array([1, 5, 40])
    # Two shapes of product add their 16 terms, each about 1, in other orders; how depends on the processor.
    np.testing.assert_allclose(network.logits(hidden, chosen), network.logits(hidden)[:, chosen], atol=1e-5)


def test_dropout_needs_a_key_and_changes_with_it(random_params):
    model = T5Model(
        ModelConfig(d_model=16, d_ff=16, d_kv=4, num_heads=2, num_encoder_layers=2, num_decoder_layers=1), 20
    )
    params = random_params(model)
    tokens, mask = jnp.ones((1, 8), jnp.int32), jnp.ones((1, 8), bool)
    encode = jax.jit(lambda key: model.bind(params).encode(tokens, mask, key))
    plain, a, b = (np.asarray(encode(key)) for key in (None, jax.random.key(1), jax.random.key(2)))
    assert not np.allclose(a, b)
    assert not np.allclose(a, plain)
    np.testing.assert_array_equal(a, encode(jax.random.key(1)))
