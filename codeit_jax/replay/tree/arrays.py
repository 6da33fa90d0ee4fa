"""Array types, and the few array operations that tree and store share."""

from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

IN_RANGE: Literal["wrap"] = "wrap"
"""Mode of `take` for indices that are in range anyway.

With "clip" each load waits for a comparison, which takes 1.5x as long; with "raise" the result is copied once more.
"""

_INFINITY_BITS = 0x7FF0_0000_0000_0000


def distinct(ascending: IntArray) -> IntArray:
    """Return the distinct values of an ascending array, which may be empty; `np.unique` would hash, 10x slower."""
    first = np.ones(len(ascending), bool)  # [n]: differs from the one before
    np.not_equal(ascending[1:], ascending[:-1], out=first[1:])
    return ascending[first]


def check_priorities(priorities: FloatArray) -> None:
    """Raise ValueError unless all priorities are finite and not negative."""
    # Read as unsigned integers, infinity, NaN and whatever has a minus sign are the largest: one pass finds them all.
    bits = priorities.view(np.uint64)
    if not bits.size or (bits.item() if bits.size == 1 else np.maximum.reduce(bits, axis=None)) < _INFINITY_BITS:
        return
    least, greatest = priorities.min(), priorities.max()
    if not (least >= 0.0 and greatest < np.inf):  # what passes has a -0.0
        raise ValueError(f"priorities span [{least}, {greatest}]: must be finite and not negative")
