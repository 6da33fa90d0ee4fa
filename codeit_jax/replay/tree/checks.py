"""Which priorities are allowed."""

import math

import numpy as np

from codeit_jax.replay.tree.arrays import FloatArray

_INFINITY_BITS = 0x7FF0_0000_0000_0000


def check_priorities(priorities: FloatArray) -> None:
    """Raise ValueError unless all priorities are finite and not negative."""
    if priorities.size <= 1:
        if not priorities.size or 0.0 <= priorities.item() < math.inf:
            return
        raise ValueError(f"priority is {priorities.item()}: must be finite and not negative")
    bits = np.maximum.reduce(priorities.view(np.uint64), axis=None)  # negative, NaN and inf have the largest: one pass
    if bits < _INFINITY_BITS or (priorities.min() >= 0.0 and priorities.max() < math.inf):  # the latter for -0.0
        return
    raise ValueError(f"priorities span [{priorities.min()}, {priorities.max()}]: must be finite and not negative")
