"""An array that never is in memory as a whole: made chunk by chunk, once for its checksum and once to be written."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

CHUNK_BYTES = 1 << 24
"""Of arrays that are in memory, at a time."""


class ChunkedArray(NamedTuple):
    """What an array is, and how to go through it."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    chunks: Callable[[], Iterator[npt.NDArray[Any]]]
    """Makes contiguous arrays that follow one another; the same ones at every call."""

    @property
    def nbytes(self) -> int:
        """Bytes of the whole."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize


def in_chunks(array: npt.NDArray[Any]) -> ChunkedArray:
    """Return an array as chunks; one that isn't contiguous is copied chunk by chunk."""
    rows = max(1, CHUNK_BYTES * len(array) // array.nbytes) if array.ndim and array.nbytes else 1

    def chunks() -> Iterator[npt.NDArray[Any]]:
        if array.ndim == 0:
            yield np.ascontiguousarray(array)
        for start in range(0, len(array) if array.ndim else 0, rows):
            yield np.ascontiguousarray(array[start : start + rows])

    return ChunkedArray(array.dtype, array.shape, chunks)
