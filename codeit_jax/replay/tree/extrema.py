"""Largest and smallest positive value of an array that changes a little at a time."""

from collections.abc import Callable

import numpy as np

from codeit_jax.replay.tree.arrays import FloatArray, IntArray

_UNKNOWN = -1


class Extrema:
    """Largest and smallest positive of `values`, [n] >= 0, whose owner reports what it changes.

    It remembers where each is. A change elsewhere costs a look at what was written; only a change just there makes the
    next question read the whole array. Before the first question nothing is looked at.
    """

    def __init__(self, values: FloatArray) -> None:
        """Look at `values`, which stay the owner's."""
        self._values = values
        self._largest_at: int = _UNKNOWN
        self._smallest_at: int = _UNKNOWN

    def largest(self) -> float:
        """Return the largest value."""
        if self._largest_at == _UNKNOWN:
            self._largest_at = _argmax(self._values)
        return float(self._values[self._largest_at])

    def smallest_positive(self) -> float:
        """Return the smallest value above zero, inf if there is none."""
        if self._smallest_at == _UNKNOWN:
            self._smallest_at = _argmin_positive(self._values)
        # Zero if nothing is positive: then `argmin` points anywhere.
        return float(self._values[self._smallest_at]) or np.inf

    def note(self, positions: IntArray) -> None:
        """Account for changed positions, int64 [n], after the change."""
        if self._largest_at != _UNKNOWN and len(positions):
            self._largest_at = self._after(positions, self._largest_at, _argmax)
        if self._smallest_at != _UNKNOWN and len(positions):
            self._smallest_at = self._after(positions, self._smallest_at, _argmin_positive)

    def note_one(self, position: int, value: float) -> None:
        """Account for one position that now has a value."""
        largest_at, smallest_at = self._largest_at, self._smallest_at
        if largest_at == position:
            self._largest_at = _UNKNOWN
        # Of equal ones the last written: in a ring, it is the last to be overwritten.
        elif largest_at != _UNKNOWN and value >= self._values[largest_at]:
            self._largest_at = position
        if smallest_at == position:
            self._smallest_at = _UNKNOWN
        elif smallest_at != _UNKNOWN and 0.0 < value < (self._values[smallest_at] or np.inf):
            self._smallest_at = position

    def forget(self) -> None:
        """Account for a change anywhere."""
        self._largest_at = self._smallest_at = _UNKNOWN

    def _after(self, positions: IntArray, known: int, best: Callable[[FloatArray], int]) -> int:
        # Where the extremum itself was written, anything may be the new one.
        if np.count_nonzero(positions == known):
            return _UNKNOWN
        # What is stored is compared, not what was given: of equal positions only the last one counts.
        contender = int(positions[best(self._values.take(positions))])
        return contender if best(self._values[[contender, known]]) == 0 else known


def _argmax(values: FloatArray) -> int:
    return int(values.argmax())


def _argmin_positive(values: FloatArray) -> int:
    return int(np.where(values > 0.0, values, np.inf).argmin())
