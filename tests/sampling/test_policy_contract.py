"""Contract tests of the surface that sampling and training see, for every family: what `docs/policies.md` promises."""

import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from codeit_jax.config.schema import HardwareConfig, ModelConfig
from codeit_jax.model import PolicyModel, build_model
from codeit_jax.model.adapters import join, leaves, merge, split_frozen
from codeit_jax.model.huggingface import load_pretrained, save_pretrained
from codeit_jax.parallel import batch_sharding, make_mesh, param_shardings
from codeit_jax.parallel.sharding_rules import RULES
from codeit_jax.sampling.decoding import DecodingSettings, sample_tokens
from codeit_jax.sampling.encoding import EncoderParts
from codeit_jax.sampling.output_head import make_policy
from codeit_jax.sampling.sampler import sample_keys
from codeit_jax.training import TrainBatch
from codeit_jax.training.train_step import batch_gradient, part_nll

pytestmark = pytest.mark.floats

VOCABULARY, START, END, PAD = 30, 1, 2, 0
SIZES = {"d_model": 16, "d_ff": 24, "d_kv": 4, "num_heads": 4, "num_decoder_layers": 2, "dropout": 0.0}
ALL = ("query", "key", "value", "output", "inner", "gate", "outer")
FAMILIES = {
    "t5": ModelConfig(family="t5", num_encoder_layers=2, **SIZES),
    "llama": ModelConfig(
        family="llama", num_kv_heads=2, attention_bias=True, feed_forward_bias=True, tie_embeddings=False, **SIZES
    ),
    "mistral": ModelConfig(family="mistral", num_kv_heads=1, sliding_window=5, **SIZES),
    "qwen2": ModelConfig(family="qwen2", sliding_window=6, num_full_layers=1, **SIZES),
    "t5, adapters": ModelConfig(family="t5", num_encoder_layers=1, lora_rank=3, lora_targets=ALL, **SIZES),
    "qwen2, adapters": ModelConfig(family="qwen2", num_kv_heads=2, lora_rank=3, lora_targets=ALL, **SIZES),
}
# Of the parameters, where with seed 0 no sample comes to its end.
SEEDS = {"t5": 3, "t5, adapters": 3, "qwen2, adapters": 4}
SETTINGS = DecodingSettings(
    max_tokens=8, segment=8, smallest_compaction=99, top_k=0, start_id=START, end_id=END, pad_id=PAD
)
# A cache that grows, rows that are packed into fewer and fewer, prompts that are read in parts and head by head.
PACKED = replace(
    SETTINGS, segment=4, smallest_compaction=2, encoder_parts=EncoderParts(pairs=100, by_head=True), num_groups=4
)
PROMPTS, SAMPLES, LENGTH = 4, 4, 10
LENGTHS = np.array([10, 7, 3, 0])  # the last one fills up the batch
TEMPERATURE = np.float32(0.9)


@pytest.fixture(
    scope="module",
    params=[name if name == "mistral" else pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES],
)
def policy(request, random_params):
    """A network with parameters that make peaked distributions, so that a wrong logit changes tokens."""
    model = build_model(FAMILIES[request.param], VOCABULARY)
    params = random_params(model, SEEDS.get(request.param, 0))
    scale = 2.0 if model.config.family == "t5" else 1.0
    for table in ("embedding", "head"):
        if table in params:
            params[table] = params[table] * scale
    return model, params


def prompts_of(seed=0):
    tokens = np.random.default_rng(seed).integers(3, VOCABULARY, (PROMPTS, LENGTH)).astype(np.int32)
    return tokens, np.arange(LENGTH)[None] < LENGTHS[:, None]


def draw(policy, keys, *, settings=SETTINGS, repeat=1, prompts=None, mesh=None):
    model, params = policy
    arrays = *(np.repeat(array, repeat, axis=0) for array in prompts or prompts_of()), keys
    made = make_policy(model, params)
    if mesh is not None:
        arrays = jax.device_put(arrays, batch_sharding(mesh))
        made = make_policy(model, jax.device_put(params, param_shardings(mesh, params)))
    return jax.device_get(sample_tokens(model, settings, made, *arrays, TEMPERATURE))


def keys_of(seed=5):
    return sample_keys(jax.random.key(seed), ["a", "b", "c", ""], SAMPLES)


def equal(one, other):
    np.testing.assert_array_equal(one.tokens.reshape(-1), other.tokens.reshape(-1))
    np.testing.assert_allclose(one.log_probs.reshape(-1), other.log_probs.reshape(-1), rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(one.finished.reshape(-1), other.finished.reshape(-1))


def test_samples_are_those_of_their_seed_prompts_are_shared_and_packing_changes_nothing(policy):
    drawn = draw(policy, keys_of())
    equal(draw(policy, keys_of()), drawn)
    assert (draw(policy, keys_of(6)).tokens != drawn.tokens).any()
    # Each sample's prompt by itself, in a row of its own.
    equal(draw(policy, keys_of().reshape(-1, 1), repeat=SAMPLES), drawn)
    equal(draw(policy, keys_of(), settings=replace(PACKED, num_groups=1)), drawn)
    assert drawn.finished[:3].any()
    assert not drawn.finished[:3].all()
    assert (drawn.tokens[3] == PAD).all()


def test_what_is_drawn_token_by_token_has_the_probability_of_the_whole(policy):
    """The cache against teacher forcing: every sample's log-probability again, from whole programs."""
    model, params = policy
    drawn = draw(policy, keys_of())
    tokens, mask = prompts_of()
    targets = drawn.tokens.reshape(-1, SETTINGS.max_tokens)

    @jax.jit
    def log_probs(params):
        network = model.bind(params)
        inputs = jnp.pad(targets[:, :-1], ((0, 0), (1, 0)), constant_values=START)
        states = network.program_states(np.repeat(tokens, SAMPLES, 0), np.repeat(mask, SAMPLES, 0), inputs, None)
        scores = jax.nn.log_softmax(network.logits(states))
        return jnp.take_along_axis(scores, targets[..., None], axis=-1)[..., 0]

    # Up to the end token, which counts.
    written = np.cumsum(targets == END, axis=1) - (targets == END) == 0
    total = (np.asarray(log_probs(params)) * written).sum(axis=1)
    rows = 3 * SAMPLES  # without the filler's
    np.testing.assert_allclose(total[:rows], drawn.log_probs.reshape(-1)[:rows], rtol=1e-4, atol=1e-3)


def test_what_is_masked_out_changes_nothing(policy):
    """Other ids at the padding, and a longer bucket: the same samples."""
    drawn = draw(policy, keys_of())
    tokens, mask = prompts_of()
    equal(draw(policy, keys_of(), prompts=(np.where(mask, tokens, 7).astype(np.int32), mask)), drawn)
    longer = tuple(np.pad(array, ((0, 0), (0, 6))) for array in (tokens, mask))
    equal(draw(policy, keys_of(), prompts=longer), drawn)


def batch_of(rows=8) -> TrainBatch:
    rng = np.random.default_rng(1)
    targets = rng.integers(3, VOCABULARY, (rows, 6)).astype(np.int32)
    batch = TrainBatch(
        encoder_input_tokens=rng.integers(3, VOCABULARY, (rows, LENGTH)).astype(np.int32),
        encoder_mask=np.arange(LENGTH)[None] < rng.integers(1, LENGTH + 1, (rows, 1)),
        decoder_input_tokens=np.insert(targets, 0, START, axis=1)[:, :6].astype(np.int32),
        decoder_target_tokens=targets,
        loss_mask=np.arange(6)[None] < rng.integers(1, 7, (rows, 1)),
    )
    return jax.tree.map(lambda array: array[None], batch)


def gradient_of(model: PolicyModel, params, batch):
    learned, frozen = split_frozen(params)
    return jax.jit(batch_gradient, static_argnums=0)(model, learned, batch, jax.random.key(0), frozen or None)


def test_only_program_tokens_that_count_are_learned_and_all_that_is_learned_changes(policy):
    model, params = policy
    batch = batch_of()
    loss, count, gradient = gradient_of(model, params, batch)
    assert int(count) == batch.loss_mask.sum()
    # What comes after the last target, and the padding of prompts, is nobody's business.
    other = replace(
        batch,
        encoder_input_tokens=np.where(batch.encoder_mask, batch.encoder_input_tokens, 9).astype(np.int32),
        decoder_target_tokens=np.where(batch.loss_mask, batch.decoder_target_tokens, 9).astype(np.int32),
    )
    again, _, same = gradient_of(model, params, other)
    np.testing.assert_allclose(again, loss, rtol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), same, gradient)
    assert [path for path, leaf in leaves(gradient) if not np.abs(np.asarray(leaf)).max() > 0] == []
    # Adapters alone, where there are any.
    adapts = bool(model.config.lora_rank)
    assert all(("_lora_" in path) == adapts for path, _ in leaves(gradient))


@pytest.mark.slow
def test_eight_devices_do_what_one_does(policy):
    model, params = policy
    mesh = make_mesh(HardwareConfig(data=2, fsdp=2, tensor=2), jax.devices())
    batch = batch_of()
    loss, _, gradient = gradient_of(model, params, batch)
    rows = NamedSharding(mesh, PartitionSpec(None, *batch_sharding(mesh).spec))
    placed = jax.device_put(params, param_shardings(mesh, params))
    loss8, _, gradient8 = gradient_of(model, placed, jax.device_put(batch, rows))
    np.testing.assert_allclose(loss8, loss, rtol=1e-5)
    # What is below adapters is bfloat16, so sums in another order are rounded more.
    atol = 1e-3 if model.config.lora_rank else 1e-4
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=atol), gradient8, gradient)
    # Four prompts for the four parts of the batch.
    equal(draw(policy, keys_of(), settings=PACKED, mesh=mesh), draw(policy, keys_of()))


def test_every_parameter_has_one_sharding_rule_of_its_rank(policy):
    for path, leaf in leaves(policy[0].abstract_params()):
        matching = [spec for pattern, spec in RULES if re.fullmatch(pattern, path)]
        assert len(matching) == 1, path
        assert len(matching[0]) in (0, leaf.ndim), path


def test_files_come_back_bit_for_bit(policy, tmp_path):
    """In one file and in shards; with adapters, merged ones."""
    model, params = policy
    params = jax.device_get(params)
    config = replace(model.config, lora_rank=0)
    plain = build_model(config, VOCABULARY)
    whole = merge(params, model.config)
    assert {path for path, _ in leaves(whole)} == {path for path, _ in leaves(plain.abstract_params())}
    for folder, size in (("one", 1 << 30), ("many", 4_000)):
        save_pretrained(tmp_path / folder, whole, plain, pad_id=PAD, end_id=END, start_id=START, shard_bytes=size)
        assert (len(list((tmp_path / folder).glob("*.safetensors"))) > 1) == (folder == "many")
        jax.tree.map(np.testing.assert_array_equal, load_pretrained(tmp_path / folder, config, VOCABULARY), whole)


def test_adapters_merged_give_the_logits_of_adapters_apart(policy):
    model, params = policy
    merged = merge(jax.device_get(params), model.config)
    plain = build_model(replace(model.config, lora_rank=0), VOCABULARY)
    part = jax.tree.map(lambda array: array[0], batch_of())
    loss = jax.jit(lambda model, params: part_nll(model, params, part, None)[0], static_argnums=0)
    one, other = loss(model, params), loss(plain, merged)
    np.testing.assert_allclose(one, other, rtol=1e-4)
    learned, frozen = split_frozen(params)
    jax.tree.map(np.testing.assert_array_equal, join(learned, frozen), params)
    if model.config.lora_rank:
        without = loss(model, join(jax.tree.map(jnp.zeros_like, learned), frozen))
        assert abs(float(without - one)) > 1e-2
