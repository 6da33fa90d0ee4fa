"""The arithmetic of training a T5: floating-point operations of a row, and what devices can do at best."""

from collections.abc import Sequence
from typing import Any

from codeit_jax.model import T5Model

FORWARD_AND_BACKWARD = 3  # the backward pass multiplies each product's gradient with both of its factors

# Dense bfloat16 peaks without sparsity, as published by the makers; the first prefix of a device's kind that fits.
PEAK_FLOPS: tuple[tuple[str, float], ...] = (
    ("NVIDIA H100 PCIe", 756e12),
    ("NVIDIA H100", 989e12),
    ("NVIDIA H200", 989e12),
    ("NVIDIA A100", 312e12),
    ("TPU v4 lite", 138e12),
    ("TPU v4", 275e12),
    ("TPU v5 lite", 197e12),
    ("TPU v5e", 197e12),
    ("TPU v5", 459e12),
    ("TPU v6", 918e12),
)


def row_flops(model: T5Model, prompt_length: Any, program_length: Any) -> Any:
    """Return the operations that training on one row takes, a multiplication and an addition counted as two.

    Only matrix products count: projections, attention, feed-forward and the output head over the whole vocabulary.
    Recomputation (`model.remat`) doesn't.

    Args:
        prompt_length: of the row, or NumPy arrays of lengths, which give an array.
        program_length: the same, end token included.
    """
    config = model.config
    length, target_length = 1.0 * prompt_length, 1.0 * program_length
    heads = config.num_heads * config.d_kv
    projection = config.d_model * heads  # of one position, by one of the four matrices
    feed_forward = (3 if config.feed_forward == "gated-gelu" else 2) * config.d_model * config.d_ff

    def attention(queries: Any, keys: Any) -> Any:
        return 2 * queries * keys * heads + 2 * queries * projection + 2 * keys * projection

    encoder = attention(length, length) + length * feed_forward
    decoder = attention(target_length, target_length) + attention(target_length, length) + target_length * feed_forward
    head = target_length * config.d_model * model.vocabulary_size
    products = config.num_encoder_layers * encoder + config.num_decoder_layers * decoder + head
    return 2 * FORWARD_AND_BACKWARD * products


def peak_flops(device_kinds: Sequence[str]) -> float | None:
    """Return the operations a second of some devices together; None if one of them isn't known."""
    peaks = [next((peak for prefix, peak in PEAK_FLOPS if kind.startswith(prefix)), None) for kind in device_kinds]
    known = [peak for peak in peaks if peak is not None]
    return sum(known) if len(known) == len(peaks) else None
