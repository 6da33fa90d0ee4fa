"""T5's relative position buckets (Raffel et al., 2020, section 2.1), as a table made on the host."""

import numpy as np


def relative_buckets(
    query_positions: np.ndarray, key_positions: np.ndarray, *, bidirectional: bool, num_buckets: int, max_distance: int
) -> np.ndarray:
    """Return the bucket of every (query, key) pair.

    Half of the buckets hold one distance each, the rest grow logarithmically up to `max_distance`; a bidirectional
    stack spends half of all buckets on keys that come after the query. The logarithm is taken in float32, as in the
    published checkpoints' training code: a float64 logarithm puts some distances into the neighbouring bucket.

    Args:
        query_positions: int [Q].
        key_positions: int [K].

    Returns:
        int32 [Q, K].
    """
    distance = np.asarray(key_positions)[None, :] - np.asarray(query_positions)[:, None]
    offset = np.zeros_like(distance)
    if bidirectional:
        num_buckets //= 2
        offset = np.where(distance > 0, num_buckets, 0)
        distance = np.abs(distance)
    else:
        distance = np.maximum(-distance, 0)
    exact = num_buckets // 2
    ratio = np.log(np.maximum(distance, 1).astype(np.float32) / np.float32(exact)) / np.float32(
        np.log(max_distance / exact)
    )
    logarithmic = exact + (ratio * np.float32(num_buckets - exact)).astype(np.int32)
    bucket = np.where(distance < exact, distance, np.minimum(logarithmic, num_buckets - 1))
    return np.asarray(offset + bucket, np.int32)
