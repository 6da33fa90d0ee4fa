"""Exact and contract tests of the sampler: buckets, devices, compilations."""

import dataclasses
from functools import partial

import jax
import numpy as np
import pytest

from codeit_jax.arc import Example
from codeit_jax.config.schema import HardwareConfig, ModelConfig, SamplingConfig
from codeit_jax.model import T5Model
from codeit_jax.parallel import make_mesh
from codeit_jax.sampling import SampledProgram, Sampler, with_canonical_texts
from codeit_jax.sampling import sampler as sampler_module
from codeit_jax.sampling.decoding import sample_tokens
from codeit_jax.text import build_tokenizer

TOKENIZER = build_tokenizer("native")
MODEL = T5Model(
    ModelConfig(d_model=16, d_ff=16, d_kv=4, num_heads=2, num_encoder_layers=1, num_decoder_layers=1, dropout=0.0),
    TOKENIZER.vocabulary_size,
)


def make_prompts(sizes):
    rng = np.random.default_rng(0)
    prompts = []
    for number, size in enumerate(sizes):
        grid = tuple(map(tuple, rng.integers(0, 10, (size, size)).tolist()))
        prompts.append((f"task{number}", TOKENIZER.encode_prompt([Example(grid, grid)], max_tokens=128)))
    return prompts


def make_sampler(num_devices: int, prompts_per_batch: int = 4, temperature: float = 0.95) -> Sampler:
    return Sampler(
        MODEL,
        TOKENIZER,
        SamplingConfig(samples_per_task=3, prompts_per_batch=prompts_per_batch, temperature=temperature),
        prompt_buckets=(32, 128),
        max_program_tokens=12,
        mesh=make_mesh(HardwareConfig(), jax.devices()[:num_devices]),
    )


@pytest.fixture(scope="module")
def params(random_params):
    return random_params(MODEL)


def collect(sampler, params, prompts):
    key = jax.random.key(9)
    return {
        (p.task_id, p.sample): (p.text, p.finished) for batch in sampler.sample(params, prompts, key) for p in batch
    }


@pytest.mark.parametrize(
    ("dialect", "text", "canonical"),
    [
        ("native", "x7 = hmirror(I)\nO = vmirror(x7)", "x1 = hmirror(I)\nO = vmirror(x1)"),
        ("native", "x0 = hmirror(I)\nO = vmirror(x0)", "x0 = hmirror(I)\nO = vmirror(x0)"),
        ("codeit", "x0 = hmirror(I)\nO = vmirror(x0)", "x1 = hmirror(I)\nO = vmirror(x1)"),
        ("codeit", "I = hmirror(I)\nO = vmirror(I)", "x1 = hmirror(I)\nO = vmirror(x1)"),
        ("codeit", "ONE = height(I)\nO = canvas(ONE, UNITY)", "x1 = height(I)\nO = canvas(x1, UNITY)"),
        ("native", "O = hmirror(", "O = hmirror("),
    ],
)
def test_names_of_variables_tell_no_programs_apart(dialect, text, canonical):
    program = SampledProgram(task_id="t", sample=0, text=text, log_prob=-1.0, num_tokens=1, finished=True)
    [found] = with_canonical_texts([program], dialect)
    assert found == dataclasses.replace(program, text=canonical)


def test_every_task_gets_its_samples_in_any_layout(params):
    prompts = make_prompts([2, 3, 7, 2, 4, 6, 3])
    want = collect(make_sampler(1), params, prompts)
    assert set(want) == {(f"task{n}", s) for n in range(7) for s in range(3)}
    assert collect(make_sampler(1, prompts_per_batch=16), params, prompts) == want
    assert collect(make_sampler(1), params, prompts[::-1]) == want


def test_temperature_0_draws_one_program_for_a_prompt(params):
    sampler = make_sampler(1, temperature=0.0)
    found = collect(sampler, params, make_prompts([2, 3, 7]))
    assert set(found) == {(f"task{n}", 0) for n in range(3)}


def test_eight_devices_sample_what_one_does(params):
    prompts = make_prompts([2, 3, 7, 2, 4, 6, 3])
    assert collect(make_sampler(8), params, prompts) == collect(make_sampler(1), params, prompts)


def test_rows_packed_on_each_of_several_devices_give_the_same_samples(params, monkeypatch):
    """Two prompts a device, whose rows change places on it; one program more than the batch has prompts for."""
    prompts = make_prompts([2, 3, 3])
    want = collect(make_sampler(1), params, prompts)
    monkeypatch.setattr(sampler_module, "CACHE_SEGMENT", 6)
    monkeypatch.setattr(sampler_module, "SMALLEST_COMPACTION", 2)
    assert collect(make_sampler(2), params, prompts) == want


def test_the_next_batch_is_on_the_device_before_one_is_waited_for(params, monkeypatch):
    sampler = make_sampler(1)
    events = []
    dispatch, fetch = sampler_module.sample_tokens, jax.device_get
    monkeypatch.setattr(sampler_module, "sample_tokens", lambda *args: events.append("dispatch") or dispatch(*args))
    monkeypatch.setattr(jax, "device_get", lambda samples: events.append("fetch") or fetch(samples))
    for batch in sampler.sample(params, make_prompts([2] * 12), jax.random.key(9)):
        assert len(batch) == 12
        events.append("use")
    assert events == ["dispatch", *["dispatch", "fetch", "use"] * 2, "fetch", "use"]


def test_one_compilation_a_bucket(params, monkeypatch):
    traced = []

    @partial(jax.jit, static_argnames=("model", "settings"))
    def sample(model, settings, policy, tokens, *arguments):
        traced.append(tokens.shape)
        return sample_tokens(model, settings, policy, tokens, *arguments)

    monkeypatch.setattr(sampler_module, "sample_tokens", sample)
    sampler = make_sampler(1, prompts_per_batch=2)
    collect(sampler, params, make_prompts([2, 2, 2, 7, 7, 2, 7]))
    collect(sampler, params, make_prompts([2, 7, 7, 2, 2]))
    assert traced == [(2, 32), (2, 128)]
