"""Prioritized replay in NumPy: exact weighted draws, with and without replacement, from 1 to 10,000,000 items.

Needs nothing but NumPy, and nothing else of this package.
"""

from codeit_jax.replay.buffer import Batch, PrioritizedReplayBuffer
from codeit_jax.replay.columns import Column, Payload, Tokens
from codeit_jax.replay.eviction import LowestPriority, MaxAge, Ring
from codeit_jax.replay.mixture import MixtureBatch, ReplayMixture
from codeit_jax.replay.persistence import CorruptFileError
from codeit_jax.replay.sum_tree import SumTree
from codeit_jax.replay.token_arena import TokenArena, TokenRows

__all__ = [
    "Batch",
    "Column",
    "CorruptFileError",
    "LowestPriority",
    "MaxAge",
    "MixtureBatch",
    "Payload",
    "PrioritizedReplayBuffer",
    "ReplayMixture",
    "Ring",
    "SumTree",
    "TokenArena",
    "TokenRows",
    "Tokens",
]
