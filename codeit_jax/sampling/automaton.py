"""What may come next in a program, inside the jitted loop: an automaton over tokens that masks logits."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike


class Automaton(Protocol):
    """Tables over A columns, the tokens that may be drawn; a pytree. Its state is a pytree of arrays [R, ...].

    Shape letters: R rows, A allowed tokens. A state is gathered and put back by rows when rows are packed.
    """

    def start(self, num_rows: int) -> Any:
        """Return the state of R rows before the first token."""
        ...

    def allowed(self, state: Any) -> jax.Array:
        """Return which columns may come next, bool [R, A]."""
        ...

    def advance(self, state: Any, column: jax.Array) -> Any:
        """Return the state after drawing a column, int32 [R], in each row."""
        ...


@partial(jax.tree_util.register_dataclass, data_fields=("is_program_token", "end"), meta_fields=())
@dataclass(frozen=True, kw_only=True)
class StopAtBadToken:
    """The released code's rule: any token may be drawn, but after one that no program contains the end is forced.

    Its state is bool [R], whether the last token was such a one. The column of a token is its id.

    Attributes:
        is_program_token: bool [A].
        end: scalar, the end token's column.
    """

    is_program_token: jax.Array
    end: jax.Array

    def start(self, num_rows: int) -> jax.Array:
        """Return the state before the first token; the start token isn't held against the program."""
        return jnp.zeros((num_rows,), bool)

    def allowed(self, state: jax.Array) -> jax.Array:
        """Return which columns may come next, bool [R, A]."""
        # [R, 1] | [1, A]: after a bad token the end is the only column left.
        return ~state[:, None] | (jnp.arange(len(self.is_program_token)) == self.end)[None, :]

    def advance(self, state: jax.Array, column: jax.Array) -> jax.Array:
        """Return the state after drawing a column, int32 [R], in each row."""
        return ~self.is_program_token[column]


def stop_at_bad_token(program_token_ids: ArrayLike, vocabulary_size: int, end_id: int) -> StopAtBadToken:
    """Build the rule for a vocabulary."""
    is_program_token = np.zeros(vocabulary_size, bool)
    is_program_token[np.asarray(program_token_ids)] = True  # the end token among them
    return StopAtBadToken(is_program_token=jnp.asarray(is_program_token), end=jnp.int32(end_id))
