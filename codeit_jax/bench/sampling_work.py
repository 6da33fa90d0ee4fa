"""The work of the sampling benchmark: sizes, prompts, and our side of it.

Shape letters: P prompts, S samples of a prompt, R rows (P * S), L prompt length, T tokens, A columns of the head.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from codeit_jax.config.loading import load_config
from codeit_jax.config.schema import Config
from codeit_jax.model import Params, T5Model
from codeit_jax.sampling.automaton import Automaton
from codeit_jax.sampling.decoding import DecodingSettings, SampledTokens, sample_tokens
from codeit_jax.sampling.encoding import encoder_parts
from codeit_jax.sampling.output_head import make_policy
from codeit_jax.sampling.sampler import CACHE_SEGMENT, SMALLEST_COMPACTION, sample_keys

PAD, END, FIRST_WORD = 0, 2, 5  # CodeT5's special ids
CODET5_VOCABULARY = 32_100
TEMPERATURE, TOP_K = 0.95, 50  # the released code's


def load_preset(name: str) -> Config:
    """Read one of the package's presets by its bare name."""
    return load_config([f"configs/{name}.yaml"])


def float32_model(config: Config) -> T5Model:
    """Return a preset's network as the peers compute it, with the published vocabulary."""
    return T5Model(replace(config.model, dtype="float32", dropout=0.0), CODET5_VOCABULARY)


@dataclass(frozen=True, kw_only=True)
class Work:
    """What every contender does.

    Attributes:
        model: the network.
        prompts: int32 [P, L], random ids without padding.
        num_samples: S of a prompt.
        num_tokens: T, drawn for every sample: no sample ends by itself.
        num_allowed: size of the head of the tokens that programs can contain.
    """

    model: T5Model
    prompts: NDArray[np.int32]
    num_samples: int
    num_tokens: int
    num_allowed: int = 594

    def random_params(self) -> Params:
        """Draw weights."""
        params: Params = jax.jit(self.model.init)(jax.random.key(0))
        return params


def make_work(model: T5Model, *, prompts: int, prompt_tokens: int, samples: int, tokens: int) -> Work:
    """Draw the prompts."""
    rng = np.random.default_rng(0)
    ids = rng.integers(FIRST_WORD, model.vocabulary_size, (prompts, prompt_tokens), np.int32)
    return Work(model=model, prompts=ids, num_samples=samples, num_tokens=tokens)


@partial(jax.tree_util.register_dataclass, data_fields=("lengths", "end"), meta_fields=("num_columns",))
@dataclass(frozen=True, kw_only=True)
class StopAtLength:
    """An automaton that ends each row at a given length, for programs of real lengths from random weights.

    Attributes:
        lengths: int32 [R], end token included.
        end: the end token's column.
        num_columns: A.
    """

    lengths: jax.Array
    end: jax.Array
    num_columns: int

    def start(self, num_rows: int) -> jax.Array:
        """Return how many tokens each row has still to draw."""
        return self.lengths

    def allowed(self, state: jax.Array) -> jax.Array:
        """Return the end token alone for the last token, and all but it before."""
        return (jnp.arange(self.num_columns) == self.end)[None, :] == (state[:, None] == 1)

    def advance(self, state: jax.Array, column: jax.Array) -> jax.Array:
        """Count down."""
        return state - 1


def our_sampling(
    work: Work, params: Params, *, allowed_only: bool, lengths: NDArray[np.int32] | None = None, top_k: int = TOP_K
) -> tuple[Callable[[], SampledTokens], float]:
    """Return our side, compiled, and the seconds that compiling took.

    Args:
        work: sizes and prompts.
        params: the weights.
        allowed_only: draw among the tokens that programs can contain; all otherwise.
        lengths: int [P * S], where each sample ends; None lets them all run to `num_tokens`.
        top_k: 1 is greedy.
    """
    # Which tokens is of no account for the time; these begin with the end token, as column 0.
    token_ids = jnp.arange(work.num_allowed, dtype=jnp.int32) + END if allowed_only else None
    automaton: Automaton | None = None
    if lengths is not None:
        num_columns = work.num_allowed if allowed_only else work.model.vocabulary_size
        end = 0 if allowed_only else END
        automaton = StopAtLength(lengths=jnp.asarray(lengths), end=jnp.int32(end), num_columns=num_columns)
    settings = DecodingSettings(
        max_tokens=work.num_tokens,
        segment=CACHE_SEGMENT,
        smallest_compaction=SMALLEST_COMPACTION,
        top_k=top_k,
        start_id=PAD,
        end_id=-1 if lengths is None else END,  # an id that is never drawn: no sample ends
        pad_id=PAD,
        encoder_parts=encoder_parts(),
    )
    keys = sample_keys(jax.random.key(0), [str(row) for row in range(len(work.prompts))], work.num_samples)
    arguments: tuple[Any, ...] = (
        make_policy(work.model, params, token_ids),
        work.prompts,
        np.ones(work.prompts.shape, bool),
        keys,
        np.float32(TEMPERATURE),
        automaton,
    )
    start = time.perf_counter()
    # Ahead of time, so that no turn pays for compiling.
    compiled = sample_tokens.lower(work.model, settings, *arguments).compile()
    seconds = time.perf_counter() - start
    return lambda: jax.block_until_ready(compiled(*arguments)), seconds
