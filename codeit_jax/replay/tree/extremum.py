"""Largest or smallest positive value of an array that changes a little at a time."""

import numpy as np

from codeit_jax.replay.tree.arrays import FloatArray, IntArray

_UNKNOWN = -1


class Extremum:
    """Largest (or smallest positive) of `values`, [n] >= 0, whose owner reports what it changes.

    It remembers where the extremum is. A change elsewhere costs a look at what was written; only a change just there
    makes the next question read the whole array. Before the first question nothing is looked at.
    """

    def __init__(self, values: FloatArray, *, largest: bool) -> None:
        """Look at `values`, which stay the owner's."""
        self._values = values
        self._largest = largest
        self._position = _UNKNOWN

    def value(self) -> float:
        """Return the extremum: 0 for the largest, inf for the smallest positive, if nothing is positive."""
        if self._position == _UNKNOWN:
            self._position = self._best(self._values)
        value = float(self._values[self._position])
        return value if self._largest or value > 0.0 else np.inf

    def note(self, positions: IntArray) -> None:
        """Take note of changed positions, int64 [n], after the change."""
        if self._position == _UNKNOWN or not len(positions):
            return
        if (positions == self._position).any():
            self.forget()
            return
        contenders = np.append(positions, self._position)
        self._position = int(contenders[self._best(self._values.take(contenders))])

    def forget(self) -> None:
        """Take note that anything may have changed."""
        self._position = _UNKNOWN

    def _best(self, values: FloatArray) -> int:
        return int(values.argmax() if self._largest else np.where(values > 0.0, values, np.inf).argmin())
