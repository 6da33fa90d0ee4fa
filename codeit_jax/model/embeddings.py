"""A new vocabulary for pretrained weights."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from codeit_jax.model.t5 import Params


def replace_vocabulary(params: Params, pieces: Sequence[Sequence[int]]) -> Params:
    """Return the parameters with another vocabulary, each new row the mean of the old rows of its pieces.

    Args:
        params: NumPy arrays; the embedding, and the head where it isn't the embedding, are replaced.
        pieces: for each new token its pieces' ids in the old vocabulary.
    """
    tables = {name: mean_rows(params[name], pieces) for name in ("embedding", "head") if name in params}
    return params | tables


def mean_rows(table: NDArray[np.float32], pieces: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """Average rows of a table [V, D], float32 [len(pieces), D]; summed in float64, so rounded once."""
    return np.stack([table[list(ids)].mean(axis=0, dtype=np.float64) for ids in pieces]).astype(np.float32)
