"""Twin, exact and statistical tests of the sampling loop: against whole-sequence decoding and a NumPy sampler."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codeit_jax.config.schema import ModelConfig
from codeit_jax.model import T5Model
from codeit_jax.sampling.decoding import DecodingSettings, sample_tokens
from codeit_jax.sampling.encoding import EncoderParts
from codeit_jax.sampling.methods import draw, step_uniforms
from codeit_jax.sampling.output_head import make_policy
from codeit_jax.sampling.sampler import sample_keys
from codeit_jax.training.compilation import compilations

pytestmark = pytest.mark.floats
MODEL = T5Model(
    ModelConfig(d_model=24, d_ff=32, d_kv=6, num_heads=3, num_encoder_layers=2, num_decoder_layers=2, dropout=0.0), 30
)
SETTINGS = DecodingSettings(max_tokens=11, segment=6, smallest_compaction=99, top_k=4, start_id=0, end_id=2, pad_id=0)
PACKED = dataclasses.replace(SETTINGS, smallest_compaction=2)
ALLOWED = np.array([2, 4, 5, 7, 11, 28], np.int32)
TEMPERATURE = np.float32(0.9)


@pytest.fixture(scope="module")
def batch(random_params) -> dict[str, jax.Array]:
    rng = np.random.default_rng(0)
    params = random_params(MODEL)
    # Larger embeddings make peaked distributions, so that a wrong logit changes tokens.
    params["embedding"] = params["embedding"] * 2
    tokens = rng.integers(3, 30, (3, 10))
    mask = np.arange(10)[None] < np.array([[10], [7], [3]])
    return {
        "params": params,
        "tokens": tokens,
        "mask": mask,
        "keys": sample_keys(jax.random.key(5), ["a", "b", "c"], 4),
    }


def run(batch, settings=SETTINGS, rows=slice(None), temperature=TEMPERATURE, model=MODEL):
    return jax.device_get(
        sample_tokens(
            model,
            settings,
            make_policy(model, batch["params"], jnp.asarray(ALLOWED)),
            batch["tokens"][rows],
            batch["mask"][rows],
            batch["keys"][rows],
            temperature,
        )
    )


def test_cached_loop_equals_decoding_the_whole_prefix_again(batch):
    """Encoder states repeated for every sample, no cache, the same uniform numbers: token for token the same."""

    @jax.jit
    def logits_of(tokens, mask, prefix):
        network = MODEL.bind(batch["params"])
        return network.logits(network.decode(prefix, network.encode(tokens, mask), mask), ALLOWED)

    sampled = run(batch)
    tokens = np.repeat(batch["tokens"], 4, axis=0)
    mask = np.repeat(batch["mask"], 4, axis=0)
    keys = batch["keys"].reshape(12)
    prefix = np.zeros((12, 12), np.int32)
    finished, log_probs = np.zeros(12, bool), np.zeros(12)
    for step in range(11):
        logits = logits_of(tokens, mask, prefix)[:, step]
        column, log_prob = draw(logits, step_uniforms(keys, step), TEMPERATURE, 4)
        token = np.where(finished, 0, ALLOWED[np.asarray(column)])
        log_probs += np.where(finished, 0.0, log_prob)
        finished |= token == 2
        prefix[:, step + 1] = token
    np.testing.assert_array_equal(sampled.tokens.reshape(12, 11), prefix[:, 1:])
    np.testing.assert_array_equal(sampled.finished.reshape(12), finished)
    np.testing.assert_allclose(sampled.log_probs.reshape(12), log_probs, atol=1e-3)
    assert finished.any()
    assert not finished.all()


def test_a_sample_does_not_depend_on_its_batch(batch):
    whole = run(batch)
    for row in range(3):
        alone = run(batch, rows=slice(row, row + 1))
        np.testing.assert_array_equal(alone.tokens[0], whole.tokens[row])


def test_the_cache_length_changes_nothing(batch):
    for segment in (3, 11):
        other = run(batch, dataclasses.replace(SETTINGS, segment=segment))
        np.testing.assert_array_equal(other.tokens, run(batch).tokens)


def test_packing_unfinished_rows_changes_nothing(batch):
    """Token for token; most rows finish on the way, so that both rungs are reached."""
    plain, packed = (run(batch, settings, temperature=np.float32(4.0)) for settings in (SETTINGS, PACKED))
    assert 9 <= plain.finished.sum() < 12
    for name in ("tokens", "log_probs", "finished"):
        # A log-probability is a sum of up to eleven, each from logits of about 10 in float32: 1e-6 apiece.
        np.testing.assert_allclose(getattr(packed, name), getattr(plain, name), atol=1e-4)


@pytest.mark.parametrize("parts", [EncoderParts(pairs=1), EncoderParts(by_head=True)])
def test_encoding_in_parts_changes_nothing(batch, parts):
    in_parts = dataclasses.replace(SETTINGS, encoder_parts=parts)
    np.testing.assert_array_equal(run(batch, in_parts).tokens, run(batch).tokens)


def test_a_prompt_without_tokens_gets_no_samples(batch):
    mask = batch["mask"] & (np.arange(3) != 1)[:, None]
    sampled = run({**batch, "mask": mask})
    assert (sampled.tokens[1] == 0).all()
    assert sampled.finished[1].all()
    np.testing.assert_array_equal(sampled.tokens[[0, 2]], run(batch).tokens[[0, 2]])


def test_the_temperature_compiles_nothing(batch):
    usual = run(batch)
    before = compilations().number
    cold = run(batch, temperature=np.float32(0.01))
    assert compilations().number == before
    assert (cold.tokens != usual.tokens).any()


def test_temperature_0_is_greedy_whatever_the_key(batch):
    """The samples that top-k 1 gives, with their log-probabilities; packing and other keys change nothing."""
    best = run(batch, dataclasses.replace(SETTINGS, top_k=1))
    for settings in (SETTINGS, PACKED):
        greedy = run({**batch, "keys": batch["keys"][::-1]}, settings, temperature=np.float32(0))
        np.testing.assert_array_equal(greedy.tokens, best.tokens)
        np.testing.assert_allclose(greedy.log_probs, best.log_probs, atol=1e-4)
    assert (best.tokens == best.tokens[:, :1]).all()
    assert np.isfinite(best.log_probs).all()


@pytest.mark.parametrize("num_columns", [30, 2_000])
@pytest.mark.parametrize("top_k", [0, 3])
def test_a_draw_at_temperature_0_is_the_first_best_column(num_columns, top_k):
    """Against argmax: ties, masked columns, differences of one bit, and uniforms up to the largest."""
    rng = np.random.default_rng(5)
    logits = rng.integers(-3, 4, size=(200, num_columns)).astype(np.float32)
    logits[50:100] = np.nextafter(logits[50:100] + 5, rng.choice(np.float32([0, 9]), size=(50, num_columns)))
    logits[100:150, ::2] = -1e9
    logits[150] = 0.0
    uniforms = np.append(rng.random(199), np.nextafter(np.float32(1), np.float32(0))).astype(np.float32)
    columns, log_probs = draw(jnp.asarray(logits), jnp.asarray(uniforms), jnp.float32(0), top_k)
    np.testing.assert_array_equal(columns, logits.argmax(axis=1))
    exact = jax.nn.log_softmax(logits)[np.arange(200), logits.argmax(axis=1)]
    np.testing.assert_allclose(log_probs, exact, rtol=1e-5, atol=1e-5)


def test_bfloat16_samples_with_weights_cast_once(batch):
    """Logits close to float32's: 8 bits of mantissa, 2 layers; and a loop that runs."""
    half = T5Model(dataclasses.replace(MODEL.config, dtype="bfloat16"), 30)
    policy = make_policy(half, batch["params"], jnp.asarray(ALLOWED))
    assert policy.params["decoder"]["layers"]["feed_forward"]["inner"].dtype == jnp.bfloat16
    assert policy.params["decoder"]["final_norm"]["scale"].dtype == jnp.float32
    assert policy.head.dtype == jnp.bfloat16

    @partial(jax.jit, static_argnames="model")
    def logits_of(model, params):
        network = model.bind(params)
        tokens = jnp.full((3, 4), 5)
        hidden = network.decode(tokens, network.encode(batch["tokens"], batch["mask"]), batch["mask"])
        return network.logits(hidden)

    full = logits_of(MODEL, batch["params"])
    # The exact logits of weights as they are in bfloat16 would be closer to float32's than 2 % of their spread.
    np.testing.assert_allclose(logits_of(half, policy.params), full, atol=0.1 * float(full.std()))
    sampled = run(batch, model=half)
    assert set(np.unique(sampled.tokens)) <= {0, *ALLOWED.tolist()}
    assert sampled.finished.any()


def test_nothing_follows_the_end_token(batch):
    for row in run(batch).tokens.reshape(12, 11):
        ends = np.flatnonzero(row == 2)
        assert len(ends) <= 1
        if len(ends):
            assert (row[ends[0] + 1 :] == 0).all()
        assert set(row.tolist()) <= {0, *ALLOWED.tolist()}


def test_forced_tokens_give_exact_arrays(batch):
    """A head that prefers one token after each token walks a known path; uneven paths end where they should."""
    path = {0: 4, 4: 5, 5: 7, 7: 2}  # start -> 4 -> 5 -> 7 -> end
    params = jax.tree.map(jnp.zeros_like, batch["params"])
    embedding = np.zeros((30, 24), np.float32)
    for token in path:
        embedding[token, token] = 1.0
    # With all layers zero the decoder's output is the normalized embedding of the last token: the head reads it through
    # an untied table.
    model = T5Model(dataclasses.replace(MODEL.config, tie_embeddings=False), 30)
    head = np.zeros((30, 24), np.float32)
    for token, following in path.items():
        head[following, token] = 50.0
    params = {**params, "embedding": jnp.asarray(embedding), "head": jnp.asarray(head)}
    for stack in ("encoder", "decoder"):
        params[stack]["final_norm"] = {"scale": jnp.ones(24)}
    sampled = sample_tokens(
        model,
        SETTINGS,
        make_policy(model, params),
        batch["tokens"],
        batch["mask"],
        batch["keys"],
        jnp.float32(1.0),
    )
    want = np.zeros((3, 4, 11), np.int32)
    want[..., :4] = [4, 5, 7, 2]
    np.testing.assert_array_equal(sampled.tokens, want)
    assert np.asarray(sampled.finished).all()


def test_drawn_frequencies_follow_the_softmax():
    """Chi-square against NumPy's softmax with top-k and temperature, 40,000 draws; |z| of the statistic below 4."""
    rng = np.random.default_rng(1)
    logits = rng.normal(size=12).astype(np.float32) * 2
    uniforms = rng.random(40_000).astype(np.float32)
    columns, _ = draw(jnp.tile(logits, (40_000, 1)), jnp.asarray(uniforms), jnp.float32(0.7), 5)
    kept = np.argsort(-logits)[:5]
    weights = np.exp(logits[kept].astype(np.float64) / 0.7)
    want = 40_000 * weights / weights.sum()
    counts = np.bincount(np.asarray(columns), minlength=12)
    assert counts.sum() == counts[kept].sum()
    chi2 = ((counts[kept] - want) ** 2 / want).sum()
    assert abs(chi2 - 4) / np.sqrt(2 * 4) < 4


@pytest.mark.parametrize("top_k", [0, 3])
def test_draws_from_a_large_vocabulary_follow_the_softmax(top_k):
    """Chi-square for a vocabulary that is looked up in blocks: 20,000 draws in 8 (or 3) classes; |z| below 4."""
    rng = np.random.default_rng(2)
    logits = rng.normal(size=2_000).astype(np.float32) * 2
    uniforms = rng.random(20_000).astype(np.float32)
    columns, log_probs = draw(jnp.tile(logits, (20_000, 1)), jnp.asarray(uniforms), jnp.float32(0.8), top_k)
    columns = np.asarray(columns)
    weights = np.exp(logits.astype(np.float64) / 0.8)
    classes = np.arange(2_000) % 8
    if top_k:
        best = np.argsort(-logits)[:top_k]
        assert set(columns) == set(best)
        weights[np.setdiff1d(np.arange(2_000), best)] = 0
        classes = np.zeros(2_000, int)
        classes[best] = np.arange(top_k)
    want = 20_000 * np.bincount(classes, weights / weights.sum())
    counts = np.bincount(classes[columns], minlength=len(want))
    freedom = len(want) - 1
    assert abs(((counts - want) ** 2 / want).sum() - freedom) / np.sqrt(2 * freedom) < 4
    exact = logits[columns] - np.log(np.exp(logits.astype(np.float64)).sum())
    np.testing.assert_allclose(log_probs, exact, atol=1e-4)


def test_excluded_tokens_are_never_drawn_whatever_the_uniform():
    """Columns far below the rest stand for what a grammar masks; uniforms are the extremes and many between."""
    rng = np.random.default_rng(3)
    logits = np.full((4_000, 300), -1e9, np.float32)
    allowed = rng.integers(0, 300, (4_000, 3))
    np.put_along_axis(logits, allowed, rng.normal(size=(4_000, 3)).astype(np.float32), axis=1)
    uniforms = rng.random(4_000).astype(np.float32)
    uniforms[:1_000], uniforms[1_000:2_000] = 0.0, np.nextafter(np.float32(1), np.float32(0))
    for top_k in (0, 50):
        columns, _ = draw(jnp.asarray(logits), jnp.asarray(uniforms), jnp.float32(1.0), top_k)
        assert (np.asarray(columns)[:, None] == allowed).any(axis=1).all()


def test_extreme_uniforms_stay_inside():
    logits = jnp.asarray([[0.0, 1.0, 2.0]] * 2)
    columns, log_probs = draw(logits, jnp.asarray([0.0, np.nextafter(np.float32(1), np.float32(0))]), jnp.float32(1), 0)
    assert columns.tolist() == [0, 2]
    np.testing.assert_allclose(log_probs, jax.nn.log_softmax(logits[0])[jnp.array([0, 2])], rtol=1e-5)


def test_keys_depend_on_task_and_sample_only():
    key = jax.random.key(3)
    both = jax.random.key_data(sample_keys(key, ["x", "y"], 3))
    np.testing.assert_array_equal(both[1], jax.random.key_data(sample_keys(key, ["y"], 3))[0])
    np.testing.assert_array_equal(both[:, :2], jax.random.key_data(sample_keys(key, ["x", "y"], 2)))
    assert len({tuple(row) for row in both.reshape(-1, 2).tolist()}) == 6
