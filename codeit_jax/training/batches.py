"""From a draw to batches of few shapes: two-dimensional length buckets, filled to the brim.

A batch is what one optimizer step learns from; one that is too large for the devices comes in equal parts. Shapes are
pairs of bucket lengths, so there are only as many as pairs, and a step is compiled for each before the first is taken.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, TypeVar

import numpy as np

from codeit_jax.config.schema import TextConfig
from codeit_jax.replay import TokenRows
from codeit_jax.text.buckets import group_rows
from codeit_jax.text.tokenizer import Tokenizer
from codeit_jax.training.experience_replay import Draw
from codeit_jax.training.train_step import TrainBatch

T = TypeVar("T")

PREFETCH_DEPTH = 2  # batches ahead of the one in use: one waits while the next is made; more would only hold memory

Shape = tuple[int, int, int, int]
"""Parts N, rows of a part B, prompt length L, program length T, padding included."""


@dataclass(frozen=True, kw_only=True)
class PlannedBatch:
    """Rows of a draw that an optimizer step learns from.

    Attributes:
        shape: what they are padded to.
        rows: int64 [n], n at most N * B.
    """

    shape: Shape
    rows: np.ndarray


@dataclass(frozen=True, kw_only=True)
class BatchSizes:
    """How large batches and their parts are.

    Attributes:
        batch_size: examples of an optimizer step.
        tokens_per_device: what a part may hold on each device, padding included; one row always fits.
        num_shards: devices that share a part's rows.
    """

    batch_size: int
    tokens_per_device: int
    num_shards: int = 1

    def shape(self, prompt_length: int, program_length: int) -> Shape:
        """Return the shape of a batch of rows of these lengths: in as few equal parts as fit the devices."""
        # By the padded lengths, so that the shape is a function of the bucket pair; equal parts waste fewer rows than
        # full parts and a rest.
        rows_per_device = max(1, self.tokens_per_device // (prompt_length + program_length))
        num_parts = -(-self.batch_size // (rows_per_device * self.num_shards))
        rows = -(-self.batch_size // num_parts)
        return num_parts, -(-rows // self.num_shards) * self.num_shards, prompt_length, program_length

    def shapes(self, text: TextConfig) -> list[Shape]:
        """Return every shape that a plan can have, the one with most tokens in a part first."""
        # Of every pair of buckets, seen or not: the batches at borders depend on the draw, and a shape that is missed
        # is compiled in the middle of a stage.
        shapes = [self.shape(*lengths) for lengths in product(text.prompt_buckets, text.program_buckets)]
        return sorted(shapes, key=lambda shape: -shape[1] * (shape[2] + shape[3]))


def plan_batches(
    draw: Draw,
    text: TextConfig,
    sizes: BatchSizes,
    rng: np.random.Generator,
    steps: Literal["by_length", "random"] = "by_length",
) -> list[PlannedBatch]:
    """Split a draw into batches, each row once, in random order.

    By length, rows are laid out bucket by bucket and split every `batch_size` rows, so all batches but one are full; a
    batch across the border of two buckets takes the larger lengths. Program lengths run up in one prompt bucket and
    down in the next, so that neighbors at a border differ in one axis only. At random, a batch is any `batch_size`
    rows, and all take its largest lengths. Which rows make a batch doesn't depend on the devices.

    Args:
        draw: n rows.
        text: the bucket lengths.
        sizes: of batches and parts.
        rng: consumed; the plan is a function of the draw and of it.
        steps: what batches are made of, `training.steps`.

    Returns:
        The batches, in the order in which to learn from them.
    """
    if not len(draw):
        return []
    # Shuffled before they are grouped: `group_rows` keeps this order, and so decides at random who shares a batch.
    order = rng.permutation(len(draw))  # [n]
    lengths = np.stack([draw.prompts.lengths, draw.programs.lengths], axis=1)[order]  # [n, 2]
    if steps == "random":
        starts = range(0, len(draw), sizes.batch_size)
        parts = [slice(start, start + sizes.batch_size) for start in starts]
        return [PlannedBatch(shape=shape_of(lengths[part], text, sizes), rows=order[part]) for part in parts]
    buckets = group_rows(lengths, [text.prompt_buckets, text.program_buckets])
    prompt_lengths = sorted({bucket.shape[0] for bucket in buckets})
    upwards = {length: 1 if number % 2 == 0 else -1 for number, length in enumerate(prompt_lengths)}
    buckets.sort(key=lambda bucket: (bucket.shape[0], upwards[bucket.shape[0]] * bucket.shape[1]))
    rows = np.concatenate([order[bucket.rows] for bucket in buckets])  # [n]
    padded = np.concatenate([np.tile(bucket.shape, (len(bucket.rows), 1)) for bucket in buckets])  # [n, 2]
    slices = [slice(start, start + sizes.batch_size) for start in range(0, len(rows), sizes.batch_size)]
    batches = [PlannedBatch(shape=sizes.shape(*padded[s].max(axis=0).tolist()), rows=rows[s]) for s in slices]
    # In random order: sorted by length, an epoch would end on the longest programs alone.
    return [batches[index] for index in rng.permutation(len(batches))]


def shape_of(lengths: np.ndarray, text: TextConfig, sizes: BatchSizes) -> Shape:
    """Return the shape of one batch of rows of these lengths.

    Args:
        lengths: int [n, 2], of prompts and programs.
        text: the bucket lengths.
        sizes: of batches and parts.
    """
    [bucket] = group_rows(lengths.max(axis=0, keepdims=True), [text.prompt_buckets, text.program_buckets])
    return sizes.shape(*bucket.shape)


def collate(draw: Draw, batch: PlannedBatch, tokenizer: Tokenizer, *, pad_loss: bool = False) -> TrainBatch:
    """Pad a planned batch's rows to its shape, and add rows that count nothing to fill it.

    Args:
        draw: where the rows are.
        batch: which of them, and the shape.
        tokenizer: for the special tokens.
        pad_loss: let pad positions of real rows count in the loss, as the released code does.

    Returns:
        A batch of NumPy arrays.
    """
    num_parts, part_rows, prompt_length, program_length = batch.shape
    num_rows = num_parts * part_rows
    prompts = _pad(draw.prompts[batch.rows], prompt_length, num_rows, tokenizer.pad_id)  # [N * B, L]
    targets = _pad(draw.programs[batch.rows], program_length, num_rows, tokenizer.pad_id)  # [N * B, T]
    encoder_mask = _mask(draw.prompts.lengths[batch.rows], prompt_length, num_rows)  # [N * B, L]
    # A row without any key would attend to nothing, and be NaN; an empty row attends to its first pad token instead.
    encoder_mask[len(batch.rows) :, 0] = True
    loss_lengths = draw.programs.lengths[batch.rows]
    if pad_loss:  # but never in the rows that fill the batch up: how many there are depends on the devices
        loss_lengths = np.full_like(loss_lengths, program_length)
    start = np.full((num_rows, 1), tokenizer.start_id, np.int32)  # [N * B, 1]

    def in_parts(array: np.ndarray) -> Any:
        return array.reshape(num_parts, part_rows, array.shape[1])  # [N, B, L or T]

    arrays = {
        "encoder_input_tokens": prompts,
        "encoder_mask": encoder_mask,
        "decoder_input_tokens": np.concatenate([start, targets[:, :-1]], axis=1),
        "decoder_target_tokens": targets,
        "loss_mask": _mask(loss_lengths, program_length, num_rows),
    }
    return TrainBatch(**{name: in_parts(array) for name, array in arrays.items()})


def prefetch(make: Callable[[int], T], numbers: Iterable[int]) -> Generator[T, None, None]:
    """Yield `make(number)` for each number, in order; the next ones are made meanwhile in one thread.

    Whatever `make` raises is raised where its result would have come. Closing the iterator drops what was made ahead.

    Args:
        make: makes one item.
        numbers: of the items.

    Yields:
        The items.
    """
    # One thread, no more: the items are made in order, and NumPy holds the interpreter lock for most of the work.
    worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch")
    ahead: deque[Future[T]] = deque()
    try:
        for number in numbers:
            ahead.append(worker.submit(make, number))
            if len(ahead) > PREFETCH_DEPTH:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        # Reached through `close()` too, when the consumer stops early or raises: the thread must not outlive the stage.
        worker.shutdown(cancel_futures=True)


def _pad(rows: TokenRows, length: int, num_rows: int, pad_id: int) -> np.ndarray:
    padded = np.full((num_rows, length), pad_id, np.int32)
    padded[: len(rows)] = rows.pad(length, pad_id, dtype=np.int32)
    return padded


def _mask(lengths: np.ndarray, length: int, num_rows: int) -> np.ndarray:
    counts = np.zeros(num_rows, np.int64)
    counts[: len(lengths)] = lengths
    return np.arange(length)[None, :] < counts[:, None]
