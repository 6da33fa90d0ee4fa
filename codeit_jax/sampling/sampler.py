"""Host side of sampling: prompts in length buckets, batches of one shape, programs out."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from codeit_jax.config.errors import UserError
from codeit_jax.config.schema import Dialect, SamplingConfig
from codeit_jax.model import Params, PolicyModel
from codeit_jax.parallel.mesh import batch_sharding, fully_replicated, num_batch_shards, put, replicated
from codeit_jax.programs import canonical_text
from codeit_jax.sampling.automaton import Automaton, stop_at_bad_token
from codeit_jax.sampling.decoding import DecodingSettings, SampledTokens, sample_tokens
from codeit_jax.sampling.encoding import encoder_parts
from codeit_jax.sampling.output_head import SamplingPolicy, make_policy
from codeit_jax.sampling.program_grammar import build_grammar
from codeit_jax.text.buckets import group_rows, pad_rows
from codeit_jax.text.native import NativeTokenizer
from codeit_jax.text.tokenizer import EncodedPrompt, Tokenizer

CACHE_SEGMENT = 64  # tokens that the decoder's first cache holds; one that is full doubles
SMALLEST_COMPACTION = 12  # below it reading the weights decides, whatever the number of rows


@dataclass(frozen=True, kw_only=True)
class SampledProgram:
    """One draw from the policy.

    Attributes:
        task_id: the task whose prompt it answers.
        sample: index of the draw, from 0 on.
        text: program text as decoded; it need not parse.
        log_prob: under the policy at temperature 1.
        num_tokens: drawn, the end token included.
        finished: whether the end token was drawn in time.
    """

    task_id: str
    sample: int
    text: str
    log_prob: float
    num_tokens: int
    finished: bool


def with_canonical_texts(programs: Sequence[SampledProgram], dialect: Dialect) -> list[SampledProgram]:
    """Return the programs with their variables numbered; a text that is no program stays as it is.

    Two texts that differ in the names of variables only are one program, one experience and one candidate.
    """
    canonical = []
    for program in programs:
        try:
            canonical.append(replace(program, text=canonical_text(program.text, dialect)))
        except ValueError:
            canonical.append(program)
    return canonical


class Sampler:
    """Draws programs for prompts; compiles once for each prompt bucket.

    Args:
        model: the policy network.
        tokenizer: turns token ids into program text.
        config: temperature, top-k, samples of a task, prompts of a batch.
        prompt_buckets: ascending prompt lengths; the last holds the longest prompt.
        max_program_tokens: programs are truncated there.
        mesh: prompts are split over its `data` and `fsdp` axes.
    """

    def __init__(
        self,
        model: PolicyModel,
        tokenizer: Tokenizer,
        config: SamplingConfig,
        *,
        prompt_buckets: Sequence[int],
        max_program_tokens: int,
        mesh: Mesh,
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._config = config
        self._prompt_buckets = tuple(prompt_buckets)
        self._mesh = mesh
        shards = num_batch_shards(mesh)
        # Rounded up: each device gets as many prompts, and a prompt's samples stay on one, beside its keys and values.
        self._batch_size = -(-config.prompts_per_batch // shards) * shards
        self._token_ids = tokenizer.program_token_ids if config.vocabulary == "program" else None
        self._automaton = _automaton_for(tokenizer, config)
        self._settings = DecodingSettings(
            max_tokens=max_program_tokens,
            segment=CACHE_SEGMENT,
            smallest_compaction=SMALLEST_COMPACTION,
            top_k=config.top_k,
            start_id=tokenizer.start_id,
            end_id=tokenizer.end_id,
            pad_id=tokenizer.pad_id,
            num_groups=shards,
            encoder_parts=encoder_parts(),
        )

    def sample(
        self, params: Params, prompts: Sequence[tuple[str, EncodedPrompt]], key: jax.Array
    ) -> Iterator[list[SampledProgram]]:
        """Draw `draws_per_task` programs for each prompt, a batch at a time.

        Args:
            params: the policy's parameters.
            prompts: task id and encoded prompt.
            key: one JAX key for the whole stage; consumed. Every sample's key is folded from it, its task id and its
                index, so that a sample doesn't depend on the batch it is in.

        Yields:
            The programs of one batch: all samples of one task after another. Batches come by ascending prompt length,
            so the tasks' order differs from the prompts'. The device works on the next batch meanwhile.
        """
        policy = self._policy(params)  # once a stage: the output head's rows of the allowed tokens
        ahead: tuple[list[str], SampledTokens] | None = None
        for length, rows in self._batches(prompts):
            task_ids = [prompts[row][0] for row in rows]
            token_rows = [prompts[row][1].token_ids for row in rows]
            arguments = self._place_batch(task_ids, token_rows, length, key)
            # The next batch is given to the device before this one is waited for: it never idles while the host works.
            samples = sample_tokens(self._model, self._settings, policy, *arguments)
            dispatched = task_ids, fully_replicated(samples, self._mesh)
            if ahead is not None:
                yield self._decode(*ahead)
            ahead = dispatched
        if ahead is not None:
            yield self._decode(*ahead)

    def _batches(self, prompts: Sequence[tuple[str, EncodedPrompt]]) -> Iterator[tuple[int, list[int]]]:
        """Yield bucket length and prompt indices; what doesn't fill a batch moves up to the next bucket."""
        lengths = np.array([[len(prompt.token_ids)] for _, prompt in prompts]).reshape(-1, 1)  # [N, 1]
        waiting: list[int] = []
        buckets = group_rows(lengths, [self._prompt_buckets])
        for number, bucket in enumerate(buckets):
            waiting.extend(bucket.rows.tolist())
            # Only the last bucket gives a batch that isn't full: more padding costs less than a batch of fillers.
            last = number == len(buckets) - 1
            while len(waiting) >= self._batch_size or (last and waiting):
                batch, waiting = waiting[: self._batch_size], waiting[self._batch_size :]
                yield bucket.shape[0], batch

    def _policy(self, params: Params) -> SamplingPolicy:
        token_ids = None if self._token_ids is None else put(self._token_ids, replicated(self._mesh))
        return make_policy(self._model, params, token_ids)

    def _place_batch(
        self, task_ids: list[str], token_rows: list[np.ndarray], length: int, key: jax.Array
    ) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array, Automaton | None]:
        """Place a batch on the devices: tokens, mask, keys, temperature, automaton, as `sample_tokens` takes them."""
        # A short last batch is filled up with empty prompts, for one shape; they count as finished from the start.
        missing = self._batch_size - len(task_ids)
        filled = token_rows + [token_rows[0][:0]] * missing
        tokens = pad_rows(filled, length=length, pad_id=self._tokenizer.pad_id)  # [P, L]
        row_lengths = np.array([len(row) for row in filled])  # [P]
        mask = np.arange(length)[None, :] < row_lengths[:, None]  # [P, L]
        keys = sample_keys(key, task_ids + [""] * missing, self._config.draws_per_task)  # [P, S]
        tokens, mask, keys = put((tokens, mask, keys), batch_sharding(self._mesh))
        # float32 and an argument, not a static setting: another temperature compiles nothing.
        constants = (np.float32(self._config.temperature), self._automaton)
        temperature, automaton = put(constants, replicated(self._mesh))
        return tokens, mask, keys, temperature, automaton

    def _decode(self, task_ids: list[str], dispatched: SampledTokens) -> list[SampledProgram]:
        samples: SampledTokens = jax.device_get(dispatched)  # waits for the device; [P, S, T], [P, S], [P, S]
        # By the end token, not by the padding behind it: a policy with the full vocabulary may draw padding, too.
        ends = np.argmax(samples.tokens == self._tokenizer.end_id, axis=-1) + 1  # [P, S]
        lengths = np.where(samples.finished, ends, samples.tokens.shape[-1])
        return [
            SampledProgram(
                task_id=task_id,
                sample=sample,
                text=self._tokenizer.decode_program(samples.tokens[row, sample].tolist()),
                log_prob=float(samples.log_probs[row, sample]),
                num_tokens=int(lengths[row, sample]),
                finished=bool(samples.finished[row, sample]),
            )
            for row, task_id in enumerate(task_ids)
            for sample in range(self._config.draws_per_task)
        ]


def _automaton_for(tokenizer: Tokenizer, config: SamplingConfig) -> Automaton | None:
    found = f"sampling.grammar is {config.grammar!r} with the {tokenizer.name} tokenizer"
    match config.grammar:
        case "off":
            return None
        case "released":
            if config.vocabulary != "full":
                raise UserError(
                    f"{found} and sampling.vocabulary {config.vocabulary!r}, expected 'full': the rule ends a program "
                    "at a token that no program contains"
                )
            return stop_at_bad_token(tokenizer.program_token_ids, tokenizer.vocabulary_size, tokenizer.end_id)
        case mode:
            if not isinstance(tokenizer, NativeTokenizer):
                raise UserError(f"{found}, expected 'off' or 'released': {mode!r} needs one token for each name")
            if config.vocabulary != "program":
                raise UserError(f"{found} and sampling.vocabulary {config.vocabulary!r}, expected 'program'")
            return build_grammar([tokenizer.token_names[index] for index in tokenizer.program_token_ids], mode)


def sample_keys(key: jax.Array, task_ids: Sequence[str], num_samples: int) -> jax.Array:
    """Fold a key for each sample.

    A task enters by a checksum of its id, so that its samples don't depend on which other tasks are searched.

    Args:
        key: consumed.
        task_ids: P ids.
        num_samples: S.

    Returns:
        Keys [P, S].
    """
    # A checksum, not hash(): that differs from process to process.
    tasks = jnp.asarray([zlib.crc32(task_id.encode()) for task_id in task_ids], jnp.uint32)
    samples = jnp.arange(num_samples, dtype=jnp.uint32)
    fold = jax.vmap(jax.vmap(jax.random.fold_in, (None, 0)), (0, None))
    return fold(jax.vmap(jax.random.fold_in, (None, 0))(key, tasks), samples)
