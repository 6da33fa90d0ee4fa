"""Length buckets: a few row lengths, so that compiled shapes are few and padding is little. NumPy on the host.

Shape letters: N rows, C candidate lengths, A axes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """Rows that are padded to one shape.

    Attributes:
        shape: padded length along each axis, e.g. (prompt length, program length).
        rows: int64 [n], ascending indices of the rows.
    """

    shape: tuple[int, ...]
    rows: NDArray[np.int64]


def choose_bucket_lengths(
    lengths: ArrayLike,
    *,
    num_buckets: int,
    multiple: int = 16,
    row_costs: Callable[[int], ArrayLike] = lambda length: length,
) -> tuple[int, ...]:
    """Choose at most `num_buckets` lengths that make rows of these `lengths` cost the least.

    Exact, by dynamic programming over the multiples of `multiple`. The last bucket holds the longest row.

    Args:
        lengths: int [N], at least one, all positive.
        num_buckets: upper bound of the number of buckets.
        multiple: every bucket length is a multiple of it.
        row_costs: what each row costs if it is padded to a length, [N] or one number for all; the length itself counts
            tokens.

    Returns:
        Ascending bucket lengths.

    Raises:
        ValueError: no rows, a length below 1, or num_buckets or multiple below 1.
    """
    row_lengths = np.asarray(lengths, np.int64)
    if row_lengths.size == 0 or row_lengths.min() < 1 or num_buckets < 1 or multiple < 1:
        raise ValueError("buckets need rows of positive lengths, num_buckets >= 1 and multiple >= 1")
    # Only lengths that some row rounds up to: a bucket in between would pad the same rows further.
    candidates, places = np.unique(-(-row_lengths // multiple) * multiple, return_inverse=True)
    # costs_up_to[i, j]: of the rows of candidates[:i], padded to candidates[j].
    costs_up_to = np.zeros((len(candidates) + 1, len(candidates)))  # [C + 1, C]
    for column, length in enumerate(candidates.tolist()):
        row_cost = np.broadcast_to(np.asarray(row_costs(length), np.float64), row_lengths.shape)
        costs_up_to[1:, column] = np.cumsum(np.bincount(places, weights=row_cost, minlength=len(candidates)))
    # cost[j]: least cost of the rows of candidates[:j] in the buckets opened so far.
    cost = np.full(len(candidates) + 1, np.inf)  # [C + 1]
    cost[0] = 0
    choices: list[NDArray[np.int64]] = []
    for _ in range(min(num_buckets, len(candidates))):
        # total[i, j]: candidates[i:j] share one bucket of length candidates[j - 1].
        between = np.diagonal(costs_up_to[1:])[None, :] - costs_up_to[:-1]
        # Column j - 1 on and above the diagonal only: a bucket holds one candidate at least.
        total = np.where(np.tri(len(candidates), dtype=bool).T, cost[:-1, None] + between, np.inf)
        choices.append(total.argmin(axis=0))
        cost = np.concatenate([[0.0], total.min(axis=0)])
    # Back from the last candidate: each choice is where the bucket that ends here begins.
    chosen: list[int] = []
    end = len(candidates)
    for choice in reversed(choices):
        if end == 0:
            break
        chosen.append(int(candidates[end - 1]))
        end = int(choice[end - 1])
    return tuple(reversed(chosen))


def group_rows(lengths: ArrayLike, bucket_lengths: Sequence[Sequence[int]]) -> list[Bucket]:
    """Sort each row into the smallest bucket that holds it along every axis.

    Args:
        lengths: int [N, A], e.g. the prompt's and the program's length of each row.
        bucket_lengths: for each of the A axes its ascending bucket lengths.

    Returns:
        The buckets that have rows, by ascending shape.

    Raises:
        ValueError: a row is longer than the longest bucket of an axis, or the axes don't match.
    """
    row_lengths = np.asarray(lengths, np.int64).reshape(-1, len(bucket_lengths))
    columns = []
    for axis, sizes in enumerate(bucket_lengths):
        bucket_sizes = np.asarray(sizes, np.int64)
        places = np.searchsorted(bucket_sizes, row_lengths[:, axis])
        if (places == len(bucket_sizes)).any():
            raise ValueError(f"a row of length {row_lengths[:, axis].max()}, expected at most {bucket_sizes[-1]}")
        columns.append(bucket_sizes[places])
    shapes, membership = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    rows = [np.flatnonzero(membership.ravel() == index) for index in range(len(shapes))]
    return [Bucket(shape=tuple(shape.tolist()), rows=members) for shape, members in zip(shapes, rows, strict=True)]


def pad_rows(rows: Sequence[NDArray[np.int32]], *, length: int, pad_id: int) -> NDArray[np.int32]:
    """Stack token rows into int32 [N, length], filled with `pad_id` on the right.

    Raises:
        ValueError: a row is longer than `length`.
    """
    batch = np.full((len(rows), length), pad_id, np.int32)
    for target, row in zip(batch, rows, strict=True):
        if len(row) > length:
            raise ValueError(f"a row of {len(row)} tokens, expected at most {length}")
        target[: len(row)] = row
    return batch
