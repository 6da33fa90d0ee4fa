"""Twin and exact tests of the count of operations: against XLA's own count, and by hand."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from codeit_jax.config.schema import ModelConfig
from codeit_jax.model import T5Model, build_model
from codeit_jax.training.throughput import peak_flops, row_flops
from codeit_jax.training.train_step import token_nll

SIZES = {"d_model": 32, "d_ff": 96, "d_kv": 8, "num_heads": 2, "num_encoder_layers": 1, "num_decoder_layers": 1}


@pytest.mark.parametrize("feed_forward", ["relu", "gated-gelu"])
def test_the_forward_pass_takes_the_operations_that_xla_counts(feed_forward):
    """XLA also counts elementwise operations, few beside the products; its loops are counted once, hence one layer."""
    model = T5Model(ModelConfig(**SIZES, dropout=0.0, feed_forward=feed_forward), 500)
    length, target_length = 96, 32

    def loss(params, tokens, targets):
        network, mask = model.bind(params), np.ones((1, length), bool)
        hidden = network.decode(targets, network.encode(tokens, mask), mask)
        return token_nll(network.logits(hidden), targets, np.ones((1, target_length), bool))

    arrays = [jax.ShapeDtypeStruct((1, n), np.int32) for n in (length, target_length)]
    counted = jax.jit(loss).lower(model.abstract_params(), *arrays).cost_analysis()["flops"]
    assert counted == pytest.approx(row_flops(model, length, target_length) / 3, rel=0.15)


def test_a_decoder_alone_takes_the_operations_that_xla_counts():
    """One layer, as above; the head over the program's tokens alone. Adapters save the gradients of the matrices."""
    config = ModelConfig(**SIZES, family="llama", num_kv_heads=1, dropout=0.0)
    model = build_model(config, 500)
    length, target_length = 96, 32

    def loss(params, tokens, targets):
        network, mask = model.bind(params), np.ones((1, length), bool)
        logits = network.logits(network.program_states(tokens, mask, targets, None))
        return token_nll(logits, targets, np.ones((1, target_length), bool))

    arrays = [jax.ShapeDtypeStruct((1, n), np.int32) for n in (length, target_length)]
    counted = jax.jit(loss).lower(model.abstract_params(), *arrays).cost_analysis()["flops"]
    flops = row_flops(model, length, target_length)
    assert counted == pytest.approx(flops / 3, rel=0.15)
    adapted = build_model(replace(config, lora_rank=2), 500)
    assert row_flops(adapted, length, target_length) == pytest.approx(flops * 2 / 3)


def test_operations_of_published_sizes():
    """143 and 566 GFLOP for 60M and 220M at the mean lengths of CodeT5's tokens, the head over all its vocabulary."""
    small = {"d_model": 512, "d_ff": 2048, "num_heads": 8, "num_encoder_layers": 6, "num_decoder_layers": 6}
    base = {"d_model": 768, "d_ff": 3072, "num_heads": 12, "num_encoder_layers": 12, "num_decoder_layers": 12}
    counts = [row_flops(T5Model(ModelConfig(**size), 32100), 650, 150) for size in (small, base)]
    np.testing.assert_allclose(counts, [143e9, 566e9], rtol=0.05)


def test_lengths_can_be_arrays():
    model = T5Model(ModelConfig(**SIZES), 500)
    lengths, targets = np.array([3, 70]), np.array([9, 1])
    both = row_flops(model, lengths, targets)
    assert both.tolist() == [row_flops(model, 3, 9), row_flops(model, 70, 1)]


@pytest.mark.parametrize(
    ("kinds", "peak"),
    [
        (["NVIDIA H100 80GB HBM3"], 989e12),
        (["NVIDIA H100 PCIe"], 756e12),
        (["NVIDIA H200"], 989e12),
        (["NVIDIA A100-SXM4-80GB"] * 2, 624e12),
        (["TPU v4"], 275e12),
        (["TPU v5 lite"] * 4, 788e12),
        (["TPU v5p"], 459e12),
        (["TPU v6e"], 918e12),
        (["cpu"], None),
        (["TPU v4", "abacus"], None),
    ],
)
def test_peaks_of_known_devices(kinds, peak):
    assert peak_flops(kinds) == peak
