"""Smallest positive and largest value of an array that changes a little at a time."""

from collections.abc import Callable

import numpy as np

from codeit_jax.replay.tree.arrays import FloatArray, IntArray, distinct

_BLOCK = 64


def _largest(rows: FloatArray) -> FloatArray:
    largest: FloatArray = rows.max(axis=1)
    return largest


def _smallest_positive(rows: FloatArray) -> FloatArray:
    smallest: FloatArray = np.where(rows > 0.0, rows, np.inf).min(axis=1)
    return smallest


class _Reduction:
    """One reduction over blocks of 64, over blocks of 64 of those, and so on."""

    def __init__(self, reduce_rows: Callable[[FloatArray], FloatArray], identity: float, values: FloatArray) -> None:
        self._reduce_rows = reduce_rows
        self._identity = identity
        self._levels: list[FloatArray] = []
        size = len(values)
        while size > _BLOCK:
            size = -(-size // _BLOCK)
            self._levels.append(np.full(size, identity))
        self.refresh(values, None)

    def refresh(self, values: FloatArray, changed: IntArray | None) -> None:
        """Recompute what depends on the changed positions (None: all)."""
        below = values
        for level in self._levels:
            if changed is not None:
                changed = distinct(np.sort(changed // _BLOCK))
                if 2 * len(changed) >= len(level):
                    changed = None
            whole = len(below) // _BLOCK
            if changed is None:
                level[:whole] = self._reduce_rows(below[: whole * _BLOCK].reshape(-1, _BLOCK))
            else:
                inner = changed[changed < whole]
                level[inner] = self._reduce_rows(below[: whole * _BLOCK].reshape(-1, _BLOCK).take(inner, 0))
            if whole < len(level):
                level[whole] = self._reduce_rows(below[None, whole * _BLOCK :])[0]
            below = level
        self.value = float(self._reduce_rows(below[None])[0])


class Extrema:
    """Lazy smallest positive and largest value of `values`, an array that the owner changes and reports."""

    def __init__(self, values: FloatArray) -> None:
        self._values = values
        self._smallest = _Reduction(_smallest_positive, np.inf, values)
        self._largest = _Reduction(_largest, 0.0, values)
        self._changed: list[IntArray] = []
        self._num_changed = 0
        self._all_changed = False

    def mark(self, positions: IntArray) -> None:
        """Report changed positions."""
        if self._all_changed:
            return
        self._changed.append(positions.copy())
        self._num_changed += len(positions)
        if 8 * self._num_changed >= len(self._values):
            self.mark_all()

    def mark_all(self) -> None:
        """Report that anything may have changed."""
        self._all_changed = True
        self._changed.clear()
        self._num_changed = 0

    def smallest_positive(self) -> float:
        """Return the smallest value above zero, inf if there is none."""
        self._refresh()
        return self._smallest.value

    def largest(self) -> float:
        """Return the largest value."""
        self._refresh()
        return self._largest.value

    def _refresh(self) -> None:
        if not self._all_changed and not self._num_changed:
            return
        changed = None if self._all_changed else np.concatenate(self._changed)
        self._smallest.refresh(self._values, changed)
        self._largest.refresh(self._values, changed)
        self._changed.clear()
        self._num_changed = 0
        self._all_changed = False
