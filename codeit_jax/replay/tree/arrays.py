"""Array types, and the few array operations that tree and store share."""

from typing import Any, Literal

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


def checked_size(name: str, size: Any, least: int = 1) -> int:
    """Return a size that a setting gives as an int, also where it is written 1e6; raises ValueError for others."""
    whole = isinstance(size, int | np.integer) or (isinstance(size, float | np.floating) and size % 1 == 0)
    if not whole or isinstance(size, bool) or size < least:
        raise ValueError(f"{name} is {size!r}: one can be made of a whole number only, at least {least}")
    return int(size)


def checked_slots(indices: npt.ArrayLike, capacity: int) -> tuple[IntArray, int]:
    """Return indices as int64, of the same shape (a mask of [capacity] as positions), and one more than the largest.

    Raises IndexError for a fraction, a mask of another shape, or an index outside [0, capacity).
    """
    index = np.asarray(indices)
    if index.dtype == bool:
        if index.shape != (capacity,):
            raise IndexError(f"mask has shape {index.shape}: must be ({capacity},)")
        index = np.flatnonzero(index)  # [capacity] bool -> [n]
    if index.size == 0:
        return np.empty(index.shape, np.int64), 0
    if index.dtype.kind not in "iu":
        raise IndexError(f"indices are {index.dtype}: must be integers")
    index = np.asarray(index, dtype=np.int64, order="C")
    bits = index.view(np.uint64)  # where a negative index looks huge: one pass finds both ends
    largest = int(bits.item() if index.size == 1 else np.maximum.reduce(bits, axis=None))
    if largest >= capacity:
        raise IndexError(f"indices span [{index.min()}, {index.max()}]: must be in [0, {capacity})")
    return index, largest + 1
