"""The learning objective: negative log-likelihood of the program given the prompt (paper, section 3.2)."""

import jax
import jax.numpy as jnp


def token_nll(logits: jax.Array, targets: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Sum the negative log-likelihood over the masked-in targets.

    Args:
        logits: float32 [B, T, V].
        targets: int32 [B, T].
        mask: bool [B, T], true at targets that count.

    Returns:
        The sum in nats, and how many targets it is over: divide once, so that parts of a batch can be added up.
    """
    chosen = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    nll = jax.nn.logsumexp(logits, axis=-1) - chosen
    return jnp.sum(jnp.where(mask, nll, 0.0)), jnp.sum(mask)
