"""How one token is drawn from logits: temperature, top-k, inverse cumulative distribution."""

import jax
import jax.numpy as jnp


def draw(logits: jax.Array, uniforms: jax.Array, temperature: jax.Array, top_k: int) -> tuple[jax.Array, jax.Array]:
    """Draw one column a row.

    One uniform number a row and an inverse-CDF lookup replace a Gumbel draw for every entry; with top-k only k
    entries are looked at, and nothing is sorted beyond them.

    Args:
        logits: float32 [R, A].
        uniforms: float32 [R] in [0, 1).
        temperature: scalar, above 0; traced, so that changing it compiles nothing.
        top_k: draw among the k best; 0 draws among all. Ties at the border go to the lower column.

    Returns:
        Columns int32 [R], and their log-probabilities [R] under the untempered distribution over all A columns.
    """
    if 0 < top_k < logits.shape[-1]:
        candidates, columns = jax.lax.top_k(logits, top_k)
    else:
        candidates, columns = logits, jnp.broadcast_to(jnp.arange(logits.shape[-1]), logits.shape)
    cumulative = jnp.cumsum(jax.nn.softmax(candidates / temperature, axis=-1), axis=-1)
    # Scaling by the last sum keeps a uniform close to 1 from falling past the end through rounding.
    targets = uniforms[:, None] * cumulative[:, -1:]
    choice = jnp.minimum(jnp.sum(cumulative <= targets, axis=-1), candidates.shape[-1] - 1)
    column = jnp.take_along_axis(columns, choice[:, None], axis=-1)[:, 0]
    chosen = jnp.take_along_axis(logits, column[:, None], axis=-1)[:, 0]
    return column.astype(jnp.int32), chosen - jax.nn.logsumexp(logits, axis=-1)


def step_uniforms(keys: jax.Array, step: jax.Array) -> jax.Array:
    """Return a uniform number for each row: keys [R] -> float32 [R]; it depends on the row's key and the step only."""
    return jax.vmap(lambda key: jax.random.uniform(jax.random.fold_in(key, step)))(keys)
