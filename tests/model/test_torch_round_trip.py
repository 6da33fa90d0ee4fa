"""Twin tests against live torch (marker `torch`): what we write transformers reads, and the reverse."""

import jax
import numpy as np
import optax
import pytest

from codeit_jax.config.errors import UserError
from codeit_jax.config.schema import ModelConfig
from codeit_jax.model import T5Model
from codeit_jax.model.huggingface import load_pretrained, save_pretrained
from codeit_jax.training.train_step import token_nll

pytestmark = pytest.mark.torch

SIZES = {"d_model": 16, "d_ff": 24, "d_kv": 4, "num_heads": 3, "num_encoder_layers": 2, "num_decoder_layers": 2}
SPECIAL = {"pad_id": 0, "end_id": 2, "start_id": 0}


def logits_of(model: T5Model, params, tokens, targets):
    network = model.bind(params)
    mask = np.ones(tokens.shape, bool)
    inputs = np.concatenate([np.zeros((len(targets), 1), np.int32), targets[:, :-1]], axis=1)
    return network.logits(network.decode(inputs, network.encode(tokens, mask), mask))


@pytest.fixture
def exported(random_params, tmp_path):
    model = T5Model(ModelConfig(**SIZES, dropout=0.0), 41)
    params = random_params(model, seed=3)
    save_pretrained(tmp_path, params, model, **SPECIAL)
    rng = np.random.default_rng(0)
    return model, params, tmp_path, rng.integers(3, 41, (2, 30)), rng.integers(3, 41, (2, 7))


def load_torch(folder):
    from transformers import T5ForConditionalGeneration

    loaded, report = T5ForConditionalGeneration.from_pretrained(folder, output_loading_info=True)
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    return loaded.eval()


def test_transformers_loads_our_export_with_equal_logits_and_back(exported, tmp_path):
    import torch

    model, params, folder, tokens, targets = exported
    theirs = load_torch(folder)
    with torch.no_grad():
        logits = theirs(input_ids=torch.tensor(tokens), labels=torch.tensor(targets)).logits.numpy()
    np.testing.assert_allclose(jax.jit(lambda p: logits_of(model, p, tokens, targets))(params), logits, atol=1e-4)
    theirs.save_pretrained(tmp_path / "again")
    jax.tree.map(np.testing.assert_array_equal, load_pretrained(tmp_path / "again", model.config, 41), params)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_what_torch_saves_is_read_bit_for_bit(exported, dtype):
    import torch

    model, params, folder, _, _ = exported
    theirs = load_torch(folder).to(getattr(torch, dtype))
    (folder / "model.safetensors").unlink()
    torch.save(theirs.state_dict(), folder / "pytorch_model.bin")
    found = load_pretrained(folder, model.config, 41)
    jax.tree.map(np.testing.assert_array_equal, found, jax.tree.map(lambda x: np.float32(x.astype(dtype)), params))


def test_the_format_before_torch_1_6_is_refused(exported):
    import torch

    model, _, folder, _, _ = exported
    theirs = load_torch(folder)
    (folder / "model.safetensors").unlink()
    torch.save(theirs.state_dict(), folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    with pytest.raises(UserError, match="torch 1.6"):
        load_pretrained(folder, model.config, 41)


def test_an_untied_gated_export_has_equal_logits(random_params, tmp_path):
    import torch

    model = T5Model(ModelConfig(**SIZES, dropout=0.0, tie_embeddings=False, feed_forward="gated-gelu"), 41)
    params = random_params(model, seed=5)
    save_pretrained(tmp_path, params, model, **SPECIAL)
    rng = np.random.default_rng(1)
    tokens, targets = rng.integers(3, 41, (2, 30)), rng.integers(3, 41, (2, 7))
    with torch.no_grad():
        result = load_torch(tmp_path)(input_ids=torch.tensor(tokens), labels=torch.tensor(targets))
    ours = jax.jit(lambda p: logits_of(model, p, tokens, targets))(params)
    np.testing.assert_allclose(ours, result.logits.numpy(), atol=1e-4)


def test_twenty_adamw_steps_have_torchs_losses(exported):
    import torch

    model, params, folder, tokens, targets = exported
    theirs = load_torch(folder)
    theirs_optimizer = torch.optim.AdamW(theirs.parameters(), lr=1e-3, weight_decay=0.01)
    optimizer = optax.adamw(1e-3, weight_decay=0.01)
    opt_state = optimizer.init(params)

    @jax.jit
    def step(params, opt_state):
        def loss_fn(p):
            total, count = token_nll(logits_of(model, p, tokens, targets), targets, np.ones(targets.shape, bool))
            return total / count.astype(np.float32)

        loss, gradient = jax.value_and_grad(loss_fn)(params)
        with jax.numpy_dtype_promotion("standard"):  # optax raises a float to the power of an integer step
            updates, opt_state = optimizer.update(gradient, opt_state, params)
        return optax.apply_updates(params, updates), opt_state, loss

    for _ in range(20):
        theirs_optimizer.zero_grad()
        their_loss = theirs(input_ids=torch.tensor(tokens), labels=torch.tensor(targets)).loss
        their_loss.backward()
        theirs_optimizer.step()
        params, opt_state, loss = step(params, opt_state)
        np.testing.assert_allclose(loss, their_loss.item(), rtol=2e-3)
