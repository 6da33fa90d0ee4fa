"""Exact tests of the presets with decoders alone: as many parameters as are published, and what adapters add."""

import jax
import numpy as np
import pytest

from codeit_jax.config.loading import load_config
from codeit_jax.model import build_model
from codeit_jax.model.adapters import split_frozen

# Of the published checkpoints; and rank 16 times inputs and outputs of each adapted matrix.
SIZES = {
    "qwen_0_5b_lora": (494_032_768, 24 * 16 * (2 * (896 + 896) + 2 * (896 + 128)), 151_665),
    "mistral_7b_lora": (7_241_732_096, 32 * 16 * (2 * (4096 + 4096) + 2 * (4096 + 1024)), 32_000),
}


@pytest.mark.parametrize("name", SIZES)
def test_a_preset_has_the_published_number_of_parameters_and_learns_a_few(name):
    published, adapters, vocabulary_size = SIZES[name]
    model = build_model(load_config([name]).model, vocabulary_size)
    learned, frozen = split_frozen(model.abstract_params())
    counts = [sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(part)) for part in (frozen, learned)]
    assert counts == [published, adapters]
    assert model.num_parameters() == published + adapters


def test_the_small_decoder_has_as_many_parameters_as_the_small_t5_outside_the_embedding():
    sizes = {}
    for name in ("tiny_cpu", "llama_tiny"):
        model = build_model(load_config([name]).model, 1_603)
        sizes[name] = model.num_parameters() - 1_603 * model.config.d_model
    assert sizes["llama_tiny"] == pytest.approx(sizes["tiny_cpu"], rel=0.01)
