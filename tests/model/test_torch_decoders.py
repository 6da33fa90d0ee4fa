"""Twin tests against live torch (marker `torch`): transformers' Llama, Mistral and Qwen2 with random weights.

Logits, loss, gradients, greedy programs, twenty steps of AdamW, files in and out.
"""

import copy
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from codeit_jax.config.schema import ModelConfig
from codeit_jax.model import build_model
from codeit_jax.model.adapters import leaves
from codeit_jax.model.families import FAMILIES
from codeit_jax.model.huggingface import get_leaf, load_pretrained, save_pretrained
from codeit_jax.model.published_config import SpecialIds
from codeit_jax.sampling.decoding import DecodingSettings, sample_tokens
from codeit_jax.sampling.output_head import make_policy
from codeit_jax.sampling.sampler import sample_keys
from codeit_jax.training import TrainBatch
from codeit_jax.training.train_step import batch_gradient

pytestmark = pytest.mark.torch

VOCABULARY, START, END, PAD = 43, 1, 2, 0
SIZES = {
    "d_model": 16,
    "d_ff": 24,
    "d_kv": 6,
    "num_heads": 4,
    "num_kv_heads": 2,
    "num_decoder_layers": 3,
    "dropout": 0.0,
    "norm_epsilon": 1e-5,
}
KINDS = {
    "llama": {"tie_embeddings": False},
    "llama, linear, biases": {
        "rope_scaling": "linear",
        "rope_factor": 2.5,
        "attention_bias": True,
        "feed_forward_bias": True,
    },
    "llama, llama3": {
        "rope_scaling": "llama3",
        "rope_factor": 8.0,
        "rope_theta": 5e3,
        "rope_length": 32,
        "tie_embeddings": False,
        "num_kv_heads": 1,
    },
    "llama, dynamic": {"rope_scaling": "dynamic", "rope_factor": 2.0, "rope_length": 8, "rope_window": 18},
    "mistral": {"sliding_window": 5, "rope_theta": 1e6, "tie_embeddings": False},
    "qwen2": {"tie_embeddings": True, "rope_theta": 1e6},
    "qwen2, some windows": {"sliding_window": 6, "num_full_layers": 1, "num_kv_heads": None},
}
# A dynamic base follows each sequence there, the longest one of a run here: the same where all are as long, as below,
# and another one at each token that `generate` adds.
FIXED = [kind for kind in KINDS if "dynamic" not in kind]
PROMPT, PROGRAM = 12, 6


def lengths_of(config):
    return np.array([12, 12 if config.rope_scaling == "dynamic" else 7])


@pytest.fixture(scope="module", params=KINDS)
def both(request, tmp_path_factory):
    """A configuration, torch's network, its files, and our parameters read from them."""
    import torch
    import transformers

    config = ModelConfig(family=request.param.split(",")[0], **(SIZES | KINDS[request.param]))
    folder = tmp_path_factory.mktemp("theirs")
    model = build_model(config, VOCABULARY)
    special = FAMILIES[config.family].describe_config(config, VOCABULARY, SpecialIds(pad=PAD, start=START, end=END))
    (folder / "config.json").write_text(json.dumps(special))
    loader = getattr(transformers, FAMILIES[config.family].loader)
    torch.manual_seed(0)
    theirs = loader(transformers.AutoConfig.from_pretrained(folder, attn_implementation="eager")).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            noise = torch.randn(parameter.shape) * (0.3 if parameter.ndim > 1 else 0.2)
            parameter.copy_(noise + (parameter if parameter.ndim == 1 else 0))
    theirs.save_pretrained(folder)
    return config, model, theirs, folder, load_pretrained(folder, config, VOCABULARY)


def batch_of(config, seed=0) -> TrainBatch:
    rng = np.random.default_rng(seed)
    targets = rng.integers(3, VOCABULARY, (2, PROGRAM)).astype(np.int32)
    targets[1, 4:] = PAD
    return TrainBatch(
        encoder_input_tokens=rng.integers(3, VOCABULARY, (2, PROMPT)).astype(np.int32),
        encoder_mask=np.arange(PROMPT)[None] < lengths_of(config)[:, None],
        decoder_input_tokens=np.insert(targets, 0, START, axis=1)[:, :PROGRAM].astype(np.int32),
        decoder_target_tokens=targets,
        loss_mask=np.arange(PROGRAM)[None] < np.array([[6], [4]]),
    )


def their_logits(theirs, batch):
    """Each row by itself, without padding: prompt, start token, program."""
    import torch

    rows = []
    for row, length in enumerate(batch.encoder_mask.sum(axis=1)):
        tokens = np.concatenate([batch.encoder_input_tokens[row, :length], batch.decoder_input_tokens[row]])
        rows.append(theirs(input_ids=torch.tensor(tokens[None].astype(np.int64))).logits[0, length:])
    return torch.stack(rows)


def their_loss(theirs, batch):
    import torch

    logits = their_logits(theirs, batch)
    targets = torch.tensor(np.where(batch.loss_mask, batch.decoder_target_tokens, -100).astype(np.int64))
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def test_logits_are_transformers(both):
    import torch

    config, model, theirs, _, params = both
    batch = batch_of(config)

    @jax.jit
    def ours(params):
        network = model.bind(params)
        states = network.program_states(
            batch.encoder_input_tokens, batch.encoder_mask, batch.decoder_input_tokens, None
        )
        return network.logits(states)

    with torch.no_grad():
        wanted = their_logits(theirs, batch).numpy()
    np.testing.assert_allclose(ours(params), wanted, atol=1e-4)
    assert np.std(wanted) > 0.1


def test_loss_gradients_and_twenty_steps_of_adamw_are_torchs(both):
    import torch

    config, model, theirs, _, params = both
    theirs = copy.deepcopy(theirs)
    batch = batch_of(config)
    parts = jax.tree.map(lambda array: jnp.asarray(array)[None], batch)
    optimizer = optax.adamw(1e-3, weight_decay=0.01)
    their_optimizer = torch.optim.AdamW(theirs.parameters(), lr=1e-3, weight_decay=0.01)
    state = optimizer.init(params)

    @jax.jit
    def step(params, state):
        loss, _, gradient = batch_gradient(model, params, parts, jax.random.key(0))
        with jax.numpy_dtype_promotion("standard"):  # optax raises a float to the power of an integer step
            updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state, loss, gradient

    names = dict(theirs.named_parameters())
    for number in range(20):
        their_optimizer.zero_grad()
        their = their_loss(theirs, batch)
        their.backward()
        params, state, loss, gradient = step(params, state)
        np.testing.assert_allclose(loss, their.item(), rtol=1e-5 if number == 0 else 2e-3)
        if number == 0:
            compare_gradients(config, gradient, names)
        their_optimizer.step()


def compare_gradients(config, gradient, names):
    for published in FAMILIES[config.family].tensors(config, VOCABULARY):
        ours = np.asarray(get_leaf(gradient, published.path))
        rows = ours if published.is_stacked else [ours]
        for name, row in zip(published.names, rows, strict=True):
            wanted = names[name].grad.numpy()
            matrix = row if published.is_table else row.reshape(published.shape[::-1]).T
            np.testing.assert_allclose(matrix, wanted, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("both", FIXED, indirect=True)
def test_greedy_programs_are_generates(both):
    import torch

    config, model, theirs, _, params = both
    batch = batch_of(config, 3)
    settings = DecodingSettings(
        max_tokens=10, segment=4, smallest_compaction=99, top_k=0, start_id=START, end_id=END, pad_id=PAD
    )
    arguments = jnp.asarray(batch.encoder_input_tokens), jnp.asarray(batch.encoder_mask)
    keys = sample_keys(jax.random.key(0), ["a", "b"], 1)
    drawn = sample_tokens(model, settings, make_policy(model, params), *arguments, keys, jnp.float32(0))
    for row, length in enumerate(lengths_of(config)):
        tokens = np.append(batch.encoder_input_tokens[row, :length], START)
        with torch.no_grad():
            written = theirs.generate(
                torch.tensor(tokens[None].astype(np.int64)),
                max_new_tokens=10,
                do_sample=False,
                eos_token_id=END,
                pad_token_id=PAD,
            )[0, length + 1 :].numpy()
        assert np.asarray(drawn.tokens)[row, 0, : len(written)].tolist() == written.tolist()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_files_come_back_bit_for_bit(both, dtype, tmp_path):
    """Theirs, in shards of that type, read here, written here in shards, read there: every number the same."""
    import torch

    config, model, theirs, _, _ = both
    stored = type(theirs).from_pretrained(both[3], dtype=getattr(torch, dtype))
    stored.save_pretrained(tmp_path / "theirs", max_shard_size="6KB")
    assert len(list(Path(tmp_path / "theirs").glob("*.safetensors"))) > 1
    params = load_pretrained(tmp_path / "theirs", config, VOCABULARY, dtype=jnp.dtype(dtype))
    assert {leaf.dtype.name for _, leaf in leaves(params)} == {dtype}
    save_pretrained(tmp_path / "ours", params, model, pad_id=PAD, end_id=END, start_id=START, shard_bytes=6_000)
    assert len(list(Path(tmp_path / "ours").glob("*.safetensors"))) > 1
    again, report = type(theirs).from_pretrained(
        tmp_path / "ours", output_loading_info=True, dtype=getattr(torch, dtype)
    )
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    for (name, ours), (_, wanted) in zip(again.named_parameters(), stored.named_parameters(), strict=True):
        assert torch.equal(ours, wanted), name
