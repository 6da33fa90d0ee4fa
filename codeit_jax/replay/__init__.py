"""Prioritized replay in NumPy: exact weighted draws, with and without replacement, from 1 to 10,000,000 items.

Needs nothing but NumPy, and nothing else of this package.
"""

from codeit_jax.replay.batch import Batch
from codeit_jax.replay.buffer import PrioritizedReplayBuffer
from codeit_jax.replay.columns import Column, Payload, Tokens
from codeit_jax.replay.eviction import LowestPriority, MaxAge, Ring
from codeit_jax.replay.journal import ReplayJournal
from codeit_jax.replay.mixture import MixtureBatch, ReplayMixture
from codeit_jax.replay.persistence import CorruptFileError
from codeit_jax.replay.recipes import RECIPES, Recipe
from codeit_jax.replay.segments import SegmentLog, TornTailWarning
from codeit_jax.replay.sharding import ShardedSampler, restore_shards
from codeit_jax.replay.sum_tree import SumTree
from codeit_jax.replay.token_arena import TokenArena, TokenRows

__all__ = [
    "RECIPES",
    "Batch",
    "Column",
    "CorruptFileError",
    "LowestPriority",
    "MaxAge",
    "MixtureBatch",
    "Payload",
    "PrioritizedReplayBuffer",
    "Recipe",
    "ReplayJournal",
    "ReplayMixture",
    "Ring",
    "SegmentLog",
    "ShardedSampler",
    "SumTree",
    "TokenArena",
    "TokenRows",
    "Tokens",
    "TornTailWarning",
    "restore_shards",
]
