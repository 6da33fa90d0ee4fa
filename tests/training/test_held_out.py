"""Exact and twin tests of what is measured on held-out programs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codeit_jax.arc import load_tasks
from codeit_jax.config.schema import HardwareConfig, ModelConfig, TextConfig, TrainingConfig
from codeit_jax.model import T5Model
from codeit_jax.parallel import make_mesh
from codeit_jax.parallel.sharding_rules import param_shardings
from codeit_jax.programs import load_programs
from codeit_jax.text import build_tokenizer
from codeit_jax.text.prompt import shown_demonstrations
from codeit_jax.training.held_out import HeldOut, split_seeds
from codeit_jax.training.train_step import token_nll

TOKENIZER = build_tokenizer("native")
SIZES = {"d_model": 16, "d_ff": 24, "d_kv": 4, "num_heads": 2, "num_encoder_layers": 1, "num_decoder_layers": 1}
# With dropout: measuring has none.
MODEL = T5Model(ModelConfig(**SIZES, dropout=0.5), TOKENIZER.vocabulary_size)
TEXT = TextConfig(prompt_buckets=(48, 96), program_buckets=(16, 24))
# 5 x 6 rows: four batches, of which the last isn't full, each in parts.
CONFIG = TrainingConfig(batch_size=8, tokens_per_device=500)
SEEDS = load_programs("builtin")
TASKS = load_tasks("arc1/training")


def held_out(number=6, devices=1):
    _, programs = split_seeds(SEEDS, number, TOKENIZER, TEXT)
    mesh = make_mesh(HardwareConfig(), jax.devices()[:devices])
    tasks = [TASKS[seed.task_id] for seed in programs]
    parts = {"model": MODEL, "tokenizer": TOKENIZER, "config": CONFIG, "text": TEXT, "mesh": mesh}
    return HeldOut(programs, tasks, **parts), programs, tasks, mesh


@jax.jit
def nll_of_row(params, prompt, targets):
    """Return what one program costs, given both padded with -1."""
    inputs = jnp.concatenate([jnp.full(1, TOKENIZER.start_id, jnp.int32), targets[:-1]])
    network = MODEL.bind(params)
    mask = (prompt >= 0)[None]
    hidden = network.decode(jnp.maximum(inputs, 0)[None], network.encode(jnp.maximum(prompt, 0)[None], mask), mask)
    nll, _ = token_nll(network.logits(hidden), jnp.maximum(targets, 0)[None], (targets >= 0)[None])
    return nll


def plain_nll(params, program, task):
    """Return what a program costs in a batch of its own."""
    shown = shown_demonstrations(task.demonstrations, TEXT)
    prompt = TOKENIZER.encode_prompt(shown, max_tokens=TEXT.max_prompt_tokens).token_ids
    targets = TOKENIZER.encode_program(str(program))
    rows = [
        np.pad(row.astype(np.int32), (0, length - len(row)), constant_values=-1)
        for row, length in ((prompt, TEXT.max_prompt_tokens), (targets, TEXT.max_program_tokens))
    ]
    return float(nll_of_row(params, *rows))


@pytest.mark.floats
@pytest.mark.parametrize("devices", [1, 4])
def test_it_is_the_loss_of_each_program_alone(random_params, devices):
    measured, programs, tasks, mesh = held_out(devices=devices)
    params = random_params(MODEL)
    metrics = measured.measure(jax.device_put(params, param_shardings(mesh, params)))
    number = len(programs)
    losses = np.array([[plain_nll(params, seed.program, task) for task in tasks] for seed in programs])
    shown = [[losses[row, (row + shift) % number] for row in range(number)] for shift in range(5)]
    # Sums of some 20 terms of up to 10 nats, in another order.
    assert metrics.held_out_programs == number == 6
    assert metrics.held_out_loss == pytest.approx(np.mean(shown[0]), abs=1e-3)
    assert metrics.held_out_loss_elsewhere == pytest.approx(np.mean(shown[1:]), abs=1e-3)
    assert metrics.task_information == metrics.held_out_loss_elsewhere - metrics.held_out_loss
    assert abs(metrics.task_information) > 1e-3


def test_a_policy_that_sees_no_prompt_has_no_task_information(random_params):
    measured, _, _, _ = held_out()
    params = random_params(MODEL)
    # Nothing of the encoder reaches the decoder.
    blind = jax.tree_util.tree_map_with_path(
        lambda path, leaf: leaf * 0 if "cross_attention" in jax.tree_util.keystr(path) else leaf, params
    )
    metrics = measured.measure(blind)
    assert metrics.task_information == pytest.approx(0, abs=1e-4)
    assert measured.measure(params).held_out_loss != metrics.held_out_loss


@pytest.mark.parametrize("number", [1, 7, 40])
def test_the_held_out_tasks_are_the_same_whatever_the_order(number):
    learned, programs = split_seeds(SEEDS, number, TOKENIZER, TEXT)
    ids = {seed.task_id for seed in programs}
    assert len(ids) == number
    assert ids.isdisjoint(seed.task_id for seed in learned)
    assert {seed.task_id for seed in SEEDS} == ids | {seed.task_id for seed in learned}
    assert all(len(TOKENIZER.encode_program(str(seed.program))) <= TEXT.max_program_tokens for seed in programs)
    _, again = split_seeds(SEEDS[::-1], number, TOKENIZER, TEXT)
    assert again == programs[::-1]


def test_none_and_all():
    assert split_seeds(SEEDS, 0, TOKENIZER, TEXT) == (SEEDS, [])
    wide = TextConfig(prompt_buckets=(48,), program_buckets=(600,))
    assert split_seeds(SEEDS, 1000, TOKENIZER, wide) == ([], SEEDS)
