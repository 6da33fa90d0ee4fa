"""Twin tests against live torch (marker `torch`): adapters that PEFT reads from us, and we from PEFT."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codeit_jax.config.errors import UserError
from codeit_jax.config.schema import ModelConfig
from codeit_jax.model import build_model
from codeit_jax.model.adapters import merge, split_frozen
from codeit_jax.model.families import FAMILIES
from codeit_jax.model.huggingface import load_pretrained, save_pretrained
from codeit_jax.model.peft import load_adapters, save_adapters

pytestmark = pytest.mark.torch

SIZES = {"d_model": 16, "d_ff": 24, "d_kv": 4, "num_heads": 4, "num_decoder_layers": 2, "dropout": 0.0}
LORA = {"lora_rank": 3, "lora_alpha": 5.0}
ALL = ("query", "key", "value", "output", "inner", "gate", "outer")
KINDS = {
    "t5, two matrices": ModelConfig(num_encoder_layers=2, **SIZES, **LORA),
    "t5, all": ModelConfig(num_encoder_layers=1, feed_forward="gated-gelu", lora_targets=ALL, **SIZES, **LORA),
    "qwen2, all": ModelConfig(family="qwen2", num_kv_heads=2, lora_targets=ALL, **SIZES, **LORA),
    "llama, two": ModelConfig(family="llama", lora_targets=("key", "outer"), **SIZES, **LORA),
}
SPECIAL = {"pad_id": 0, "end_id": 2, "start_id": 1}


@pytest.fixture(params=KINDS)
def saved(request, random_params, tmp_path):
    """A model with adapters, its parameters, and the folders of its base and of its adapters."""
    model = build_model(KINDS[request.param], 41)
    params = jax.device_get(random_params(model, seed=2))
    base = build_model(replace(model.config, lora_rank=0), 41)
    learned, frozen = split_frozen(params)
    save_pretrained(tmp_path / "base", frozen, base, **SPECIAL)
    save_adapters(tmp_path / "adapters", params, model)
    return model, params, learned, tmp_path


def logits_of(model, params, prompts, inputs):
    network = model.bind(params)
    return network.logits(network.program_states(prompts, np.ones(prompts.shape, bool), inputs, None))


def their_logits(theirs, family, prompts, inputs):
    import torch

    with torch.no_grad():
        if family == "t5":
            result = theirs(input_ids=torch.tensor(prompts), decoder_input_ids=torch.tensor(inputs))
            return result.logits.numpy()
        tokens = np.concatenate([prompts, inputs], axis=1)
        return theirs(input_ids=torch.tensor(tokens)).logits[:, prompts.shape[1] :].numpy()


def test_peft_reads_our_adapters_with_equal_logits_and_back(saved):
    import peft
    import transformers

    model, params, learned, folder = saved
    loader = getattr(transformers, FAMILIES[model.config.family].loader)
    theirs = peft.PeftModel.from_pretrained(loader.from_pretrained(folder / "base"), folder / "adapters").eval()
    rng = np.random.default_rng(0)
    prompts, inputs = rng.integers(3, 41, (2, 9)), rng.integers(3, 41, (2, 5))
    ours = jax.jit(logits_of, static_argnums=0)(model, params, prompts, inputs)
    wanted = their_logits(theirs, model.config.family, prompts, inputs)
    np.testing.assert_allclose(ours, wanted, atol=1e-4)
    theirs.save_pretrained(folder / "again")
    jax.tree.map(np.testing.assert_array_equal, load_adapters(folder / "again", model), learned)
    with theirs.disable_adapter():
        without = their_logits(theirs, model.config.family, prompts, inputs)
    assert np.abs(without - wanted).max() > 1e-2
    # Merged, by both: the matrices, up to rounding.
    theirs.merge_and_unload().save_pretrained(folder / "merged")
    found = load_pretrained(folder / "merged", replace(model.config, lora_rank=0), 41)
    merged = merge(params, model.config)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), found, merged)


def test_adapters_of_another_configuration_are_refused(saved):
    model, _, _, folder = saved
    for change in ({"lora_rank": 2}, {"lora_alpha": 7.0}, {"lora_targets": ("value",)}):
        other = build_model(replace(model.config, **change), 41)
        with pytest.raises(UserError, match="adapter_config.json: .* as configured"):
            load_adapters(folder / "adapters", other)


def test_fresh_adapters_add_nothing(saved):
    model, _, _, _ = saved
    fresh, _ = split_frozen(model.init(jax.random.key(0)))
    scales = jax.tree_util.tree_leaves_with_path(fresh)
    assert all((jnp.abs(leaf).max() > 0) == ("lora_a" in jax.tree_util.keystr(path)) for path, leaf in scales)
