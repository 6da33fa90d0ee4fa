"""The surface of a policy: what sampling and training need of a network, whatever its architecture.

Outside this package parameters are a nested dict of arrays, and the handle is a static argument of jitted functions:

    model = build_model(config, vocabulary_size)
    params = model.init(key)
    logits = model.bind(params).logits(...)      # inside any jax.jit, jax.grad

`docs/policies.md` says what each method promises, and how to add a policy.

Shape letters: P prompts, L prompt length, B rows of a training batch, T program length, R rows of samples, W slots of a
prompt, D model width, A tokens that are scored, V vocabulary.
"""

from typing import Any, Protocol

import jax

from codeit_jax.config.model_schema import ModelConfig
from codeit_jax.model.adapters import Params

KeysValues = tuple[jax.Array, jax.Array]
Caches = tuple[KeysValues, ...]
"""For each layer keys and values of the tokens written so far: [R, heads, positions, width] each."""


class PromptRows(Protocol):
    """Which prompt each row of a batch of samples belongs to, so that a prompt is kept once for all of them."""

    def by_prompt(self, rows: jax.Array) -> jax.Array:
        """Lay values of rows [R, ...] out by prompt, [P, W, ...]; a slot without a row holds any."""
        ...

    def by_row(self, slots: jax.Array) -> jax.Array:
        """Bring values of slots [P, W, ...] back to the rows, [R, ...]."""
        ...


class PolicyNetwork(Protocol):
    """A network with its parameters bound; lives inside a traced function."""

    def program_states(
        self, prompts: jax.Array, mask: jax.Array, programs: jax.Array, key: jax.Array | None
    ) -> jax.Array:
        """Run prompts and whole programs (teacher forcing).

        Args:
            prompts: int32 [B, L], filled up at the end.
            mask: bool [B, L], true at real tokens.
            programs: int32 [B, T], the targets shifted right behind the start token.
            key: dropout key, consumed; None for none.

        Returns:
            Hidden states [B, T, D] from which `logits` scores the targets.
        """
        ...

    def logits(self, hidden: jax.Array, token_ids: jax.Array | None = None) -> jax.Array:
        """Score the tokens int32 [A], or all V, in float32: [..., D] -> [..., A]."""
        ...

    def head_rows(self, token_ids: jax.Array | None = None) -> jax.Array:
        """Return the output head's rows [A, D] of these tokens, or all [V, D]."""
        ...

    def score(self, hidden: jax.Array, head_rows: jax.Array) -> jax.Array:
        """Score the tokens of these rows of the head: [..., D], [A, D] -> float32 [..., A]."""
        ...

    def encode_prompts(self, tokens: jax.Array, mask: jax.Array, *, by_head: bool) -> Any:
        """Run prompts, each once: int32 [P, L], bool [P, L] -> a tree of arrays [P, ...].

        `by_head` asks for attention with one head after another, where less memory is faster.
        """
        ...

    def prompt_memory(self, encoded: Any, mask: jax.Array) -> Any:
        """Make of encoded prompts what every step reads of them, once for all steps and samples."""
        ...

    def empty_caches(self, num_rows: int) -> Caches:
        """Return caches for R rows without any position."""
        ...

    def decode_position(
        self, memory: Any, step: jax.Array, last: jax.Array, caches: Caches, rows: PromptRows
    ) -> tuple[jax.Array, Caches]:
        """Run one position of the program in all rows.

        Args:
            memory: of `prompt_memory`.
            step: scalar, tokens drawn so far.
            last: int32 [R], the last of them, or the start token.
            caches: with room for this position.
            rows: whose prompts they answer.

        Returns:
            Hidden states [R, D], and the caches with this position written.
        """
        ...


class PolicyModel(Protocol):
    """A network without its parameters: hashable, so that it can be a static argument of `jax.jit`."""

    @property
    def config(self) -> ModelConfig:
        """Return its settings."""
        ...

    @property
    def vocabulary_size(self) -> int:
        """Return V."""
        ...

    def init(self, key: jax.Array) -> Params:
        """Draw fresh parameters in float32, equal layers stacked on the leading axis; the key is consumed."""
        ...

    def abstract_params(self) -> Params:
        """Return the parameters' shapes and dtypes, without computing anything."""
        ...

    def bind(self, params: Params) -> PolicyNetwork:
        """Return the network with these parameters, of any floating type; for use inside a traced function."""
        ...

    def num_parameters(self) -> int:
        """Count the parameters, shared ones once."""
        ...

    def multiplications(self, prompt_length: Any, program_length: Any) -> Any:
        """Count the multiplications of matrix products in a forward pass over one row of these lengths.

        The output head is counted over the whole vocabulary. Lengths may be NumPy arrays, which give an array.
        """
        ...
