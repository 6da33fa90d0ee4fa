"""How one token is drawn from logits: temperature, top-k, inverse cumulative distribution; greedy at temperature 0.

Shape letters: R rows, A allowed tokens (columns), C candidates, k best, S columns of a block.
"""

import jax
import jax.numpy as jnp

_BLOCK = 128  # columns of one block of the two-level lookup
_COLDEST = 1e-30  # divides every difference of two logits to one whose exponential is 0
_SHORT_BLOCK = 16  # columns that are candidates together where the k best of a large vocabulary are looked for


def draw(logits: jax.Array, uniforms: jax.Array, temperature: jax.Array, top_k: int) -> tuple[jax.Array, jax.Array]:
    """Draw one column a row.

    One uniform number a row and an inverse-CDF lookup replace a Gumbel draw for every entry; with top-k only k
    entries are looked at, and a vocabulary is never sorted.

    Args:
        logits: float32 [R, A].
        uniforms: float32 [R] in [0, 1).
        temperature: scalar; traced, so that changing it compiles nothing. At 0 the best column is taken, of several
            the lowest.
        top_k: draw among the k best; 0 draws among all. Ties at the border go to the lower column.

    Returns:
        Columns int32 [R], and their log-probabilities [R] under the untempered distribution over all A columns.
    """
    uniforms = jnp.where(temperature > 0, uniforms, 0.0)  # greedy: of equal columns the lowest
    temperature = jnp.maximum(temperature, _COLDEST)
    if 0 < top_k < logits.shape[-1]:
        candidates, columns = _best(logits, top_k)  # [R, k] twice
        # The maximum rather than the first: a slice of top_k's result makes XLA sort whole rows instead.
        place = _lookup((candidates - candidates.max(axis=-1, keepdims=True)) / temperature, uniforms)
        column = jnp.take_along_axis(columns, place[:, None], axis=-1)[:, 0]
    else:
        column = _lookup((logits - logits.max(axis=-1, keepdims=True)) / temperature, uniforms)
    # Without temperature and top-k: programs are ranked by the policy's own probability.
    chosen = jnp.take_along_axis(logits, column[:, None], axis=-1)[:, 0]
    return column, chosen - jax.nn.logsumexp(logits, axis=-1)


def step_uniforms(keys: jax.Array, step: jax.Array) -> jax.Array:
    """Return a uniform number for each row: keys [R] -> float32 [R]; it depends on the row's key and the step only."""
    return jax.vmap(lambda key: jax.random.uniform(jax.random.fold_in(key, step)))(keys)


def _best(logits: jax.Array, k: int) -> tuple[jax.Array, jax.Array]:
    """Return the k best of each row, best first, and their columns: [R, A] -> [R, k] twice."""
    num_rows, num_columns = logits.shape
    if num_columns <= 4 * k * _SHORT_BLOCK:
        return jax.lax.top_k(logits, k)
    # The k best of a large vocabulary are in the k short blocks whose best is best; in order, for ties.
    blocks = _blocks(logits, _SHORT_BLOCK)  # [R, A / S, S]
    chosen = jnp.sort(jax.lax.top_k(blocks.max(axis=-1), k)[1], axis=-1)  # [R, k], numbers of blocks
    candidates = jnp.take_along_axis(blocks, chosen[:, :, None], axis=1).reshape(num_rows, -1)  # [R, k * S]
    columns = (chosen[:, :, None] * _SHORT_BLOCK + jnp.arange(_SHORT_BLOCK)[None, None, :]).reshape(num_rows, -1)
    best, places = jax.lax.top_k(candidates, k)
    return best, jnp.take_along_axis(columns, places, axis=-1)


def _lookup(scores: jax.Array, uniforms: jax.Array) -> jax.Array:
    """Return the place int32 [R] where the running sum of exp(scores) [R, C] passes the uniform share of the total."""
    if scores.shape[-1] <= 8 * _BLOCK:
        weights = jnp.exp(scores)  # [R, C]; the maximum's is 1, so the total is never 0
        return _pick(weights, uniforms * weights.sum(axis=-1))[0]
    # A running sum over a whole vocabulary is slow: first over blocks, then inside one of them.
    # Without the barrier the exponential is fused with the padding, where XLA's CPU code takes one at a time.
    blocks = jax.lax.optimization_barrier(_blocks(scores, _BLOCK))
    sums = jnp.exp(blocks).sum(axis=-1)  # [R, C / S]
    block, rest = _pick(sums, uniforms * sums.sum(axis=-1))
    inside, _ = _pick(jnp.exp(jnp.take_along_axis(blocks, block[:, None, None], axis=1)[:, 0]), rest)
    return block * _BLOCK + inside


def _pick(weights: jax.Array, targets: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the first place [R] whose running sum is above the target, and what is left of the target there.

    Never a place of weight 0, whatever the rounding: it would be a token that top-k or the grammar excludes.
    """
    # Sums are rounded, each prefix in its own order: the last one may be below the total, and so below the target; and
    # they needn't ascend, so that one may first pass the target at a place of weight 0. Hence the two guards.
    sums = jnp.cumsum(weights, axis=-1)  # [R, C]
    places = jnp.arange(weights.shape[-1], dtype=jnp.int32)[None, :]
    passes = (sums > targets[:, None]) & (weights > 0)
    first = jnp.min(jnp.where(passes, places, places.shape[1]), axis=-1)
    last = jnp.max(jnp.where(weights > 0, places, 0), axis=-1)
    place = jnp.minimum(first, last)  # the last place of any weight, if none passes
    before = jnp.take_along_axis(sums - weights, place[:, None], axis=-1)[:, 0]
    return place, targets - before


def _blocks(values: jax.Array, size: int) -> jax.Array:
    """Split [R, A] into [R, A / size, size], filled up at the end with -inf."""
    num_rows, num_columns = values.shape
    padded = jnp.pad(values, ((0, 0), (0, -num_columns % size)), constant_values=-jnp.inf)
    return padded.reshape(num_rows, -1, size)
