"""Prioritized replay in NumPy: exact weighted draws, with and without replacement, from 1 to 10,000,000 items.

Needs nothing but NumPy, and nothing else of this package.
"""

from codeit_jax.replay.buffer import PrioritizedReplayBuffer
from codeit_jax.replay.eviction import LowestPriority, MaxAge, Ring
from codeit_jax.replay.journal import ReplayJournal
from codeit_jax.replay.mixture import MixtureBatch, ReplayMixture
from codeit_jax.replay.replay_batch import Batch
from codeit_jax.replay.sharded_sampler import ShardedSampler, restore_shards
from codeit_jax.replay.shared_reader import SharedReader
from codeit_jax.replay.step_replay import StepReplay
from codeit_jax.replay.store.columns import Column, Payload, Tokens
from codeit_jax.replay.store.persistence import CorruptFileError
from codeit_jax.replay.store.segment_log import SegmentLog, TornTailWarning
from codeit_jax.replay.store.token_arena import TokenArena, TokenRows
from codeit_jax.replay.tree.sum_tree import SumTree

__all__ = [
    "Batch",
    "Column",
    "CorruptFileError",
    "LowestPriority",
    "MaxAge",
    "MixtureBatch",
    "Payload",
    "PrioritizedReplayBuffer",
    "ReplayJournal",
    "ReplayMixture",
    "Ring",
    "SegmentLog",
    "ShardedSampler",
    "SharedReader",
    "StepReplay",
    "SumTree",
    "TokenArena",
    "TokenRows",
    "Tokens",
    "TornTailWarning",
    "restore_shards",
]
