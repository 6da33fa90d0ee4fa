"""Priorities of a buffer: from raw values to draws and importance weights, and what a priority of zero means."""

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from codeit_jax.replay.store.slot_table import SlotTable
from codeit_jax.replay.tree.arrays import FloatArray, IntArray
from codeit_jax.replay.tree.extrema import Extrema
from codeit_jax.replay.tree.sum_tree import SumTree
from codeit_jax.replay.tree.tree_draws import Method, draw_without_replacement

ZeroPolicy = Literal["uniform", "error", "never"]
"""What a priority of zero (after `eps` is added) means.

"uniform": drawn, uniformly, only once the positive ones are used up. "never": not drawn even then: asking for more
raises. "error": refused when it is set.
"""

MaxWeight = Literal["batch", "buffer"] | None
"""What importance weights are divided by: the largest of the batch, of the buffer, or nothing."""

_MAX_BITS = 400  # of a mass, and of the factor by which new masses have grown: their product stays far from overflow
_SMALLEST = float(np.finfo(np.float64).tiny)


class Priorities:
    """Raw priorities by slot and the tree of masses that draws are proportional to.

    A mass is (raw + eps) ** alpha, with a `decay` times decay ** (alpha * age). Not the old masses become smaller, but
    the new ones larger, by the same factor: nobody's mass changes as time goes by. Before they leave the range of
    floats, all are made anew.
    """

    def __init__(
        self,
        capacity: int,
        alpha: float,
        eps: float,
        zero: ZeroPolicy,
        rng: np.random.Generator,
        decay: float = 1.0,
        raw: FloatArray | None = None,
    ) -> None:
        """Make zeros for `capacity` slots, or take `raw`, zeros that others can see.

        Raises ValueError for a setting out of range.
        """
        if zero not in ("uniform", "error", "never"):
            raise ValueError(f"zero is {zero!r}: must be 'uniform', 'error' or 'never'")
        if not 0.0 <= eps < np.inf:
            raise ValueError(f"eps is {eps}: must be finite and not negative")
        if not 0.0 < decay <= 1.0:
            raise ValueError(f"decay is {decay}: must be in (0, 1]")
        self.eps = eps
        self.decay = decay
        self.origin = 0
        """Stamp of the item whose mass decay leaves as it is."""
        self.zero: ZeroPolicy = zero
        self.alpha = _checked_alpha(alpha)
        self.raw: FloatArray = np.zeros(capacity) if raw is None else raw  # [capacity]
        # A power of each raw priority: what is drawn in proportion to.
        self.tree = SumTree(capacity, rng=rng)
        self._extrema = Extrema(self.raw)

    def masses(self, raw: FloatArray, alpha: float | None = None) -> FloatArray:
        """Return (raw + eps) ** alpha, [n]; a positive priority keeps a positive mass.

        With alpha = 0 all masses are 1, except those of zero priorities under "never". Raises ValueError for a zero
        that the policy refuses and OverflowError if a mass is beyond float64.
        """
        exponent = self.alpha if alpha is None else alpha
        # Not `+ 0.0`, which would copy; and 1e-19 vanishes beside 0.5, but not beside 0.
        shifted = raw + self.eps if self.eps else raw
        has_zero = np.count_nonzero(shifted) < shifted.size
        if has_zero and self.zero == "error":
            raise ValueError("a priority is zero: zero='error' refuses it")
        if self.decay < 1.0 and shifted.size and exponent * np.log2(np.maximum.reduce(shifted) or 1.0) > _MAX_BITS:
            raise OverflowError(f"a priority to the power alpha = {exponent} is beyond 2 ** {_MAX_BITS} with a decay")
        if exponent == 1.0 or not shifted.size:
            return shifted
        if exponent < 1.0:
            mass: FloatArray = np.power(shifted, exponent)  # between the number and 1: within the range of floats
        else:
            # Both are met below: too large raises, too small becomes the smallest normal number.
            with np.errstate(over="ignore", under="ignore"):
                mass = np.power(shifted, exponent)
            if np.maximum.reduce(mass) == np.inf:
                raise OverflowError(f"a priority to the power alpha = {exponent} is beyond float64")
        np.maximum(mass, _SMALLEST, out=mass)  # a power that underflows to zero would never be drawn
        if has_zero and (exponent > 0.0 or self.zero == "never"):
            mass[shifted == 0.0] = 0.0
        return mass

    def set(self, slots: IntArray, raw: FloatArray, masses: FloatArray, table: SlotTable) -> None:
        """Set taken slots of a table to checked raw priorities and the masses that belong to them."""
        if self.decay < 1.0:
            masses = self._decayed(slots, masses, table)
        self.tree.write(slots, masses, table.end)
        self.raw[slots] = raw
        self._extrema.note(slots)

    def set_one(self, slot: int, raw: float, mass: float, table: SlotTable) -> None:
        """Do as `set` does for one slot."""
        if self.decay < 1.0:
            mass = float(self._decayed(np.array([slot]), np.array([mass]), table)[0])
        self.tree.write_one(slot, mass)
        self.raw[slot] = raw
        self._extrema.note_one(slot, raw)

    def clear(self, slots: IntArray) -> None:
        """Set slots to zero, as empty ones have to be."""
        self.tree[slots] = 0.0
        self.raw[slots] = 0.0
        self._extrema.note(slots)

    def set_alpha(self, alpha: float, table: SlotTable) -> None:
        """Change the exponent of all taken slots of a table."""
        taken = table.occupied()
        masses = self.masses(self.raw[taken], _checked_alpha(alpha))
        self.alpha = alpha
        self.origin = table.clock
        self.tree[taken] = masses if self.decay == 1.0 else self._grown(taken, masses, table)

    def restore(self, raw: FloatArray, alpha: float, table: SlotTable, origin: int) -> None:
        """Start again from the raw priorities of the first slots."""
        self.raw[: len(raw)] = raw
        self.raw[len(raw) :] = 0.0
        # Empty, then only what is taken: masses of removed items must not linger. As long as it was when it was saved:
        # draws without replacement take a random number for each slot up to the last that was ever used.
        self.tree.load_priorities(np.zeros(table.end))
        self.alpha, self.origin = _checked_alpha(alpha), origin
        taken = table.occupied()
        masses = self.masses(self.raw[taken])
        self.tree[taken] = masses if self.decay == 1.0 else self._grown(taken, masses, table)
        self._extrema.forget()

    def _decayed(self, slots: IntArray, masses: FloatArray, table: SlotTable) -> FloatArray:
        """Return masses as they count beside those of all other ages."""
        if self._rate() * (table.clock - self.origin) > _MAX_BITS:
            self.set_alpha(
                self.alpha, table
            )  # a pass over all, once in so many items that it costs each next to nothing
        return self._grown(slots, masses, table)

    def _grown(self, slots: IntArray, masses: FloatArray, table: SlotTable) -> FloatArray:
        with np.errstate(under="ignore"):
            grown = masses * np.exp2(self._rate() * (table.inserted[slots] - self.origin))
        return np.where(masses > 0.0, np.maximum(grown, _SMALLEST), 0.0)

    def _rate(self) -> float:
        return -self.alpha * math.log2(self.decay)

    def smallest(self) -> float:
        """Return the smallest positive raw priority, inf if there is none."""
        return self._extrema.smallest_positive()

    def largest(self) -> float:
        """Return the largest raw priority."""
        return self._extrema.largest()

    def draw(
        self, n: int, method: Method, sort: bool, rng: np.random.Generator, taken: Callable[[], IntArray]
    ) -> tuple[IntArray, FloatArray]:
        """Draw with replacement; return slots and masses. `taken` lists the taken slots, for all masses zero."""
        if n and self.tree.total() == 0.0:
            if self.zero == "never":
                raise ValueError("all priorities are zero: zero='never' leaves nothing to draw")
            # `taken` is a function, since to list the slots is O(capacity) and hardly ever needed.
            slots = rng.choice(taken(), n)
            return (np.sort(slots) if sort else slots), np.zeros(n)
        return self.tree.draw(n, method, sort, rng)

    def draw_distinct(
        self, n: int, sort: bool, rng: np.random.Generator, taken: Callable[[], IntArray]
    ) -> tuple[IntArray, FloatArray]:
        """Draw without replacement; return slots and masses."""
        self.tree.total()  # raises OverflowError if it is infinite
        slots = draw_without_replacement(self.tree, n, rng)
        missing = n - len(slots)
        if missing:
            candidates, drawn = taken(), np.zeros(len(self.raw), bool)
            drawn[slots] = True
            rest = candidates[~drawn[candidates]]
            if self.zero == "never" or missing > len(rest):
                raise ValueError(f"n is {n}: only {len(slots)} priorities are positive and {len(rest)} are zero")
            # Zeros come after every positive priority; shuffled, or they would all be at the end.
            slots = np.concatenate([slots, rng.choice(rest, missing, replace=False)])
            rng.shuffle(slots)
        if sort:
            slots.sort()
        return slots, self.tree[slots]

    def probabilities(self, masses: FloatArray, size: int) -> FloatArray:
        """Return the chance of each mass in one draw with replacement from `size` items."""
        total = self.tree.total()
        return masses / total if total > 0.0 else np.full(len(masses), 1.0 / max(size, 1))

    def importance_weights(self, masses: FloatArray, size: int, beta: float, max_weight: MaxWeight) -> FloatArray:
        """Return (size * probability) ** -beta, normalized (Schaul et al., 2016, section 3.4).

        Draws of mass zero, which there are only once the positive masses are used up, get the weight of the smallest
        mass: no weight is ever zero, infinite or NaN.
        """
        if beta == 0.0 or not len(masses):
            return np.ones(len(masses))
        # The smallest mass has the largest weight.
        smallest = np.minimum.reduce(masses)
        if smallest <= 0.0:
            smallest = masses[masses > 0.0].min(initial=np.inf)
            if smallest == np.inf:
                return np.ones(len(masses))
            masses = np.where(masses > 0.0, masses, smallest)
        if max_weight == "batch":
            reference = smallest
        elif max_weight == "buffer":
            reference = self.tree.min()
        else:
            # size * mass / total, divided out once.
            reference = self.tree.total() / size
        weights: FloatArray = np.power(masses / reference, -beta)
        return weights


def _checked_alpha(alpha: float) -> float:
    if not 0.0 <= alpha < np.inf:
        raise ValueError(f"alpha is {alpha}: must be finite and not negative")
    return alpha
