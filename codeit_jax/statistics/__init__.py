"""Do two ways of solving tasks differ? Tests paired by task, intervals over tasks and seeds, what could have shown."""

from codeit_jax.statistics.paired_tests import holm, mcnemar, paired_permutation
from codeit_jax.statistics.side_comparison import Comparison, compare, compare_all, mean_interval

__all__ = ["Comparison", "compare", "compare_all", "holm", "mcnemar", "mean_interval", "paired_permutation"]
