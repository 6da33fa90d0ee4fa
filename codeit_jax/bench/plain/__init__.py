"""The DSL in plain Python on tuples and frozensets, one line after the other, with nothing shared and no budgets.

It follows the specification as directly as it can. The interpreter's benchmark runs beside it, and the tests hold the
interpreter's primitives against it.
"""

from codeit_jax.bench.plain.plain_evaluation import evaluate
from codeit_jax.bench.plain.plain_primitives import PRIMITIVES

__all__ = ["PRIMITIVES", "evaluate"]
