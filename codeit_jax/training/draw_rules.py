"""How CodeIt draws from its replay buffer: as the released code does, as the paper says, or uniformly."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from codeit_jax.replay import LowestPriority, MixtureBatch, PrioritizedReplayBuffer, ReplayMixture
from codeit_jax.replay.store.columns import Schema
from codeit_jax.replay.tree.arrays import FloatArray


@dataclass(frozen=True, kw_only=True)
class DrawRule:
    """Settings of the buffers and of the draw of the policy's programs.

    Attributes:
        replacement: whether an item may be drawn several times.
        alpha: power to which priorities are raised; 0 draws uniformly.
        eps: added to every priority.
        prioritized: partitions whose items get their share of solved demonstrations as priority; items of others get
            zero.
    """

    replacement: bool
    alpha: float
    eps: float
    prioritized: frozenset[str]

    def make_buffer(
        self,
        capacity: int,
        schema: Schema,
        *,
        max_per_group: int | None = None,
        on_duplicate: Literal["replace", "keep"] = "replace",
    ) -> PrioritizedReplayBuffer:
        """Return an empty buffer for one partition; at capacity, the half of highest priority stays.

        Args:
            capacity, schema, max_per_group, on_duplicate: the buffer's. By default a program that is found again has
                its newest iteration, and is there once.
        """
        return PrioritizedReplayBuffer(
            capacity,
            schema,
            alpha=self.alpha,
            eps=self.eps,
            zero="uniform",  # where no item has a priority, as at the start, an error would end the run
            eviction=LowestPriority(0.5),
            on_duplicate=on_duplicate,
            max_per_group=max_per_group,
        )

    def priorities(self, partition: str, demonstration_performance: npt.ArrayLike) -> FloatArray:
        """Return the priorities of items of a partition, given the share of demonstrations each solves."""
        performance = np.asarray(demonstration_performance, dtype=np.float64)
        return performance if partition in self.prioritized else np.zeros_like(performance)

    def sample(self, mixture: ReplayMixture, counts: Mapping[str, int], rng: np.random.Generator) -> MixtureBatch:
        """Draw the given counts; without replacement, a partition smaller than its share is taken whole.

        Args:
            mixture: the partitions' buffers.
            counts: how many to draw of each partition.
            rng: consumed.
        """
        return mixture.sample(counts, replacement=self.replacement, rng=rng)


DRAW_RULES: Mapping[str, DrawRule] = {
    # Without replacement, proportional to performance + 1e-19: whatever solved a demonstration comes exactly once, the
    # rest of the share is uniform over what solved none. Training programs and mutants come uniformly, because the
    # released code reads an attribute for their priority that they do not have.
    "without_replacement": DrawRule(replacement=False, alpha=1.0, eps=1e-19, prioritized=frozenset({"policy"})),
    # With replacement, proportional to performance (section 3 of the paper): what solved no demonstration is never
    # drawn, unless nothing did. Of the policy's programs only: the paper draws training programs and mutants uniformly.
    "with_replacement": DrawRule(replacement=True, alpha=1.0, eps=0.0, prioritized=frozenset({"policy"})),
    # The ablation without priorities (A3).
    "uniform": DrawRule(replacement=False, alpha=0.0, eps=0.0, prioritized=frozenset()),
}
