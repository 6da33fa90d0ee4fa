"""From a draw to batches of few shapes: two-dimensional length buckets, filled to the brim."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from codeit_jax.config import TextConfig
from codeit_jax.replay import TokenRows
from codeit_jax.text.buckets import group_rows
from codeit_jax.text.tokenizer import Tokenizer
from codeit_jax.training.experience_replay import Draw
from codeit_jax.training.step import TrainBatch


@dataclass(frozen=True, kw_only=True)
class PlannedBatch:
    """Rows of a draw that are trained on together.

    Attributes:
        prompt_length: padded prompt length L.
        program_length: padded program length T.
        rows: int64 [n], n at most the batch size.
    """

    prompt_length: int
    program_length: int
    rows: np.ndarray


def plan_batches(draw: Draw, text: TextConfig, batch_size: int, rng: np.random.Generator) -> list[PlannedBatch]:
    """Cut a draw into batches, each row once, in random order.

    Rows are laid out bucket by bucket and cut every `batch_size` rows, so all batches but one are full; a batch
    across the border of two buckets takes the larger shape. Program lengths run up in one prompt bucket and down in
    the next, so that neighbours at a border differ in one axis only.

    Args:
        draw: N rows.
        text: the bucket lengths.
        batch_size: rows of a batch.
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
    shapes = np.concatenate([np.tile(bucket.shape, (len(bucket.rows), 1)) for bucket in buckets])
    starts = range(0, len(rows), batch_size)
    batches = [_batch(shapes[at : at + batch_size].max(axis=0), rows[at : at + batch_size]) for at in starts]
    return [batches[index] for index in rng.permutation(len(batches))]


def collate(
    draw: Draw, planned: PlannedBatch, tokenizer: Tokenizer, *, batch_size: int, pad_loss: bool = False
) -> TrainBatch:
    """Pad a planned batch's rows to its shape, and the batch to `batch_size` rows that count nothing.

    Args:
        pad_loss: let pad positions of real rows count in the loss, as the released code does.

    Returns:
        A batch of NumPy arrays.
    """
    prompts = _pad(draw.prompts[planned.rows], planned.prompt_length, batch_size, tokenizer.pad_id)
    targets = _pad(draw.programs[planned.rows], planned.program_length, batch_size, tokenizer.pad_id)
    encoder_mask = _mask(draw.prompts.lengths[planned.rows], planned.prompt_length, batch_size)
    # A row without any key would attend to nothing; an empty row attends to its first pad token instead.
    encoder_mask[len(planned.rows) :, 0] = True
    loss_lengths = draw.programs.lengths[planned.rows]
    if pad_loss:
        loss_lengths = np.full_like(loss_lengths, planned.program_length)
    start = np.full((batch_size, 1), tokenizer.start_id, np.int32)
    return TrainBatch(
        encoder_input_tokens=prompts,
        encoder_mask=encoder_mask,
        decoder_input_tokens=np.concatenate([start, targets[:, :-1]], axis=1),
        decoder_target_tokens=targets,
        loss_mask=_mask(loss_lengths, planned.program_length, batch_size),
    )


def useful_share(draw: Draw, plan: Sequence[PlannedBatch], batch_size: int) -> float:
    """Return the share of the plan's token positions that hold a real token."""
    padded = sum(batch_size * (batch.prompt_length + batch.program_length) for batch in plan)
    lengths = draw.prompts.lengths + draw.programs.lengths
    return float(sum(lengths[batch.rows].sum() for batch in plan)) / padded if padded else 1.0


def _batch(shape: np.ndarray, rows: np.ndarray) -> PlannedBatch:
    return PlannedBatch(prompt_length=int(shape[0]), program_length=int(shape[1]), rows=rows)


def _pad(rows: TokenRows, length: int, batch_size: int, pad_id: int) -> np.ndarray:
    padded = np.full((batch_size, length), pad_id, np.int32)
    padded[: len(rows)] = rows.pad(length, pad_id, dtype=np.int32)
    return padded


def _mask(lengths: np.ndarray, length: int, batch_size: int) -> np.ndarray:
    counts = np.zeros(batch_size, np.int64)
    counts[: len(lengths)] = lengths
    return np.arange(length)[None, :] < counts[:, None]
