"""From a draw to batches of few shapes: two-dimensional length buckets, filled to the brim.

A batch is what one optimizer step learns from; one that is too large for the devices is cut into parts, each padded to
a shape of its own. Shapes are pairs of bucket lengths, so there are only as many as pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from codeit_jax.config.schema import TextConfig
from codeit_jax.replay import TokenRows
from codeit_jax.text.buckets import group_rows
from codeit_jax.text.tokenizer import Tokenizer
from codeit_jax.training.experience_replay import Draw
from codeit_jax.training.train_step import TrainBatch

Shape = tuple[int, int, int]
"""Rows, prompt length L, program length T, padding included."""


@dataclass(frozen=True, kw_only=True)
class PlannedPart:
    """Rows of a draw that go through the network together.

    Attributes:
        shape: what they are padded to.
        rows: int64 [n], n at most the shape's rows.
    """

    shape: Shape
    rows: np.ndarray


@dataclass(frozen=True, kw_only=True)
class PlannedBatch:
    """Rows of a draw that an optimizer step learns from, in parts."""

    parts: tuple[PlannedPart, ...]

    @property
    def rows(self) -> np.ndarray:
        """Rows of the draw, int64 [n]."""
        return np.concatenate([part.rows for part in self.parts])


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

    def rows_of_part(self, prompt_length: int, program_length: int) -> int:
        """Return the rows of a part of these lengths: a batch in as few equal parts as fit."""
        rows_per_device = max(1, self.tokens_per_device // (prompt_length + program_length))
        num_parts = -(-self.batch_size // (rows_per_device * self.num_shards))
        rows = -(-self.batch_size // num_parts)
        return -(-rows // self.num_shards) * self.num_shards

    def shapes(self, text: TextConfig) -> list[Shape]:
        """Return every shape that a plan can have, the one with most tokens first."""
        lengths = product(text.prompt_buckets, text.program_buckets)
        shapes = [(self.rows_of_part(*pair), *pair) for pair in lengths]
        return sorted(shapes, key=lambda shape: -shape[0] * (shape[1] + shape[2]))


def plan_batches(draw: Draw, text: TextConfig, sizes: BatchSizes, rng: np.random.Generator) -> list[PlannedBatch]:
    """Cut a draw into batches, each row once, in random order.

    Rows are laid out bucket by bucket and cut every `batch_size` rows, so all batches but one are full; a part across
    the border of two buckets takes the larger shape. Program lengths run up in one prompt bucket and down in the next,
    so that neighbours at a border differ in one axis only. Which rows make a batch doesn't depend on the devices.

    Args:
        draw: N rows.
        text: the bucket lengths.
        sizes: of batches and parts.
        rng: consumed; the plan is a function of the draw and of it.
    """
    if not len(draw):
        return []
    order = rng.permutation(len(draw))
    lengths = np.stack([draw.prompts.lengths, draw.programs.lengths], axis=1)[order]
    buckets = group_rows(lengths, [text.prompt_buckets, text.program_buckets])
    prompt_lengths = sorted({bucket.shape[0] for bucket in buckets})
    upwards = {length: 1 if number % 2 == 0 else -1 for number, length in enumerate(prompt_lengths)}
    buckets.sort(key=lambda bucket: (bucket.shape[0], upwards[bucket.shape[0]] * bucket.shape[1]))
    rows = np.concatenate([order[bucket.rows] for bucket in buckets])
    padded = np.concatenate([np.tile(bucket.shape, (len(bucket.rows), 1)) for bucket in buckets])
    cuts = [slice(at, at + sizes.batch_size) for at in range(0, len(rows), sizes.batch_size)]
    batches = [PlannedBatch(parts=tuple(_cut_into_parts(rows[cut], padded[cut], sizes))) for cut in cuts]
    return [batches[index] for index in rng.permutation(len(batches))]


def collate(draw: Draw, part: PlannedPart, tokenizer: Tokenizer, *, pad_loss: bool = False) -> TrainBatch:
    """Pad a planned part's rows to its shape, and add rows that count nothing to fill it.

    Args:
        pad_loss: let pad positions of real rows count in the loss, as the released code does.

    Returns:
        A batch of NumPy arrays.
    """
    num_rows, prompt_length, program_length = part.shape
    prompts = _pad(draw.prompts[part.rows], prompt_length, num_rows, tokenizer.pad_id)
    targets = _pad(draw.programs[part.rows], program_length, num_rows, tokenizer.pad_id)
    encoder_mask = _mask(draw.prompts.lengths[part.rows], prompt_length, num_rows)
    # A row without any key would attend to nothing; an empty row attends to its first pad token instead.
    encoder_mask[len(part.rows) :, 0] = True
    loss_lengths = draw.programs.lengths[part.rows]
    if pad_loss:
        loss_lengths = np.full_like(loss_lengths, program_length)
    start = np.full((num_rows, 1), tokenizer.start_id, np.int32)
    return TrainBatch(
        encoder_input_tokens=prompts,
        encoder_mask=encoder_mask,
        decoder_input_tokens=np.concatenate([start, targets[:, :-1]], axis=1),
        decoder_target_tokens=targets,
        loss_mask=_mask(loss_lengths, program_length, num_rows),
    )


def _cut_into_parts(rows: np.ndarray, padded: np.ndarray, sizes: BatchSizes) -> Sequence[PlannedPart]:
    """Cut a batch's rows, each with its bucket's lengths [n, 2], into parts that fit the devices."""
    parts: list[PlannedPart] = []
    at = 0
    while at < len(rows):
        count = sizes.rows_of_part(*padded[at].tolist())
        # The rows after a border can ask for a larger shape, of which fewer rows fit; fewer rows never ask for more.
        while count > (fitting := sizes.rows_of_part(*padded[at : at + count].max(axis=0).tolist())):
            count = fitting
        prompt_length, program_length = padded[at : at + count].max(axis=0).tolist()
        shape = (sizes.rows_of_part(prompt_length, program_length), prompt_length, program_length)
        parts.append(PlannedPart(shape=shape, rows=rows[at : at + count]))
        at += count
    return parts


def _pad(rows: TokenRows, length: int, batch_size: int, pad_id: int) -> np.ndarray:
    padded = np.full((batch_size, length), pad_id, np.int32)
    padded[: len(rows)] = rows.pad(length, pad_id, dtype=np.int32)
    return padded


def _mask(lengths: np.ndarray, length: int, batch_size: int) -> np.ndarray:
    counts = np.zeros(batch_size, np.int64)
    counts[: len(lengths)] = lengths
    return np.arange(length)[None, :] < counts[:, None]
